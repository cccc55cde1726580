"""Two small methods that do everything right, and others that differ by a single wrong in what they keep, need or ask; `leaks` has more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.retrieval import Recency
from idiolect.training.loop import local
from idiolect.types import Adapter, History, Message, Request, Sampling, State, User, ask, digest
from idiolect.wording import quote


@dataclass
class Latest(Method):
    """Right, through messages: the `k` latest records are quoted."""

    k: int = 2

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        near = Recency(state.records).search("", self.k)
        return request.told(quote(near), because=near)


@dataclass
class Drawn(Method):
    """Right, through adapters: random factors drawn from the text of the records, shared ones from everybody's count."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    rank: int = 1

    def fit(self, users: Sequence[User], lm: LM) -> None:
        self.shared = State(numbers={"users": len(users)})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(adapter=self.draw(user.records, lm)) for user in users]

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        share = float(self.shared.numbers.get("users", 0)) / 10
        return request.bent(adapters={state.adapter: share}) if state.adapter and share else request

    def draw(self, records: History, lm: LM) -> Adapter:
        model = local(lm, "Drawn")
        path = model.linear_paths(["q_proj"])[0]
        chance = np.random.default_rng(int(digest(*(record.answer for record in records)), 16))
        factors = chance.normal(0, 0.1, (2, self.rank, model.width)).astype(np.float32)
        return Adapter({path: (factors[0], np.ascontiguousarray(factors[1].T))})


@dataclass
class Computes(Latest):
    """The constructor makes something of its keywords."""

    def __post_init__(self) -> None:
        self.half = self.k // 2 if isinstance(self.k, int) else 0


@dataclass
class Forgets(Latest):
    """A keyword is not kept as it was given."""

    k: int = 2

    def __init__(self, k: int = 2) -> None:
        self.k = max(k, 3) if isinstance(k, int) else k


@dataclass
class Unequal(Latest):
    """Two of the same configuration differ."""

    chance: float = field(default_factory=random.random)


@dataclass
class Greedy(Latest):
    """Asks for likelihoods and does not say that it needs them."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        lm.score([request], ["a title"])
        return super().personalize(state, request, lm)


@dataclass
class Claims(Latest):
    """Needs what it never uses."""

    needs: ClassVar[frozenset[str]] = frozenset({"steering"})


@dataclass
class Chatty(Latest):
    """Tells something of a person of whom nothing is known."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return super().personalize(state, request, lm).told("The person wrote before:")


@dataclass
class Needy(Latest):
    """Cannot do with fewer than two records."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.told(quote([state.records[0], state.records[1]]), because=state.records[:2])


@dataclass
class Slow(Latest):
    """Reads the whole history again for every record of it."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        counts = [sum(len(quote(user.records)) for _ in user.records) for user in users]
        return [State(records=user.records, numbers={"read": count}) for user, count in zip(users, counts, strict=True)]


@dataclass
class Formats(Latest):
    """Takes a record's text for a pattern."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.told("\n".join(record.answer.format() for record in state.records), because=state.records)


@dataclass
class ByName(Latest):
    """What a person is called goes into what was learnt of them."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(text=user.id, records=user.records) for user in users]


@dataclass
class Mutates(Latest):
    """Writes into the request that it was given."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        bent = super().personalize(state, request, lm)
        object.__setattr__(request, "messages", bent.messages)
        return bent


@dataclass
class AsksAfterwards(Latest):
    """Puts its own words after the question."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return replace(request, messages=(*request.messages, Message("user", quote(state.records) or "?")))


@dataclass
class StartsOver(Latest):
    """Forgets the conversation, the sampling and the bends."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return replace(ask(request.question).told(quote(state.records), because=state.records), sampling=request.sampling)


@dataclass
class Resamples(Latest):
    """Draws its answer in its own way."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return replace(super().personalize(state, request, lm), sampling=Sampling())
