"""A folder from which a server of models reads adapters: each in PEFT's format, named by its content, found again and destroyed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from idiolect.errors import StoreError
from idiolect.models import algebra
from idiolect.models.peft_write import CONFIG, WEIGHTS, write_peft
from idiolect.types import Adapter, digest

PREFIX = "idiolect-"  # of what is ours among the folders, and among the models of the server
MADE_OF = "made_of.json"  # the digests of the adapters in a mixture
ABANDONED = 3600.0  # seconds after which what was half written or half destroyed has been left so
BLOCK = 1 << 20

Shares = tuple[tuple[Adapter, float], ...]


class Shelf:
    """Adapters in `folder`, at most `most`, for their owner alone to read; the server knows it as `seen_as` (None: under the same path).

    Processes that share a server share its shelf: names are digests, so equal adapters, and they alone, are the same folder.
    """

    def __init__(self, folder: str | Path, most: int = 1000, seen_as: str | None = None) -> None:
        self.folder, self.most = Path(folder).absolute(), most
        self.seen_as = PurePosixPath(seen_as) if seen_as else self.folder

    def path(self, name: str) -> str:
        """Where the server finds this one."""
        return str(self.seen_as / name)

    def put(self, name: str, shares: Shares, base: str) -> None:
        """Write the mixture unless it is there; the one that was not asked for longest makes room. Raises StoreError, ModelError."""
        place = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            os.utime(place)
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made_of = json.dumps(sorted({adapter.digest for adapter, _ in shares}))
        try:
            write_peft(_mixed(shares), place, base, (MADE_OF, made_of))
        except StoreError:
            if not place.is_dir():  # else another process wrote it meanwhile
                raise

    def surplus(self) -> list[str]:
        """The names beyond `most`, those first that were not asked for longest."""
        aged = sorted((place.stat().st_mtime, place.name) for place in self._places())
        return [name for _, name in aged[: max(0, len(aged) - self.most)]]

    def made_of(self, name: str) -> frozenset[str]:
        """The digests of the adapters in this one; none for one that is broken."""
        try:
            return frozenset(json.loads((self.folder / name / MADE_OF).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return frozenset()

    def holding(self, adapter: str) -> list[str]:
        """The names of what the adapter of this digest is a part of."""
        return [place.name for place in self._places() if adapter in self.made_of(place.name)]

    def unowned(self, keep: Collection[str]) -> list[str]:
        """The names of what has a part that is not in `keep` (digests), or cannot be read."""
        return [place.name for place in self._places() if not (parts := self.made_of(place.name)) or not parts <= set(keep)]

    def blank(self, name: str) -> str | None:
        """The name of a new one of the same shapes, all zeros; None where there is nothing to copy."""
        zeros = self.folder / f".{name}-zeros"
        try:
            raw = (self.folder / name / WEIGHTS).read_bytes()
            zeros.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(self.folder / name / CONFIG, zeros / CONFIG)
            header = 8 + int.from_bytes(raw[:8], "little")  # safetensors: the header's length, the header, the numbers
            (zeros / WEIGHTS).write_bytes(raw[:header] + bytes(len(raw) - header))
        except OSError:
            return None
        return zeros.name

    def destroy(self, name: str) -> bool:
        """Overwrite the folder's files and remove it; whether there was one. Raises StoreError if it cannot be."""
        place = self.folder / name
        gone = place if name.startswith(".") else self.folder / f".{name}-gone"  # nobody finds it half destroyed
        try:
            if gone != place:
                shutil.rmtree(gone, ignore_errors=True)
                place.rename(gone)
            for path in gone.iterdir():
                _overwrite(path)
            shutil.rmtree(gone)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"the adapter in {place} could not be erased ({error.strerror or error}); free it and erase again") from error
        return True

    def tidy(self) -> None:
        """Destroy what was left half written or half destroyed long ago."""
        for place in self.folder.glob(f".{PREFIX}*"):
            if time.time() - place.stat().st_mtime > ABANDONED:
                self.destroy(place.name)

    def _places(self) -> Iterator[Path]:
        return (place for place in sorted(self.folder.glob(f"{PREFIX}*")) if place.is_dir())


def named(shares: Shares) -> str:
    """The name of a mixture: that of its content, in whatever order it is given. Reads adapters whose digest was not made yet."""
    if len(shares) == 1 and shares[0][1] == 1:
        return PREFIX + shares[0][0].digest
    return PREFIX + digest(
        "mixture", *(part for pair in sorted((one.digest, repr(float(share))) for one, share in shares) for part in pair)
    )


def parts(adapters: Shares) -> Shares:
    """The parts of a mixture that change anything."""
    return tuple((adapter, share) for adapter, share in adapters if share)


def _mixed(shares: Shares) -> Adapter:
    return algebra.scaled(*shares[0]) if len(shares) == 1 else algebra.mixture(shares)


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as opened:
        for start in range(0, size := path.stat().st_size, BLOCK):
            opened.write(bytes(min(BLOCK, size - start)))
        os.fsync(opened.fileno())
