"""The decode loop: rows that are each bent in their own way go forward together, one token at a time; they join and leave as they like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, islice

import torch
from torch import Tensor
from transformers import DynamicCache

from idiolect.models.batches import Padded, alike
from idiolect.models.bends import Bends
from idiolect.models.cache import Cohort, Part, Slots, fill, simple
from idiolect.models.engine import Engine
from idiolect.models.group import Chance, Group, aside, engines
from idiolect.models.join import Blend, join
from idiolect.models.recall import Recall
from idiolect.models.sample import pick
from idiolect.models.scoring import level, prompt_length
from idiolect.models.seats import Seats
from idiolect.models.stack import bends_of

States = Sequence[Tensor | None] | Tensor | None  # (width,) for each row with a memory or a gate
Line = tuple[Tensor, Tensor | None, Recall | None]  # what a row said (vocabulary,), its state, and its memory


class Reading:
    """The prompts of some groups, before they join others: rows of like length are read together, in one go or a stretch at a time."""

    def __init__(self, engine: Engine, groups: Sequence[Group]) -> None:
        self.engine, self.groups = engine, groups
        self.beside = {at: Reading(at, aside(groups, at)) for at in engines(groups)}
        requests, rows = ([one for group in groups for one in getattr(group, name)] for name in ("requests", "rows"))
        self.recalls = [None if request.memory is None else Recall(request.memory, engine.device) for request in requests]
        gated = [group.blend.gate is not None and voice == 0 for group in groups for voice in range(len(group.rows))]
        self._heard = [gate or recall is not None for gate, recall in zip(gated, self.recalls, strict=True)]  # whose states are asked for
        bends, index = bends_of(requests, device=engine.device, dtype=engine.dtype), torch.arange(len(rows), device=engine.device)
        self.bends = replace(bends, prefixes=())
        self.parts: list[Part] = []
        self._said: dict[int, tuple[Tensor, Tensor | None]] = {}
        self._open = []
        for places in map(sorted, self._sets(list(map(prompt_length, requests, rows)))):
            own = bends if len(places) == len(rows) else bends.rows(index[places])
            batch = engine.padded([rows[place] for place in places], own)
            self._open.append((places, own, batch, DynamicCache(config=engine.model.config)))

    def _sets(self, lengths: Sequence[int]) -> list[list[int]]:
        return alike(lengths) if simple(DynamicCache(config=self.engine.model.config)) else [list(range(len(lengths)))]

    @torch.no_grad()
    def read(self, tokens: int | None = None) -> bool:
        """Read on, about `tokens` tokens of all rows together, or to the end. Whether the end is reached."""
        left = tokens
        while self._open and (left is None or left > 0):
            places, bends, batch, cache = self._open[0]
            start, whole = cache.get_seq_length(), batch.mask.shape[1]
            end = whole if left is None else min(whole, start + max(1, left // len(places)))
            logits, states = _said(self.engine, _stretch(batch, start, end), bends, cache, any(self._heard[place] for place in places))
            left = None if left is None else left - len(places) * (end - start)
            if end == whole:
                self.parts.append((places, cache, batch.mask))
                self._said |= {place: (logits[i], None if states is None else states[i]) for i, place in enumerate(places)}
                del self._open[0]
        return all([not self._open, *[reading.read(tokens) for reading in self.beside.values()]])

    @torch.no_grad()
    def begin(self) -> None:
        """Write the first token of every group, once all is read."""
        logits, states, recalls = zip(*chain(*told(self)), strict=True)
        write(self.groups, level(logits), states, recalls)
        for reading in (self, *self.beside.values()):
            reading._said.clear()

    def lines(self) -> list[list[Line]]:
        """What the rows of each group said."""
        rows = iter(range(len(self.recalls)))
        return [[(*self._said[row], self.recalls[row]) for row in islice(rows, len(group.rows))] for group in self.groups]


class Flight:
    """Rows in flight: their keys and values, their bends and memories, and what they last said, row by row."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.seats = engine, Seats()
        self.slots = Slots(engine.device) if simple(DynamicCache(config=engine.model.config)) else Cohort(engine.device)
        self.beside: dict[Engine, Flight] = {}  # rows of other models, which this one steps
        self.groups: list[Group] = []
        self.places: list[list[int]] = []  # the rows of each group
        self.recalls: list[Recall | None] = []  # row by row, as all below
        self.logits: Tensor | None = None  # (rows, vocabulary), of the last position
        self.states: Tensor | None = None  # (rows, width), what the head made them of, where some row has a memory or a gate

    @property
    def rows(self) -> int:
        """How many there are, of this model."""
        return len(self.recalls)

    @property
    def open(self) -> bool:
        """Whether others may join once somebody is in flight."""
        return isinstance(self.slots, Slots) and all(flight.open for flight in self.beside.values())

    @torch.no_grad()
    def join(self, reading: Reading) -> None:
        """Take in groups whose first token is written. Who is done leaves."""
        for engine, other in reading.beside.items():
            self.beside.setdefault(engine, Flight(engine)).join(other)
        more = len(reading.recalls)
        self.seats.join(reading.bends, more)
        self.slots.join(reading.parts, [group.writing.limit for group in reading.groups for _ in group.rows])
        starts = accumulate([len(group.rows) for group in reading.groups], initial=self.rows)
        self.places += [list(range(start, start + len(group.rows))) for group, start in zip(reading.groups, starts, strict=False)]
        self.groups += reading.groups
        self.recalls += reading.recalls
        self._let_go()

    @torch.no_grad()
    def step(self) -> None:
        """One more token for every group. Who is done leaves."""
        for flight in (self, *self.beside.values()):
            flight.advance(flight.last_tokens())
        order, logits, states = list(chain(*self.places)), self.logits, self.states
        if self.beside:
            every, each, recalls = zip(*chain(*told(self)), strict=True)
            write(self.groups, level(every), each, recalls)
        elif logits is not None:
            if order != sorted(order):
                logits, states = logits[order], None if states is None else states[order]
            write(self.groups, logits, states, [self.recalls[row] for row in order])
        self._let_go()

    def last_tokens(self) -> list[int]:
        """What was written last, for each row."""
        tokens = [0] * self.rows
        for group, places in zip(self.groups, self.places, strict=True):
            for place in places:
                tokens[place] = group.writing.tokens[-1]
        return tokens

    def lines(self) -> list[list[Line]]:
        """What the rows of each group said."""
        if (logits := self.logits) is None:
            return []
        states = [None] * self.rows if self.states is None else self.states
        return [[(logits[row], states[row], self.recalls[row]) for row in rows] for rows in self.places]

    def advance(self, tokens: Sequence[int]) -> None:
        """Put one more token through the model for each row."""
        ids = torch.tensor(tokens, device=self.engine.device)[:, None]
        mask, positions = self.slots.next()
        batch = Padded(ids, mask, positions, torch.ones_like(ids), None)
        heard = any(self.recalls) or any(group.blend.gate for group in self.groups)
        self.logits, self.states = _said(self.engine, batch, self.seats.bends, self.slots.cache, heard)

    def leave(self, groups: Sequence[Group]) -> None:
        """Let these go, done or not: nothing of theirs is kept."""
        for engine, flight in self.beside.items():
            flight.leave(aside(groups, engine))
        self.beside = {engine: flight for engine, flight in self.beside.items() if flight.groups}
        aboard = list(zip(self.places, self.groups, strict=True))
        moves, left = fill(self.rows, {row for rows, group in aboard if group in groups for row in rows})
        self.seats.leave(moves, left)
        self.slots.leave(moves, left)
        moved, recalls = dict(moves), list(self.recalls)
        for row, hole in moves:
            recalls[hole] = self.recalls[row]
        stay = sorted(([moved.get(row, row) for row in rows], place) for place, (rows, group) in enumerate(aboard) if group not in groups)
        self.places, self.groups, self.recalls = [rows for rows, _ in stay], [self.groups[place] for _, place in stay], recalls[:left]
        self.logits = self.states = None

    def _let_go(self) -> None:
        if done := [group for group in self.groups if group.writing.done]:
            self.leave(done)


def told(whole: Reading | Flight) -> list[list[Line]]:
    """What all voices of each group said: those of its own model, then those of each other in turn."""
    others = {group: lines for one in whole.beside.values() for group, lines in zip(one.groups, one.lines(), strict=True)}
    own = zip(whole.groups, whole.lines(), strict=True)
    return [[*lines, *chain(*(others[other] for _, other in group.beside))] for group, lines in own]


def decode(engine: Engine, groups: Sequence[Group]) -> Iterator[None]:
    """Write every group's answer, into its `writing`; yields after each token, with the model as it was and its lock free."""
    flight, reading = Flight(engine), Reading(engine, groups)
    reading.read()
    reading.begin()
    yield
    if all(group.writing.done for group in groups):
        return
    flight.join(reading)
    while flight.groups:
        flight.step()
        yield


def write(groups: Sequence[Group], logits: Tensor, states: States, recalls: Sequence[Recall | None]) -> None:
    """The next token of each group, from what its rows say (rows, vocabulary), group after group; memories and companions included."""
    blends = [group.blend for group in groups]
    if any(recalls) or any(blend != Blend() for blend in blends):
        logp = join(_recalled(groups, logits, states, recalls), blends, () if states is None else states)
    else:
        logp = logits.float()  # not normalized: the likeliest is the same, and so is a draw
    tokens = pick(logp, [group.requests[0].sampling for group in groups], [group.chance for group in groups])
    for group, token, line in zip(groups, tokens, logp, strict=True):
        before = len(group.writing.tokens)
        group.writing.add(token)
        if group.tops and len(group.writing.tokens) > before:
            group.chances.append(_chance(line, token, group.tops))


def _recalled(groups: Sequence[Group], logits: Tensor, states: States, recalls: Sequence[Recall | None]) -> Tensor:
    """Log-probabilities (rows, vocabulary), memories included."""
    logp = logits.float().log_softmax(dim=-1)
    answers = [group.writing.tokens for group in groups for _ in range(group.voices)]
    for row, recall in enumerate(recalls):
        state = None if states is None else states[row]
        if recall is not None and state is not None:
            logp[row] = recall(logp[row : row + 1], state[None], [answers[row]])[0]
    return logp


def _chance(line: Tensor, token: int, tops: int) -> Chance:
    logp = line.log_softmax(dim=-1)
    likeliest = logp.topk(min(tops, len(logp)))
    named = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    return Chance(token, float(logp[token]), [(one, nats) for one, nats in named if nats > -torch.inf])  # a guide may forbid tokens


def _said(engine: Engine, batch: Padded, bends: Bends, cache: DynamicCache, states: bool) -> tuple[Tensor, Tensor | None]:
    """What the last position says of the next token, and the state that it was made of, where that is asked for."""
    if not states:
        return engine.logits(batch, bends, 1, cache)[:, -1], None
    logits, made = engine.logits_and_states(batch, bends, 1, cache)
    return logits[:, -1], made[:, -1]


def _stretch(batch: Padded, start: int, end: int) -> Padded:
    """The columns from `start` to before `end`, of which those before are read already."""
    if (start, end) == (0, batch.mask.shape[1]):
        return batch
    ids, positions, scope = (one[:, start:end] for one in (batch.ids, batch.positions, batch.scope))
    return Padded(ids, batch.mask[:, :end], positions, scope, None if batch.embeds is None else batch.embeds[:, start:end])
