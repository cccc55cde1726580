"""A search of files' bytes for what an erased person may have left: their id, and any 16 bytes of their texts and vectors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import StoreError

Marks = NDArray[np.uint64]

WINDOW = 16  # bytes: pages and escapes break long texts, so pieces of this length are looked for
SHORT = 6  # bytes: a shorter id would turn up by chance
DISTINCT = 4  # a window of fewer different bytes is padding, not evidence
BLOCK = 1 << 20
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xD6E8FEB86659FD93))
BITS = 20  # of the table that lets most windows pass unlooked at

_CAT = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"


class Traces:
    """What to look for. `within` says which of it occurs in a stream of bytes; `unsearched` counts texts too short to look for."""

    def __init__(self, user_id: str, texts: Iterable[str], raws: Iterable[bytes] = ()) -> None:
        pieces = {piece for raw in raws for piece in _pieces(raw)}
        self.unsearched = 0
        for text in {user_id, *texts}:
            own = {piece for form in _forms(text) for piece in _pieces(form)}
            self.unsearched += not own and bool(text)
            pieces |= own
        words = np.frombuffer(b"".join(pieces), "<u8")
        self.marks: Marks = np.unique(_mixed(words[::2], words[1::2]))
        self.names = tuple(form for form in _forms(user_id) if SHORT <= len(form) < WINDOW)
        self.unsearched -= bool(self.names)
        self._table = np.zeros(1 << BITS, bool)
        self._table[_slot(self.marks)] = True

    def within(self, blocks: Iterable[bytes]) -> set[int | bytes]:
        """The traces that occur in `blocks` (one stream, in pieces of any length)."""
        seen: set[int | bytes] = set()
        tail = b""
        for block in _gathered(blocks):
            joined = tail + block
            seen.update(name for name in self.names if name in joined)
            seen.update(int(mark) for mark in self._marks_in(joined))
            tail = joined[1 - WINDOW :]
        return seen

    def _marks_in(self, raw: bytes) -> Marks:
        hits = []
        for offset in range(8):
            words = np.frombuffer(raw, "<u8", max(len(raw) - offset, 0) // 8, min(offset, len(raw)))
            mixed = _mixed(words[:-1], words[1:])
            hits.append(mixed[self._table[_slot(mixed)]])
        found = np.unique(np.concatenate(hits))
        place = np.searchsorted(self.marks, found)
        return found[self.marks[np.minimum(place, len(self.marks) - 1)] == found] if len(self.marks) else found[:0]


def blocks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in blocks; none if it is gone."""
    try:
        with path.open("rb") as opened:
            while block := opened.read(BLOCK):
                yield block
    except FileNotFoundError:
        return


def blocks_of_database(path: Path) -> Iterator[bytes]:
    """The bytes of a file that SQLite has open, in blocks; none if it is gone.

    Read by another process: closing such a file in this one would take away the locks that SQLite holds on it here.
    """
    if not path.exists():
        return
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", _CAT, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as cat:
        if cat.stdout is None or cat.stderr is None:
            raise StoreError(f"{path} could not be read back")
        while block := cat.stdout.read(BLOCK):
            yield block
        said = cat.stderr.read().decode(errors="replace")
    if cat.returncode and path.exists():
        raise StoreError(f"{path} could not be read back: {said.strip()[-200:]}")


def _gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same stream in blocks of a size worth looking through at once."""
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _forms(text: str) -> set[bytes]:
    """The bytes of `text`, plain and as it stands inside JSON."""
    quoted = (json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))
    return {form.encode("utf-8", "surrogatepass") for form in (text, *quoted)}


def _pieces(raw: bytes) -> Iterator[bytes]:
    starts = [*range(0, len(raw) - WINDOW + 1, WINDOW), *([len(raw) - WINDOW] if len(raw) >= WINDOW else [])]
    return (piece for piece in (raw[at : at + WINDOW] for at in starts) if len(set(piece)) >= DISTINCT)


def _mixed(first: Marks, second: Marks) -> Marks:
    """The two halves of n windows to n 64-bit hashes, which stand for the windows: 10^9 against 10^6 meet by chance once in 10^4 times."""
    return (first * MIX[0]) ^ (second * MIX[1])


def _slot(marks: Marks) -> Marks:
    return (marks * MIX[2]) >> np.uint64(64 - BITS)
