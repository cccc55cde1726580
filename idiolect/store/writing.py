"""Files written so that they are on the disk when a call returns, and overwritten so that nothing is left of them."""

from __future__ import annotations

import os
from pathlib import Path

BLOCK = 1 << 20  # bytes written or read at a time


def overwrite(path: Path) -> None:
    """Zeros in place of a file's bytes, on the disk before this returns. Raises OSError."""
    with path.open("r+b", buffering=0) as opened:
        for start in range(0, path.stat().st_size, BLOCK):
            opened.write(bytes(min(BLOCK, path.stat().st_size - start)))
        os.fsync(opened.fileno())


def write_through(path: Path, raw: bytes) -> None:
    """Write a new file, for its owner alone, on the disk before this returns. Raises OSError, also where one is there."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        left = memoryview(raw)
        while left:
            left = left[os.write(opened, left[:BLOCK]) :]
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_folder(folder: Path) -> None:
    """Return once the names in `folder` are on the disk."""
    if os.name != "nt":  # Windows cannot open a folder, and needs no such sync
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
