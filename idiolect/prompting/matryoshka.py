"""Matryoshka: a controller writes what a model is told of the person, and is judged by the answers that the model then gives.

Li, Zhuang, Qiang, Sun, Dai, Zhang, Dai. Matryoshka: Learning to Drive Black-Box LLMs with LLMs. NeurIPS 2025, arXiv:2410.20749.

Several intermediates are drawn for a past question; those after which the model answers better than after the others on average win.
`trained=True` is the paper's method: winners and losers teach the controller by DPO, for everybody, in `rounds`, each drawn from the
controller of the round before; it then writes one for each question. Without training, which any model allows, several are written of
each person's records before their latest questions, and the one that wins on these is kept.
Departs from the paper: controller and answering model are one, with and without its adapters; a winner is above the mean in place of in
the upper half, so that equal ones teach nothing; all pairs of winners and losers, without label smoothing; a higher learning rate, as
small models need. `writer="counted"` draws from counted profiles, where nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.errors import MethodError
from idiolect.facts.outlines import asked_of, asking, by_model, near, portrait, recurring, said, written
from idiolect.facts.trials import EARLIER, Asking, tried
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.types import History, Reply, Request, State, User
from idiolect.wording import PROFILE, SUMMARIZE, about, clip

WRITE = SUMMARIZE.partition("\n")[0].removesuffix(":") + " this."
BEARS = "Describe in 50 words what of the person's tastes and style bears on how they would answer this:\n\n"
WORDS = 60  # of a question that an intermediate is written for


@dataclass
class Matryoshka(Method):
    """`drawn` intermediates are judged on each person's `judged` latest questions; `k` records are quoted beside the one that is told."""

    trained: bool = False
    k: int = 2
    ranker: str = "bm25"
    drawn: int = 4
    judged: int = 4
    newest: int = 10
    intermediate_tokens: int = 80
    answer_tokens: int = 32
    rounds: int = 1
    rank: int = 8
    beta: float = 0.1
    lr: float = 5e-4
    epochs: int = 1
    seed: int = 0
    writer: str = "model"

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # only the controller that is trained needs more than text
        return frozenset({"adapters", "train"}) if self.trained else frozenset()

    def fit(self, users: Sequence[User], lm: LM) -> None:
        if not self.trained:
            return
        if not by_model(self.writer):
            raise MethodError("a controller is trained on what it writes itself: give trained=True or writer='counted', not both")
        from idiolect.training.loop import Plan  # here, so that the form without training does without torch
        from idiolect.training.preference import DPO, prefer

        self.shared = State()
        for turn in range(self.rounds):
            pairs = self._pairs(users, turn, lm)
            plan = Plan(lr=self.lr, epochs=self.epochs, batch=8, seed=self.seed)
            [adapter] = prefer(lm, [pairs], DPO(self.beta), rank=self.rank, alpha=2.0 * self.rank, plan=plan)
            self.shared = State(parts=(*self.shared.parts, State(adapter=adapter)))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if self.trained:
            return super().enroll(users, lm)
        halves = [_halved(user.records, self.judged) for user in users]
        drafts = self._drafts([first for first, _ in halves], lm)
        tests = [(t, r, u.records) for u, (_, late), own in zip(users, halves, drafts, strict=True) for t in own for r in late]
        worth = iter(tried(lm, tests, self._asking))
        states = []
        for user, (_, late), own in zip(users, halves, drafts, strict=True):
            scores = [sum(next(worth).worth for _ in late) for _ in own]
            states.append(State(text=own[int(np.argmax(scores))] if own else "", records=user.records))
        return states

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        found = quoted(near(state.records, request.question, self.k, self.ranker))
        if not self.trained or not state.records:
            return build(request, [profile(state.text), found], lm)
        [made] = lm.generate([self._control(request.question, state.records, lm)])
        [reply] = lm.generate([build(request, [profile(made.text.strip(), ("intermediate",)), found], lm)])
        total = {name: getattr(made, name) + getattr(reply, name) for name in ("prompt_tokens", "tokens", "calls")}
        return replace(reply, because=(*reply.because, *(one for one in made.because if one.startswith("adapter:"))), **total)

    @property
    def _asking(self) -> Asking:
        return Asking(self.k, self.ranker, self.answer_tokens)

    def _drafts(self, firsts: Sequence[History], lm: LM) -> list[list[str]]:
        """For each person: what could be told of them, none twice; nothing of somebody without records."""
        if not by_model(self.writer):
            return [_counted(first, self.newest) for first in firsts]
        asked = [asking(WRITE, first.newest(self.newest), lm, self.intermediate_tokens) for first in firsts]
        texts = iter(written(lm, [one and one.sampled(**self._draw(seed)) for one in asked for seed in range(self.drawn)]))
        return [list(dict.fromkeys(filter(None, [next(texts) for _ in range(self.drawn)]))) for _ in firsts]

    def _draw(self, seed: int) -> dict[str, float]:
        return {"temperature": 1.0 if seed else 0.0, "seed": self.seed + seed}

    def _control(self, question: str, earlier: History, lm: LM) -> Request:
        """What the controller, as far as it is trained, is asked for one question."""
        found = sorted(near(earlier, question, self.newest, self.ranker), key=lambda record: record.time)
        asked = asking(BEARS + clip(about(question), WORDS), found, lm, self.intermediate_tokens)
        if asked is None:
            raise MethodError("an intermediate is written of records, and newest=0 leaves none: give newest=1 or more")
        for part in self.shared.parts:
            asked = asked.bent(adapters={part.adapter: 1.0} if part.adapter else {})
        return asked

    def _pairs(self, users: Sequence[User], turn: int, lm: LM) -> list[tuple[Request, str, str]]:
        """Everybody's winning intermediates, each with every losing one of the same question."""
        latest = [(user, record) for user in users for record in user.records.newest(self.judged)]
        latest = [(user, record) for user, record in latest if len(user.records.before(record))]
        asked = [self._control(record.prompt, user.records.before(record).newest(EARLIER), lm) for user, record in latest]
        seeds = range(turn * self.drawn, (turn + 1) * self.drawn)
        texts = written(lm, [request.sampled(temperature=1.0, seed=self.seed + seed) for request in asked for seed in seeds])
        each = [list(dict.fromkeys(filter(None, texts[at * self.drawn : (at + 1) * self.drawn]))) for at in range(len(asked))]
        tests = [(text, record, user.records) for (user, record), own in zip(latest, each, strict=True) for text in own]
        worth = iter(tried(lm, tests, self._asking))
        return [
            pair for request, own in zip(asked, each, strict=True) for pair in preferences(request, own, [next(worth).worth for _ in own])
        ]


def preferences(asked: Request, texts: Sequence[str], worth: Sequence[float]) -> list[tuple[Request, str, str]]:
    """(asked, a winner, a loser) for each pair; a winner is worth more than the mean. None where all are worth the same."""
    middle = sum(worth) / max(len(worth), 1)
    won = [text for text, one in zip(texts, worth, strict=True) if one > middle + 1e-9]
    lost = [text for text, one in zip(texts, worth, strict=True) if one <= middle + 1e-9]
    return [(asked, winner, loser) for winner in won for loser in lost]


def _halved(records: History, judged: int) -> tuple[History, History]:
    """The latest questions, `judged` or half of them at most, and the records before all of these; all records where that leaves none."""
    late = records.newest(min(judged, len(records) // 2))
    first = records.before(late[0]) if len(late) else records
    return (first, late) if len(first) else (records, records[:0])


def _counted(first: History, newest: int) -> list[str]:
    """A profile of all, one of the newest, the words they use and are asked about; none twice."""
    both = [*recurring(said(first)), *recurring(asked_of(first), 4)]
    listed = f"{PROFILE} Often writes about: {', '.join(dict.fromkeys(both))}." if both else ""
    return list(dict.fromkeys(filter(None, [portrait(first), portrait(first.newest(newest)), listed])))
