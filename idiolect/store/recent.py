"""The values last used, up to so many bytes of them together."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values last put or got, up to `limit` (bytes, or what sizes are given in); a value alone larger than that is not kept.

    Threads may share it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """What was put under `key`, if it is still held."""
        with self._lock, contextlib.suppress(KeyError):
            self._held.move_to_end(key)
            return self._held[key][0]
        return None

    def put(self, key: Key, value: Value, size: int) -> None:
        """Hold `value`, of `size`, and let go of those longest unused."""
        with self._lock:
            self._size += size - self._held.pop(key, (value, 0))[1]
            self._held[key] = (value, size)
            while self._size > self.limit:
                self._size -= self._held.popitem(last=False)[1][1]

    def drop(self, keys: Iterable[Key]) -> None:
        """Let go of these."""
        with self._lock:
            for key in keys:
                if key in self._held:
                    self._size -= self._held.pop(key)[1]

    def clear(self) -> None:
        """Let go of everything."""
        self.drop(list(self._held))

    def __len__(self) -> int:
        return len(self._held)
