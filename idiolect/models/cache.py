"""Keys and values of rows in flight, in buffers with room: a new token copies only itself, and who joins or leaves only their own rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

Moves = Sequence[tuple[int, int]]  # (a row, the hole that it fills)
Part = tuple[Sequence[int], DynamicCache, Tensor]  # places among those who join, what was kept of their prompts, their mask (rows, tokens)

SHORTEST = 64  # columns of the first shelf; each other has twice as many as the one before


class Room:
    """Rows of a tensor (rows, ...) in a buffer with room for more, zero where no row is.

    What is masked must still be a number, and who left has left nothing behind.
    """

    def __init__(self, like: Tensor, *sizes: int) -> None:
        self.buffer = like.new_zeros(sizes)

    def resize(self, *sizes: int) -> None:
        """A buffer of these sizes with the same beginnings."""
        if self.buffer.shape != sizes:
            made, inside = self.buffer.new_zeros(sizes), tuple(map(slice, map(min, sizes, self.buffer.shape)))
            made[inside] = self.buffer[inside]
            self.buffer = made

    def leave(self, moves: Moves, left: int, rows: int) -> None:
        """Of `rows` rows the first `left` stay, after the moves."""
        for row, hole in moves:
            self.buffer[hole] = self.buffer[row]
        self.buffer[left:rows] = 0


def roomy(needed: int, had: int) -> int:
    """Rows for a buffer of `had` that must have `needed`: half as many again where it grows."""
    return had if needed <= had else max(needed, had + had // 2)


def fill(rows: int, leaving: Collection[int]) -> tuple[Moves, int]:
    """Who moves where so that the rows that stay are the first, and how many stay. The last rows fill the holes."""
    left = rows - len(leaving)
    holes = sorted(row for row in leaving if row < left)
    return list(zip([row for row in range(left, rows) if row not in leaving], holes, strict=True)), left


def soon(start: int, limit: int) -> int:
    """Columns for a row that has `start` and may grow by `limit`: no more than it may need, nor much more than it has."""
    return start + min(limit, max(start, SHORTEST))


def shelf_for(columns: int) -> int:
    """The shelf for rows of so many columns: at most twice as many, but for the first."""
    tokens = SHORTEST
    while tokens < columns:
        tokens *= 2
    return tokens


class Shelf:
    """Rows of about one length, up to `tokens` columns: nobody's attention goes over the columns of a row that is much longer."""

    def __init__(self, tokens: int, like: Sequence[Sequence[Tensor]]) -> None:
        self.tokens = tokens
        self.rows: list[int] = []  # whose keys and values these are, in the shelf's own order
        self.rooms = [[Room(one, 0, one.shape[1], 0, one.shape[3]) for one in pair] for pair in like]  # keys and values, by layer
        self.index: Tensor | None = None  # the rows; None where they are all there are, in order
        self.seen: Tensor | None = None  # (rows, 1, 1, tokens), true where a row has a token; None: everywhere

    def add(self, rows: Sequence[int], read: Sequence[Sequence[Tensor]], columns: int) -> None:
        """Rows with their keys and values, (rows, heads, tokens, width) for each layer, which will soon be `columns` long."""
        before, after = len(self.rows), len(self.rows) + len(rows)
        for own, given in zip(self.rooms, read, strict=True):
            for room, tensor in zip(own, given, strict=True):
                had = room.buffer.shape
                room.resize(roomy(after, had[0]), had[1], min(self.tokens, max(columns, had[2])), had[3])
                room.buffer[before:after, :, : tensor.shape[2]] = tensor
        self.rows += rows

    def leave(self, slots: Collection[int]) -> None:
        """These leave; a buffer twice as large as what is left is given up for a smaller one."""
        moves, left = fill(len(self.rows), slots)
        for room in chain(*self.rooms):
            room.leave(moves, left, len(self.rows))
            if len(room.buffer) > 2 * left:
                room.resize(left + left // 2, *room.buffer.shape[1:])
        for slot, hole in moves:
            self.rows[hole] = self.rows[slot]
        del self.rows[left:]

    def settle(self, starts: Sequence[int], ends: Sequence[int], device: torch.device) -> None:
        """Take in where the tokens of all rows start, and where their next ones go, after somebody came or left."""
        own = [[some[row] for row in self.rows] for some in (starts, ends)]
        self._starts, self._ends = torch.tensor([own[0], [end - 1 for end in own[1]]], device=device)[:, :, None]
        self._slots = torch.arange(len(self.rows), device=device)
        self.index = None if self.rows == list(range(len(ends))) else torch.tensor(self.rows, device=device)
        self.longest, self._level, self._padded, self.seen = max(own[1]), min(own[1]) == max(own[1]), any(own[0]), None

    def turn(self) -> None:
        """Make room for one more token of each row."""
        if self.longest == self.rooms[0][0].buffer.shape[2]:
            for room in chain(*self.rooms):
                had = room.buffer.shape
                room.resize(*had[:2], min(self.tokens, soon(had[2], had[2])), had[3])
        self.longest += 1
        if not self._level or self._padded:
            self._ends += 1
            columns = torch.arange(self.longest, device=self._ends.device)
            self.seen = ((columns >= self._starts) & (columns <= self._ends))[:, None, None]

    def write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """One token of each of all rows (rows, heads, 1, width) behind the others. What this shelf's rows have now."""
        for room, given in zip(self.rooms[layer], (key, value), strict=True):
            own = given if self.index is None else given[self.index]
            if self._level:
                room.buffer[: len(self.rows), :, self.longest - 1 : self.longest] = own
            else:
                room.buffer[self._slots, :, self._ends[:, 0]] = own[:, :, 0]
        keys, values = (room.buffer[: len(self.rows), :, : self.longest] for room in self.rooms[layer])
        return keys, values


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """One layer's keys and values, which lie on shelves."""

    def __init__(self, slots: Slots, number: int, like: Tensor) -> None:
        super().__init__()
        self.slots, self.number = slots, number
        self.dtype, self.device, self.is_initialized = like.dtype, like.device, True

    def get_seq_length(self) -> int:
        """Columns in use, of the longest row."""
        return self.slots.longest

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write one token of each row; all rows' keys and values, as if there were one shelf: `attended` need not copy them."""
        shelves = self.slots.shelves
        written = [shelf.write(self.number, key_states, value_states) for shelf in shelves]
        if shelves[0].index is None:
            return written[0]
        keys, values = (one.new_zeros(len(one), one.shape[1], self.slots.longest + 1, one.shape[3]) for one in (key_states, value_states))
        for shelf, (own_keys, own_values) in zip(shelves, written, strict=True):
            keys[shelf.index, :, : shelf.longest], values[shelf.index, :, : shelf.longest] = own_keys, own_values
        return keys, values

    def attended(self, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        """What the queries of one token of each row (rows, heads of keys, queries, width) make of the row's tokens, this one included."""
        made = torch.empty_like(query)
        for shelf in self.slots.shelves:
            keys, values = shelf.write(self.number, key, value)
            asked = query if shelf.index is None else query[shelf.index]
            answer = scaled_dot_product_attention(asked, keys, values, attn_mask=shelf.seen, scale=scale)
            if shelf.index is None:
                return answer
            made[shelf.index] = answer
        return made


class Slots:
    """The cache of rows that come and go, whoever else is there; every layer keeps every token (`simple`)."""

    def __init__(self, device: torch.device) -> None:
        self.cache, self.device = DynamicCache(), device
        self.shelves: list[Shelf] = []
        self.starts: list[int] = []  # the first column of each row: those before are padding
        self.ends: list[int] = []  # the column of its next token
        self.longest, self._settled = 0, False

    def join(self, parts: Sequence[Part], limits: Sequence[int]) -> None:
        """Prompts that were read, as rows behind those that are here; `limits` has the tokens that each may grow by."""
        before, self._settled = len(self.ends), False
        self.starts, self.ends = self.starts + [0] * len(limits), self.ends + [0] * len(limits)
        for places, cache, mask in parts:
            if not self.shelves:
                self.cache.layers = self._layers(cache)
            read = [(layer.keys, layer.values) for layer in cache.layers if layer.is_initialized]
            tokens, padding = mask.shape[1], (mask.shape[1] - mask.sum(dim=1)).tolist()
            columns = [soon(tokens, limits[place]) for place in places]
            for size in sorted(set(map(shelf_for, columns))):
                some = [i for i, own in enumerate(columns) if shelf_for(own) == size]
                given = read if len(some) == len(places) else [(keys[some], values[some]) for keys, values in read]
                self._shelf(size, given).add([before + places[i] for i in some], given, max(columns[i] for i in some))
            for place, empty in zip(places, padding, strict=True):
                self.starts[before + place], self.ends[before + place] = empty, tokens

    def leave(self, moves: Moves, left: int) -> None:
        """Of all rows the first `left` stay, after the moves."""
        stay, self._settled = {row: row for row in range(left)}, False
        for row, hole in moves:
            del stay[hole]
            stay[row] = hole
            self.starts[hole], self.ends[hole] = self.starts[row], self.ends[row]
        for shelf in self.shelves:
            shelf.leave({slot for slot, row in enumerate(shelf.rows) if row not in stay})
            shelf.rows = [stay[row] for row in shelf.rows]
        self.shelves = [shelf for shelf in self.shelves if shelf.rows]
        del self.starts[left:], self.ends[left:]

    def next(self) -> tuple[Tensor, Tensor]:
        """Make room for one more token of each row: the mask with it (rows, tokens), and its positions (rows, 1)."""
        self._promote()
        if not self._settled:
            for shelf in self.shelves:
                shelf.settle(self.starts, self.ends, self.device)
            begin, end = torch.tensor([self.starts, self.ends], device=self.device)[:, :, None]
            self._begin, self._positions, self._settled = begin, end - begin, True
        else:
            self._positions = self._positions + 1
        for shelf in self.shelves:
            shelf.turn()
        self.longest = max(self.ends)
        self.ends = [end + 1 for end in self.ends]
        return self._mask(), self._positions

    def _mask(self) -> Tensor:
        first = self.shelves[0]
        if first.index is None and first.seen is None:
            return torch.ones(len(self.ends), self.longest + 1, dtype=torch.long, device=self.device)
        columns = torch.arange(self.longest + 1, device=self.device)
        mask: Tensor = (columns >= self._begin) & (columns <= self._begin + self._positions)
        return mask.long()

    def _promote(self) -> None:
        """Rows that fill their shelf go to one whose rows have twice as many columns."""
        for shelf in list(self.shelves):
            full = {slot for slot, row in enumerate(shelf.rows) if self.ends[row] == shelf.tokens}
            if full:
                taken = [[room.buffer[sorted(full)] for room in pair] for pair in shelf.rooms]
                columns = soon(shelf.tokens, shelf.tokens)
                self._shelf(2 * shelf.tokens, taken).add([shelf.rows[slot] for slot in sorted(full)], taken, columns)
                shelf.leave(full)
                self._settled = False
        self.shelves = [shelf for shelf in self.shelves if shelf.rows]

    def _shelf(self, tokens: int, like: Sequence[Any]) -> Shelf:
        found = next((shelf for shelf in self.shelves if shelf.tokens == tokens), None)
        if found is None:
            self.shelves.append(found := Shelf(tokens, like))
        return found

    def _layers(self, read: DynamicCache) -> list[Any]:
        """Layers with room in place of those that read a prompt; one that shares another's keys and values stays what it is."""
        made: list[Any] = []
        for layer in read.layers:
            number = sum(type(one) is RoomyLayer for one in made)
            made.append(RoomyLayer(self, number, layer.keys) if layer.is_initialized else layer)
        return made


class Cohort:
    """The cache of rows that came together and only leave: for models some of whose layers forget."""

    def __init__(self, device: torch.device) -> None:
        self.cache = DynamicCache()
        self._mask = self._positions = torch.empty(0, 0, dtype=torch.long, device=device)

    def join(self, parts: Sequence[Part], limits: Sequence[int]) -> None:
        """The prompts of all rows, read together."""
        ((_, self.cache, self._mask),) = parts
        self._positions = self._mask.sum(dim=1, keepdim=True) - 1

    def leave(self, moves: Moves, left: int) -> None:
        """Of all rows the first `left` stay, after the moves."""
        order = list(range(len(self._mask)))
        for row, hole in moves:
            order[hole] = row
        index = torch.tensor(order[:left], dtype=torch.long, device=self._mask.device)
        self.cache.batch_select_indices(index)
        self._mask, self._positions = self._mask[index], self._positions[index]

    def next(self) -> tuple[Tensor, Tensor]:
        """One more token of each row: the mask with it (rows, tokens), and its positions (rows, 1)."""
        self._mask, self._positions = torch.cat([self._mask, torch.ones_like(self._positions)], dim=1), self._positions + 1
        return self._mask, self._positions


def simple(cache: DynamicCache) -> bool:
    """Whether every layer keeps every token: rows of such caches can be put together; those with sliding windows cannot."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)
