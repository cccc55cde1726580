"""The decode loop: rows that are each bent in their own way go forward together, one token at a time, and leave when they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from transformers import DynamicCache

from idiolect.models.batches import Padded
from idiolect.models.bends import Bends
from idiolect.models.encode import Encoded
from idiolect.models.engine import Engine
from idiolect.models.join import Blend, join
from idiolect.models.sample import pick
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
        return len(self.rows), max(map(length, self.requests, self.rows)) + self.writing.limit

    @property
    def prompt_tokens(self) -> int:
        """Tokens put through the model before the first is drawn."""
        return sum(map(length, self.requests, self.rows))


def length(request: Request, row: Encoded) -> int:
    """Tokens of the row's prompt; a prefix vector counts as one."""
    return row.prompt + (0 if request.prefix is None else len(request.prefix.vectors))


class Flight:
    """Rows in flight: their keys and values, their bends, and what they last said."""

    def __init__(self, engine: Engine, rows: Sequence[Encoded], bends: Bends) -> None:
        self.engine = engine
        self.cache = DynamicCache(config=engine.model.config)
        self.batch: Padded = engine.padded(rows, bends)
        self.logits = engine.logits(self.batch, bends, 1, self.cache)[:, -1]  # (rows, vocabulary)
        self.bends = replace(bends, prefixes=()).rows(torch.arange(len(rows), device=engine.device))

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows leave."""
        index = torch.tensor(rows, device=self.engine.device)
        self.cache.batch_select_indices(index)
        self.bends = self.bends.rows(index)
        self.batch = replace(self.batch, mask=self.batch.mask[index], positions=self.batch.positions[index])

    def advance(self, tokens: Sequence[int]) -> None:
        """One more token for each row."""
        ids = torch.tensor(tokens, device=self.engine.device)[:, None]
        one = torch.ones_like(ids)
        mask = torch.cat([self.batch.mask, one], dim=1)
        self.batch = Padded(ids, mask, self.batch.positions[:, -1:] + 1, scope=one, embeds=None)
        self.logits = self.engine.logits(self.batch, self.bends, 1, self.cache)[:, -1]


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
    return Flight(engine, rows, bends_of(requests, device=engine.device, dtype=engine.dtype))


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
