"""Answers to what people asked, from their records and drawn, and what each is worth: what a policy learns from to obey weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.models.algebra import added
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.retrieval.bm25 import BM25
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import few
from idiolect.training.rewards import Scale, counted
from idiolect.training.sft import sft
from idiolect.training.specialized import Draws, drawn
from idiolect.types import WRITTEN, Adapter, Floats, Record, Request, State, User, ask
from idiolect.wording import quote


@dataclass(frozen=True)
class Asked:
    """A question, and the earlier records of who asked it that are quoted with it."""

    question: str
    near: tuple[Record, ...] = ()

    def put(self, condition: str = "", over: Adapter | None = None) -> Request:
        """The question told `condition`, then the records, to the model under the adapter `over`."""
        return ask(self.question).told(condition).told(quote(self.near), because=self.near).bent(adapters={over: 1.0} if over else {})


@dataclass(frozen=True)
class Pool:
    """Answers that are not blank, and what each is worth by each objective, in spreads from the mean of `scale`."""

    objectives: tuple[str, ...]
    scale: Scale
    asked: tuple[Asked, ...] = ()
    answers: tuple[str, ...] = ()

    @property
    def rewards(self) -> Floats:
        """(answers, objectives)."""
        return self.scale.z(counted(self.objectives, [one.question for one in self.asked], self.answers))

    @property
    def groups(self) -> dict[Asked, list[int]]:
        """Each question, and the places of its answers."""
        made: dict[Asked, list[int]] = {}
        for place, one in enumerate(self.asked):
            made.setdefault(one, []).append(place)
        return made

    def among(self, places: Iterable[int]) -> Pool:
        """The answers at these places."""
        kept = list(places)
        return replace(self, asked=tuple(self.asked[p] for p in kept), answers=tuple(self.answers[p] for p in kept))

    def of(self, answered: Iterable[tuple[Asked, str]]) -> Pool:
        """Other answers on the same scale; blank ones are left out, as nobody wants the shortest of all answers."""
        kept = [(one, text) for one, text in answered if text.strip()]
        return replace(self, asked=tuple(one for one, _ in kept), answers=tuple(text for _, text in kept))

    def plus(self, other: Pool) -> Pool:
        """These answers and then the others."""
        return replace(self, asked=self.asked + other.asked, answers=self.answers + other.answers)


def gathered(users: Sequence[User], k: int, draws: Draws) -> list[tuple[Asked, str]]:
    """What people asked, told `k` strictly earlier records that they wrote, with every answer to it that their records hold.

    Of a choice both replies, of an edit the text and its draft, of a rating the reply.
    """
    made = []
    for who, record in few(users, draws.newest, draws.questions, draws.seed):
        near = BM25(users[who].records.of(WRITTEN).before(record)).search(record.prompt, k) if k else []
        asked = Asked(record.prompt, tuple(near))
        made += [(asked, text) for text in ([] if record.kind == "rating" else [record.answer]) + [record.other] if text.strip()]
    return made


def pooled(lm: LM, users: Sequence[User], objectives: tuple[str, ...], k: int, draws: Draws) -> Pool:
    """What people's records hold, and `draws.each` answers that the model gives to each question, all on the scale that they make."""
    bare = Pool(objectives, Scale.of(np.zeros((0, len(objectives)))))
    found = bare.of(gathered(users, k, draws))
    if draws.each:
        questions = list(found.groups)
        found = found.plus(answered(lm, bare, questions, [one.put() for one in questions], draws))
    counts = counted(objectives, [one.question for one in found.asked], found.answers)
    return replace(found, scale=Scale.of(counts))


def answered(lm: LM, pool: Pool, asked: Sequence[Asked], requests: Sequence[Request], draws: Draws) -> Pool:
    """`draws.each` answers to each of `requests`, which put the question `asked`, on the pool's scale."""
    if not requests:
        return pool.of([])
    made = drawn(lm, requests, pool.objectives, draws)
    return pool.of((one, text) for one, texts in zip(asked, made.answers, strict=True) for text in texts)


def furthered(lm: LM, pairs: Sequence[Pair], before: Adapter | None, rank: int, modules: Sequence[str], plan: Plan) -> Adapter:
    """The adapter `before` and what was learnt over it from pairs whose requests it bends, exactly, as one; its rank grows by `rank`."""
    step = sft(lm, [pairs], rank=rank, alpha=rank, modules=modules, plan=plan)[0]
    return added([before, step]) if before else step


def conditioned(request: Request, condition: str, state: State, k: int, lm: LM, adapter: Adapter) -> Request:
    """The request as `Asked.put` taught it: told `condition`, then `k` of the records that the person wrote, under the adapter."""
    told = request.told(condition, because=[f"condition:{condition}"] if condition else [])
    return quoting(told, state.records.of(WRITTEN), k, lm).bent(adapters={adapter: 1.0})
