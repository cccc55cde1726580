"""How much may be asked in a minute: buckets of tokens, in memory, one for each key and one for each person."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from idiolect.errors import DataError
from idiolect.serve.faults import TooMany

MINUTE = 60.0  # seconds, in which an empty bucket is full again
MOST = 100_000  # buckets


class Limits:
    """So many requests a minute of each key, and about each person; 0: no limit. Each process counts its own.

    A bucket holds one minute's requests: who was idle may ask them all at once, and then one each time that one has run in.
    One that is full again is forgotten, so that only those who asked within the last minute take memory. To be used from one thread.
    """

    def __init__(self, per_key: int = 0, per_person: int = 0, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        if per_key < 0 or per_person < 0:
            raise DataError(f"limits are requests a minute, 0 for none: {per_key} a key, {per_person} a person")
        self._per_key, self._per_person, self._clock, self._most = per_key, per_person, clock, most
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()  # what is in it, and when that was so

    def __len__(self) -> int:
        return len(self._buckets)

    def key(self, name: str) -> None:
        """A request with a key. Raises TooMany, which says when the next one may come."""
        self._take(("key", name), self._per_key, "this key")

    def person(self, name: str) -> None:
        """A request about a person (their key in the store). Raises TooMany."""
        self._take(("person", name), self._per_person, "for one person one")

    def _take(self, whose: tuple[str, str], most: int, who: str) -> None:
        if not most:
            return
        now = self._clock()
        self._forget(now)
        held, since = self._buckets.pop(whose, (float(most), now))
        held = min(float(most), held + (now - since) * most / MINUTE)
        self._buckets[whose] = (held - 1 if held >= 1 else held), now
        if held < 1:
            raise TooMany(f"{who} may ask {most} times a minute: ask again a little later", (1 - held) * MINUTE / most)

    def _forget(self, now: float) -> None:
        while self._buckets and (len(self._buckets) >= self._most or now - next(iter(self._buckets.values()))[1] >= MINUTE):
            self._buckets.popitem(last=False)
