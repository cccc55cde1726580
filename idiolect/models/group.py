"""A request and its companions as rows that are written together: those of one model side by side, those of others beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from idiolect.models.encode import Encoded
from idiolect.models.engine import Engine
from idiolect.models.join import Blend
from idiolect.models.scoring import prompt_length
from idiolect.models.writing import Writing
from idiolect.types import Reply, Request


class Chance(NamedTuple):
    """A token that was written, its log-probability in nats, and the likeliest tokens with theirs."""

    token: int
    logprob: float
    top: Sequence[tuple[int, float]]


@dataclass(eq=False)
class Group:
    """A request's own row and those of its companions: they get the same next token, and leave together.

    Companions that other models speak for stand `beside` it, those of one model in a group of their own that shares the writing.
    """

    requests: Sequence[Request]  # the request, then its companions
    rows: Sequence[Encoded]
    blend: Blend
    writing: Writing
    chance: torch.Generator
    tops: int = 0  # how many of the likeliest tokens are noted beside each that is written; 0: nothing is noted
    chances: list[Chance] = field(default_factory=list)
    beside: Sequence[tuple[Engine, Group]] = ()

    @property
    def voices(self) -> int:
        """Rows of all models."""
        return len(self.rows) + sum(other.voices for _, other in self.beside)

    @property
    def cost(self) -> tuple[int, int]:
        """(rows, the longest they may grow)."""
        longest = max(map(prompt_length, self.requests, self.rows)) + self.writing.limit
        return self.voices, max([longest, *(other.cost[1] for _, other in self.beside)])

    @property
    def prompt_tokens(self) -> int:
        """Tokens put through the models before the first is drawn."""
        return sum(map(prompt_length, self.requests, self.rows)) + sum(other.prompt_tokens for _, other in self.beside)

    @property
    def dropped(self) -> int:
        """Tokens of prompts that a window had no room for."""
        return sum(row.dropped for row in self.rows) + sum(other.dropped for _, other in self.beside)

    @property
    def reply(self) -> Reply:
        """What was written so far, and what it cost."""
        return Reply(
            text=self.writing.text,
            because=self.requests[0].sources,
            finish=self.writing.finish,
            prompt_tokens=self.prompt_tokens,
            tokens=len(self.writing.tokens),
            dropped_tokens=self.dropped,
            calls=self.voices,
        )


def engines(groups: Sequence[Group]) -> list[Engine]:
    """The other models that speak for companions of these groups."""
    return list(dict.fromkeys(engine for group in groups for engine, _ in group.beside))


def aside(groups: Sequence[Group], engine: Engine) -> list[Group]:
    """The groups of that model's rows that stand beside these."""
    return [other for group in groups for at, other in group.beside if at is engine]
