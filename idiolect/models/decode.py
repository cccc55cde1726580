"""The decode loop: rows that are each bent in their own way go forward together, one token at a time, and leave when they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import DynamicCache

from idiolect.models.batches import Padded, alike
from idiolect.models.bends import Bends
from idiolect.models.cache import simple, together
from idiolect.models.encode import Encoded
from idiolect.models.engine import Engine
from idiolect.models.join import Blend, join
from idiolect.models.sample import pick
from idiolect.models.scoring import prompt_length
from idiolect.models.stack import bends_of
from idiolect.models.writing import Writing
from idiolect.types import Request


@dataclass
class Group:
    """A request's own row and those of its companions: they get the same next token, and leave together."""

    requests: Sequence[Request]  # the request, then its companions
    rows: Sequence[Encoded]
    blend: Blend
    writing: Writing
    chance: torch.Generator

    @property
    def cost(self) -> tuple[int, int]:
        """(rows, the longest they may grow)."""
        return len(self.rows), max(map(prompt_length, self.requests, self.rows)) + self.writing.limit

    @property
    def prompt_tokens(self) -> int:
        """Tokens put through the model before the first is drawn."""
        return sum(map(prompt_length, self.requests, self.rows))


@dataclass(frozen=True)
class Prefilled:
    """Rows whose prompts were read together."""

    places: list[int]
    batch: Padded
    cache: DynamicCache
    logits: Tensor  # (rows, vocabulary), of the last position


class Flight:
    """Rows in flight: their keys and values, their bends, and what they last said."""

    def __init__(self, engine: Engine, rows: Sequence[Encoded], bends: Bends, room: int) -> None:
        self.engine = engine
        index = torch.arange(len(rows), device=engine.device)
        parts = [self._prefill([rows[i] for i in places], bends.rows(index[places]), places) for places in self._sets(rows, bends)]
        tokens = max(part.batch.mask.shape[1] for part in parts)
        self.mask = torch.zeros(len(rows), tokens, dtype=torch.long, device=engine.device)
        self.positions = torch.zeros(len(rows), 1, dtype=torch.long, device=engine.device)  # of the last token
        self.logits = parts[0].logits.new_empty(len(rows), parts[0].logits.shape[-1])  # (rows, vocabulary)
        for part in parts:
            self.mask[part.places, tokens - part.batch.mask.shape[1] :] = part.batch.mask
            self.positions[part.places] = part.batch.positions[:, -1:]
            self.logits[part.places] = part.logits
        self.cache = together([(part.places, part.cache) for part in parts], tokens, room) if simple(parts[0].cache) else parts[0].cache
        self.bends = replace(bends, prefixes=()).rows(index)

    def _sets(self, rows: Sequence[Encoded], bends: Bends) -> list[list[int]]:
        """Rows of like length read their prompts together, where their caches can be put together afterwards."""
        if not simple(DynamicCache(config=self.engine.model.config)):
            return [list(range(len(rows)))]
        before = [0 if prefix is None else len(prefix) for prefix in bends.prefixes] or [0] * len(rows)
        return alike([n + len(row.ids) for n, row in zip(before, rows, strict=True)])

    def _prefill(self, rows: Sequence[Encoded], bends: Bends, places: list[int]) -> Prefilled:
        cache, batch = DynamicCache(config=self.engine.model.config), self.engine.padded(rows, bends)
        return Prefilled(places, batch, cache, self.engine.logits(batch, bends, 1, cache)[:, -1])

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows leave."""
        index = torch.tensor(rows, device=self.engine.device)
        self.cache.batch_select_indices(index)
        self.bends = self.bends.rows(index)
        self.mask, self.positions = self.mask[index], self.positions[index]

    def advance(self, tokens: Sequence[int]) -> None:
        """One more token for each row."""
        ids = torch.tensor(tokens, device=self.engine.device)[:, None]
        one = torch.ones_like(ids)
        self.mask = torch.cat([self.mask, one], dim=1)
        self.positions = self.positions + 1
        self.logits = self.engine.logits(Padded(ids, self.mask, self.positions, one, None), self.bends, 1, self.cache)[:, -1]


def decode(engine: Engine, groups: Sequence[Group]) -> Iterator[None]:
    """Write every group's answer, into its `writing`; yields after each token, with the model as it was and its lock free."""
    flight = _open(engine, groups)
    live = list(groups)
    while True:
        tokens = _choose(flight, live)
        for group, token in zip(live, tokens, strict=True):
            group.writing.add(token)
        yield
        if all(group.writing.done for group in live):
            return
        live = _advance(flight, live, tokens)


@torch.no_grad()
def _open(engine: Engine, groups: Sequence[Group]) -> Flight:
    requests = [request for group in groups for request in group.requests]
    rows = [row for group in groups for row in group.rows]
    room = max(group.writing.limit for group in groups)
    return Flight(engine, rows, bends_of(requests, device=engine.device, dtype=engine.dtype), room)


@torch.no_grad()
def _choose(flight: Flight, live: Sequence[Group]) -> list[int]:
    logp = join(flight.logits, [group.blend for group in live])
    return pick(logp, [group.requests[0].sampling for group in live], [group.chance for group in live])


@torch.no_grad()
def _advance(flight: Flight, live: Sequence[Group], tokens: Sequence[int]) -> list[Group]:
    next_tokens = [token for group, token in zip(live, tokens, strict=True) if not group.writing.done for _ in group.rows]
    if any(group.writing.done for group in live):
        stays = [not group.writing.done for group in live for _ in group.rows]
        flight.keep([row for row, stay in enumerate(stays) if stay])
    flight.advance(next_tokens)
    return [group for group in live if not group.writing.done]
