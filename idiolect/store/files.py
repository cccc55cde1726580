"""Big states as files beside the database: written whole or not at all, named by a hash, destroyed on request."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from idiolect.errors import StoreError
from idiolect.store import states
from idiolect.store.keys import MARK, Keys
from idiolect.store.writing import overwrite, sync_folder, write_through
from idiolect.types import digest


class StateFiles:
    """The folder of state files. A name says nothing about whose state it is: it hashes the content and a random salt."""

    take_from = 64 * 1024.0  # bytes: smaller states lie in the database, which is faster there; others are files, memory-mapped

    def __init__(self, folder: Path, keys: Keys | None = None) -> None:
        self.folder, self.keys = folder, keys

    def path(self, name: str) -> Path:
        """Where the file `name` lies."""
        return self.folder / name

    def write(self, raw: bytes) -> str:
        """Keep `raw` in a new file, on the disk before this returns, and return the file's name.

        Raises StoreError, and leaves nothing behind, if the disk is full or refuses.
        """
        name = digest(raw, os.urandom(16)) + ".safetensors"
        half = self.path(name + ".half")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_through(half, raw)
            os.replace(half, self.path(name))
            sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)
            raise StoreError(
                f"a state of {len(raw)} bytes could not be written to {self.folder} ({error.strerror or error}); "
                "what was kept before is whole: make room there and save again"
            ) from error
        return name

    def raw(self, row: Any) -> Any:
        """The bytes of the state in a row, or of the file that the row names, mapped; opened, where they are sealed.

        Raises FileNotFoundError, and StoreError where they cannot be opened.
        """
        raw = row.blob if row.file is None else states.map_file(self.path(row.file))
        if raw[: len(MARK)] != MARK:
            return raw
        if self.keys is None:
            raise StoreError("a state is sealed, and the store was opened without keys: open it again with them")
        return self.keys.open(raw[:])

    def drop(self, names: Collection[str]) -> None:
        """Unlink files that were replaced. One that is gone already, or stays for now, is no error: opening the store cleans up."""
        for name in names:
            with contextlib.suppress(OSError):
                self.path(name).unlink()

    def destroy(self, names: Collection[str]) -> None:
        """Overwrite files with zeros, then unlink them. Raises StoreError if one can be neither."""
        for name in names:
            try:
                overwrite(self.path(name))
                self.path(name).unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{self.path(name)} could not be erased ({error.strerror or error}); free it and erase again") from error

    def clean(self, keep: Collection[str | None]) -> None:
        """Unlink everything that no state refers to: what a process left that was killed while it saved or erased."""
        self.drop([path.name for path in self if path.name not in keep])

    def __iter__(self) -> Iterator[Path]:
        """Every file in the folder, in the order of their names."""
        return iter(sorted(self.folder.iterdir()) if self.folder.is_dir() else [])


class NoFiles(StateFiles):
    """For a store without a folder: its states lie in the database, whatever their size."""

    take_from = math.inf

    def __init__(self, keys: Keys | None = None) -> None:
        super().__init__(Path(os.devnull), keys)

    def write(self, raw: bytes) -> str:
        """Never called. Raises StoreError."""
        raise StoreError(f"a state of {len(raw)} bytes was to be a file, and this store has none")

    def __iter__(self) -> Iterator[Path]:
        """None."""
        return iter(())
