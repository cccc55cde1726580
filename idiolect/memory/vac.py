"""VAC: the model revises its drafts by feedback in words, and one adapter for everybody learns to write the better version at once.

Salemi, Zamani. Learning from Natural Language Feedback for Personalized Question Answering. 2025, arXiv:2508.10695.

A round: answers to people's past questions are drafted with their earlier records quoted; each gets feedback; the draft is revised by
it; a revision that is nearer to what the person wrote is accepted, and the adapter is trained on the best accepted so far, as answers
to questions that say nothing of feedback. When asked for an answer there is no feedback.
Departs from the paper: what the person wrote takes the part of the narrative by which feedback is given, and nearness is the F1 of
words in place of a judge's rubric; feedback is by rules (`facts.edits`) unless `critic="model"`, which is then trained on the feedback
that led to gains; an adapter starts afresh each round, from the model as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from idiolect.errors import MethodError
from idiolect.facts.edits import differences
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.retrieval.measures import alike
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import together
from idiolect.training.sft import sft
from idiolect.types import Adapter, Request, State, User, ask
from idiolect.wording import clip

CRITICS = ("rules", "model")
REVISE = "A draft of the answer:\n{draft}\n\nWhat to do better:\n{feedback}\n\nWrite the better answer, and nothing else."
CRITICIZE = "An answer:\n{draft}\n\nWhat this person would have written:\n{own}\n\nIn one sentence: what should the answer do better?"
SHOWN = 100  # words of a draft and of an answer that a critic is shown
Shares = Mapping[Adapter, float]


class Revision(NamedTuple):
    """One question drafted, criticized and revised: how near draft and revision are to what the person wrote."""

    asked: Request
    criticizing: Request
    feedback: str
    text: str
    before: float
    after: float


@dataclass
class VAC(Method):
    """`rounds` of feedback by `critic` ("rules" or "model") over `shared_pairs` questions; LoRA of `rank`; `k` records are quoted."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 2
    rounds: int = 2
    critic: str = "rules"
    rank: int = 16
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 1e-3
    epochs: int = 2
    newest: int = 16
    shared_pairs: int = 128
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        pairs = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        best: dict[Request, Revision] = {}
        policy: Shares = {}
        critic: Shares = {}
        for _ in range(self.rounds):
            made = self.revisions(pairs, policy, critic, lm)
            for one in accepted(made):
                best[one.asked] = max(best.get(one.asked, one), one, key=lambda revision: revision.after)
            policy = self._trained([(one.asked, one.text) for one in best.values()], lm)
            if self.critic == "model":
                critic = self._trained([(one.criticizing, one.feedback) for one in _most_gained(accepted(made))], lm)
        self.shared = State(adapter=next(iter(policy), None))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        shared = {self.shared.adapter: 1.0} if self.shared.adapter else {}
        return quoting(request, state.records, self.k, lm).bent(adapters=shared)

    def revisions(self, pairs: Sequence[Pair], policy: Shares, critic: Shares, lm: LM) -> list[Revision]:
        """Each question drafted by the policy, criticized, and revised by the policy. Raises MethodError for a critic that is not there."""
        if self.critic not in CRITICS:
            raise MethodError(f"feedback is given by {' or '.join(map(repr, CRITICS))}, not by {self.critic!r}")
        drafts = _texts(lm, [asked.sampled(max_tokens=self.answer_tokens).bent(adapters=policy) for asked, _ in pairs])
        critiques = [
            ask(CRITICIZE.format(draft=clip(draft, SHOWN), own=clip(own, SHOWN)), max_tokens=self.answer_tokens)
            for draft, (_, own) in zip(drafts, pairs, strict=True)
        ]
        feedback = [" ".join(differences(draft, own).values()) for draft, (_, own) in zip(drafts, pairs, strict=True)]
        if self.critic == "model":
            feedback = _texts(lm, [one.bent(adapters=critic) for one in critiques])
        revising = [
            asked.told(REVISE.format(draft=draft, feedback=said)).sampled(max_tokens=self.answer_tokens).bent(adapters=policy)
            for draft, said, (asked, _) in zip(drafts, feedback, pairs, strict=True)
        ]
        columns = zip(pairs, critiques, feedback, drafts, _texts(lm, revising), strict=True)
        return [Revision(asked, one, said, text, alike(draft, own), alike(text, own)) for (asked, own), one, said, draft, text in columns]

    def _trained(self, pairs: Sequence[Pair], lm: LM) -> Shares:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        return {sft(lm, [pairs], rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan)[0]: 1.0}


def accepted(made: Sequence[Revision]) -> list[Revision]:
    """Those that are nearer to what the person wrote than their drafts were."""
    return [one for one in made if one.after > one.before]


def _most_gained(made: Sequence[Revision]) -> list[Revision]:
    """The better half, by what was gained."""
    return sorted(made, key=lambda one: one.before - one.after)[: -(-len(made) // 2)]


def _texts(lm: LM, asked: Sequence[Request]) -> list[str]:
    return [reply.text for reply in lm.generate(asked)]
