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
from idiolect.models.recall import Recall
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
    states: Tensor | None  # (rows, width), what the head made them of, where some row has a memory


class Flight:
    """Rows in flight: their keys and values, their bends and memories, and what they last said."""

    def __init__(self, engine: Engine, rows: Sequence[Encoded], bends: Bends, recalls: Sequence[Recall | None], room: int) -> None:
        self.engine, self.recalls = engine, recalls
        index = torch.arange(len(rows), device=engine.device)
        parts = [
            self._prefill([rows[i] for i in places], bends if len(places) == len(rows) else bends.rows(index[places]), places)
            for places in map(sorted, self._sets(rows, bends))
        ]
        tokens = max(part.batch.mask.shape[1] for part in parts)
        self.mask = torch.zeros(len(rows), tokens, dtype=torch.long, device=engine.device)
        self.positions = torch.zeros(len(rows), 1, dtype=torch.long, device=engine.device)  # of the last token
        self.logits = parts[0].logits.new_empty(len(rows), parts[0].logits.shape[-1])  # (rows, vocabulary)
        self.states = None if parts[0].states is None else parts[0].states.new_empty(len(rows), parts[0].states.shape[-1])
        for part in parts:
            self.mask[part.places, tokens - part.batch.mask.shape[1] :] = part.batch.mask
            self.positions[part.places] = part.batch.positions[:, -1:]
            self.logits[part.places] = part.logits
            if self.states is not None and part.states is not None:
                self.states[part.places] = part.states
        self.cache = together([(part.places, part.cache) for part in parts], tokens, room) if simple(parts[0].cache) else parts[0].cache
        self.bends = replace(bends, prefixes=()) if bends.jobs is None else replace(bends, prefixes=()).rows(index)

    def _sets(self, rows: Sequence[Encoded], bends: Bends) -> list[list[int]]:
        """Rows of like length read their prompts together, where their caches can be put together afterwards."""
        if not simple(DynamicCache(config=self.engine.model.config)):
            return [list(range(len(rows)))]
        before = [0 if prefix is None else len(prefix) for prefix in bends.prefixes] or [0] * len(rows)
        return alike([n + len(row.ids) for n, row in zip(before, rows, strict=True)])

    def _prefill(self, rows: Sequence[Encoded], bends: Bends, places: list[int]) -> Prefilled:
        cache, batch = DynamicCache(config=self.engine.model.config), self.engine.padded(rows, bends)
        return Prefilled(places, batch, cache, *self._said(batch, bends, cache))

    def _said(self, batch: Padded, bends: Bends, cache: DynamicCache) -> tuple[Tensor, Tensor | None]:
        """What the last position says of the next token, and the state that it was made of, where that is asked for."""
        if not any(self.recalls):
            return self.engine.logits(batch, bends, 1, cache)[:, -1], None
        logits, states = self.engine.logits_and_states(batch, bends, 1, cache)
        return logits[:, -1], states[:, -1]

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows leave."""
        index = torch.tensor(rows, device=self.engine.device)
        self.cache.batch_select_indices(index)
        self.bends, self.recalls = self.bends.rows(index), [self.recalls[row] for row in rows]
        self.mask, self.positions = self.mask[index], self.positions[index]

    def advance(self, tokens: Sequence[int]) -> None:
        """One more token for each row."""
        ids = torch.tensor(tokens, device=self.engine.device)[:, None]
        one = torch.ones_like(ids)
        self.mask = torch.cat([self.mask, one], dim=1)
        self.positions = self.positions + 1
        self.logits, self.states = self._said(Padded(ids, self.mask, self.positions, one, None), self.bends, self.cache)

    def recalled(self, answers: Sequence[Sequence[int]]) -> Tensor:
        """Log-probabilities (rows, vocabulary), memories included; `answers` has the tokens that each row wrote so far."""
        logp = self.logits.float().log_softmax(dim=-1)
        for row, recall in enumerate(self.recalls):
            if recall is not None and self.states is not None:
                logp[row] = recall(logp[row : row + 1], self.states[row : row + 1], [answers[row]])[0]
        return logp


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
    recalls = [None if request.memory is None else Recall(request.memory, engine.device) for request in requests]
    return Flight(engine, rows, bends_of(requests, device=engine.device, dtype=engine.dtype), recalls, room)


@torch.no_grad()
def _choose(flight: Flight, live: Sequence[Group]) -> list[int]:
    blends = [group.blend for group in live]
    if any(flight.recalls) or any(blend != Blend() for blend in blends):
        logp = join(flight.recalled([group.writing.tokens for group in live for _ in group.rows]), blends)
    else:
        logp = flight.logits.float()  # not normalized: the likeliest is the same, and so is a draw
    return pick(logp, [group.requests[0].sampling for group in live], [group.chance for group in live])


@torch.no_grad()
def _advance(flight: Flight, live: Sequence[Group], tokens: Sequence[int]) -> list[Group]:
    next_tokens = [token for group, token in zip(live, tokens, strict=True) if not group.writing.done for _ in group.rows]
    if any(group.writing.done for group in live):
        stays = [not group.writing.done for group in live for _ in group.rows]
        flight.keep([row for row, stay in enumerate(stays) if stay])
    flight.advance(next_tokens)
    return [group for group in live if not group.writing.done]
