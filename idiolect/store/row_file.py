"""One file of adapters of one layout: a contiguous row each, found by its number, written whole or not at all, wiped and used again."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from idiolect.errors import StoreError
from idiolect.store.layouts import HEADER, Layout
from idiolect.store.writing import BLOCK, sync_folder, write_through

MAGIC = b"idiolect.rows.1\n"  # then 8 bytes of length, then the layout as JSON, then zeros up to the first row
PAGE = 4096  # bytes: where the first row may begin
TORN = b"\xff" * HEADER  # the header of a row that is being written, or that nobody should read any more
TOKEN = 16  # bytes
FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class RowFile:
    """An open file of rows. A row's header is the token of what lies in it: all zeros where nothing does, all ones where it is torn.

    Whoever writes or wipes holds the store's write lock. Reading needs no lock: a row is read, and its token is read once more;
    tokens are never used twice, so if both are the one expected, the row did not change in between. Rows are read and not
    mapped: a view of a mapped row would show the next person's numbers once the row is used again.
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path`. Raises FileNotFoundError, and StoreError if it is not a file of rows, whole at its head."""
        self.path = path
        self._lock = threading.Lock()
        self._opened = os.open(path, os.O_RDWR | FLAGS)
        try:
            self.layout, self.start = self._head()
        except StoreError:
            self.close()
            raise
        self.stride = _up(HEADER + self.layout.size, HEADER)

    @classmethod
    def make(cls, folder: Path, layout: Layout) -> RowFile:
        """The file of `layout` in `folder`, made if it is not there. Raises StoreError if the disk refuses."""
        path = folder / f"{layout.name}.rows"
        try:
            if not path.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                text = layout.text.encode()
                head = MAGIC + len(text).to_bytes(8, "little") + text
                half = path.with_name(path.name + ".half")
                half.unlink(missing_ok=True)
                write_through(half, head + bytes(-len(head) % PAGE))
                os.replace(half, path)
                sync_folder(folder)
            return cls(path)
        except OSError as error:
            raise _refused(path, error) from error

    def read(self, row: int, token: bytes) -> bytes:
        """The header and the content of a row. Raises FileNotFoundError if `token` is not, or no longer, what lies there."""
        at = self.start + row * self.stride
        raw = self._get(at, HEADER + self.layout.size)
        if raw[:TOKEN] != token or self._get(at, TOKEN) != token or len(raw) != HEADER + self.layout.size:
            raise FileNotFoundError(f"row {row} of {self.path} holds something else")
        return raw

    def holds(self, row: int, token: bytes) -> bool:
        """Whether `token` is what lies in a row."""
        return self._get(self.start + row * self.stride, TOKEN) == token

    def write(self, row: int, body: bytes) -> bytes:
        """Put `body` into a row that is free; its new token. On the disk once `sync` returned. Raises StoreError if the disk refuses."""
        token = os.urandom(TOKEN)
        try:
            self._replace(row, body, token.ljust(HEADER, b"\0"))
        except OSError as error:
            raise _refused(self.path, error) from error
        return token

    def void(self, row: int) -> None:
        """Mark a free row as not to be read; what lies in it is wiped at the next `wipe`, or overwritten by the next `write`."""
        with contextlib.suppress(OSError):  # it is free already: nothing hangs on the mark
            self._put(self.start + row * self.stride, TORN)

    def wipe(self, rows: Sequence[int]) -> None:
        """Overwrite rows with zeros, on the disk before this returns. Raises StoreError if they cannot be."""
        try:
            for row in rows:
                self._replace(row, bytes(self.stride - HEADER), TORN)  # torn until the zeros are on the disk
            self.sync()
            for row in rows:
                self._put(self.start + row * self.stride, bytes(HEADER))
            left = [row for row in rows if not self.blank(row)]
        except OSError as error:
            raise StoreError(f"rows of {self.path} could not be erased ({error.strerror}); free it and erase again") from error
        if left:
            raise StoreError(f"rows {left} of {self.path} do not take zeros; see to its disk and erase again")

    def blank(self, row: int, thorough: bool = True) -> bool:
        """Whether nothing lies in a row: no byte, or (not `thorough`) no header."""
        size = self.stride if thorough else HEADER
        return not any(self._get(self.start + row * self.stride, size).strip(b"\0"))

    def cut(self, rows: int) -> None:
        """End the file after `rows` rows: behind them lies what a process left that was killed while it wrote."""
        with contextlib.suppress(OSError):
            if os.fstat(self._opened).st_size > self.start + rows * self.stride:
                os.ftruncate(self._opened, self.start + rows * self.stride)

    def sync(self) -> None:
        """Return once everything written is on the disk. Raises StoreError if the disk refuses."""
        try:
            os.fsync(self._opened)
        except OSError as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):
            os.close(self._opened)

    def _head(self) -> tuple[Layout, int]:
        begin = self._get(0, len(MAGIC) + 8)
        length = int.from_bytes(begin[len(MAGIC) :], "little")
        if not begin.startswith(MAGIC) or length > os.fstat(self._opened).st_size:
            raise StoreError(f"{self.path} does not begin as a file of adapters does; restore it, or enroll its people again")
        layout = Layout.read(self._get(len(begin), length).decode(errors="replace"))
        if f"{layout.name}.rows" != self.path.name:
            raise StoreError(f"the head of {self.path} is damaged; restore it, or enroll its people again")
        return layout, _up(len(begin) + length, PAGE)

    def _replace(self, row: int, body: bytes, header: bytes) -> None:
        """Torn until all of the body is in: a reader of the row sees that, and so does whoever cleans after a kill."""
        at = self.start + row * self.stride
        self._put(at, TORN)
        self._put(at + HEADER, body)
        self._put(at, header)

    def _get(self, at: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._opened, size, at)
        with self._lock:
            os.lseek(self._opened, at, os.SEEK_SET)
            return os.read(self._opened, size)

    def _put(self, at: int, raw: bytes) -> None:
        left = memoryview(raw)
        while left:
            with self._lock:
                os.lseek(self._opened, at, os.SEEK_SET)
                done = os.write(self._opened, left[:BLOCK])
            at, left = at + done, left[done:]


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def _refused(path: Path, error: OSError) -> StoreError:
    said = f"an adapter could not be written to {path} ({error.strerror or error})"
    return StoreError(f"{said}; what was kept before is whole: make room there and save again")
