"""Bends of rows that come and go, in buffers with room: whoever joins or leaves is copied, nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from idiolect.errors import ModelError
from idiolect.models.bends import Bends
from idiolect.models.cache import Moves, Room, roomy

APART = ("jobs", "prefixes")  # spread over the rows by `Bends.rows`, and read with the prompt
Parts = tuple[Tensor, ...]  # each (rows, ...), or (1, ...) for all rows


class Seats:
    """The bends of rows in flight: every field of `Bends` that maps keys to tensors. A row without an entry has zeros there."""

    def __init__(self) -> None:
        self.rows = 0
        self._stacks: dict[tuple[str, Any], Stack] = {}
        self._bends: Bends | None = None

    def join(self, bends: Bends, rows: int) -> None:
        """Seat `rows` more rows behind the others. Raises ModelError for a kind of bend that has no rows."""
        if bends.jobs is not None:
            bends = bends.rows(torch.arange(rows, device=bends.jobs.device))
        given = {(name, key): value for name, key, value in _entries(bends)}
        for at, value in given.items():
            self._stacks.setdefault(at, Stack(self.rows, single=isinstance(value, Tensor)))
        for at, stack in self._stacks.items():
            value = given.get(at, ())
            stack.join((value,) if isinstance(value, Tensor) else value, rows)
        self.rows, self._bends = self.rows + rows, None

    def leave(self, moves: Moves, left: int) -> None:
        """Of all rows the first `left` stay, after the moves."""
        for stack in self._stacks.values():
            stack.leave(moves, left)
        self._stacks = {at: stack for at, stack in self._stacks.items() if stack.taken}
        self.rows, self._bends = left, None

    @property
    def bends(self) -> Bends:
        """The bends of all rows, in order: views, good until somebody joins or leaves."""
        if self._bends is None:
            made: dict[str, Any] = {}
            for (name, key), stack in self._stacks.items():
                made.setdefault(name, {})[key] = stack.view()
            self._bends = Bends(**made)
        return self._bends


class Stack:
    """What stands under one key: a tensor, or several that belong together, for each row; or one for all, while all have the same."""

    def __init__(self, rows: int, single: bool) -> None:
        self.single = single
        self._shared: Parts = ()
        self._rooms: list[Room] = []
        self._sizes: list[list[torch.Size]] = [[]] * rows  # of each row's own tensors; none where it has nothing here

    @property
    def taken(self) -> bool:
        """Whether any row has something here."""
        return any(self._sizes)

    def join(self, parts: Parts, rows: int) -> None:
        """`rows` more rows, which have these tensors, or none."""
        if parts and self._is_everybodys(parts):
            self._shared = parts
        else:
            shared, self._shared = self._shared, ()
            if shared:
                self._write(shared, 0, len(self._sizes))
            self._write(parts, len(self._sizes), rows)
        self._sizes += [[part.shape[1:] for part in parts]] * rows

    def leave(self, moves: Moves, left: int) -> None:
        """Of all rows the first `left` stay, after the moves."""
        for room in self._rooms:
            room.leave(moves, left, len(self._sizes))
        for row, hole in moves:
            self._sizes[hole] = self._sizes[row]
        del self._sizes[left:]

    def view(self) -> Tensor | Parts:
        """The tensors (rows, ...), no larger than the rows that are here need them."""
        made = self._shared or tuple(self._seen(number) for number in range(len(self._rooms)))
        return made[0] if self.single else made

    def _seen(self, number: int) -> Tensor:
        sizes = [own[number] for own in self._sizes if own]
        return self._rooms[number].buffer[(slice(len(self._sizes)), *(slice(max(size)) for size in zip(*sizes, strict=True)))]

    def _is_everybodys(self, parts: Parts) -> bool:
        if self.single or any(len(part) != 1 for part in parts):
            return False
        return not self._sizes or (bool(self._shared) and all(map(torch.equal, self._shared, parts)))

    def _write(self, parts: Parts, start: int, rows: int) -> None:
        """Rows from `start` on; with no parts, room for them alone."""
        self._rooms = self._rooms or [Room(part, 0, *[0] * (part.dim() - 1)) for part in parts]
        for number, room in enumerate(self._rooms):
            had, size = room.buffer.shape, parts[number].shape[1:] if parts else ()
            sizes = tuple(map(max, had[1:], size)) if size else tuple(had[1:])
            if start + rows > had[0] or sizes != had[1:]:
                room.resize(max(had[0], roomy(start + rows, had[0])), *sizes)
            if parts:
                room.buffer[(slice(start, start + rows), *map(slice, size))] = parts[number]


def _entries(bends: Bends) -> Iterator[tuple[str, Any, Tensor | Parts]]:
    for field in fields(bends):
        value = getattr(bends, field.name)
        if field.name in APART:
            continue
        if not isinstance(value, Mapping):
            raise ModelError(f"rows with {field.name!r} cannot join others in flight: it does not map keys to tensors")
        yield from ((field.name, key, parts) for key, parts in value.items())
