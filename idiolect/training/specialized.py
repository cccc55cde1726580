"""One LoRA for each objective, all from one start: answers are drawn, each objective ranks them, and each adapter learns its ranking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.training.loop import Plan
from idiolect.training.pairs import few
from idiolect.training.preference import DPO, Preference, prefer
from idiolect.training.rewards import Scale, counted, known
from idiolect.training.sft import PLAN
from idiolect.types import Adapter, Floats, Request, State, User, ask

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True)
class Draws:
    """Which questions are asked, and how answers to them are drawn: `questions` at most, of everyone's `newest`, `each` answers to each."""

    questions: int = 96
    newest: int = 24
    each: int = 6
    tokens: int = 32
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """Questions, the answers that the model gave to each, and what they are worth."""

    requests: tuple[Request, ...]
    answers: tuple[tuple[str, ...], ...]  # equally many to each question
    rewards: Floats  # (questions, answers, objectives), each objective in its own unit

    @property
    def scale(self) -> Scale:
        """Mean and spread of each objective over all answers."""
        return Scale.of(self.rewards.reshape(-1, self.rewards.shape[-1]))

    def pairs(self, objective: int) -> list[Preference]:
        """For each question its best answer by this objective, never an empty one, and its worst; none where all are worth the same."""
        each, made = self.rewards.shape[1], list[Preference]()
        for better, worse in self.places(objective):
            question, own = self.requests[better // each], self.answers[better // each]
            made.append((question, own[better % each], own[worse % each]))
        return made

    def places(self, objective: int) -> list[tuple[int, int]]:
        """The same as places among all answers, question by question."""
        made, each = [], self.rewards.shape[1]
        for question, (answers, worth) in enumerate(zip(self.answers, self.rewards[..., objective], strict=True)):
            said = [value if answer.strip() else -math.inf for answer, value in zip(answers, worth, strict=True)]
            best, worst = said.index(max(said)), int(worth.argmin())
            if said[best] > worth[worst]:
                made.append((question * each + best, question * each + worst))
        return made


def questions(users: Sequence[User], draws: Draws) -> list[Request]:
    """What people asked, as it was asked, nothing told."""
    return [ask(record.prompt) for _, record in few(users, draws.newest, draws.questions, draws.seed)]


def drawn(lm: LM, requests: Sequence[Request], objectives: Sequence[str], draws: Draws) -> Drawn:
    """`draws.each` answers to each request, and what each is worth by each of the objectives. Empty answers are among them."""
    names, count = known(objectives), draws.each
    if count < 2:
        raise RequestError(f"of {count} answers none is better than another: draw 2 or more")
    sampled = [
        request.sampled(max_tokens=draws.tokens, temperature=draws.temperature, seed=draws.seed + place)
        for request in requests
        for place in range(count)
    ]
    texts = [reply.text for reply in lm.generate(sampled)]
    worth = counted(names, [request.question for request in sampled], texts)
    answers = tuple(tuple(texts[at : at + count]) for at in range(0, len(texts), count))
    return Drawn(tuple(requests), answers, worth.reshape(len(requests), count, len(names)))


def pooled(lm: LM, users: Sequence[User], objectives: Sequence[str], draws: Draws = Draws()) -> Drawn:
    """Answers to `users`' questions, judged by the objectives: what adapters are taught by, and the scale of rewards and leanings."""
    return drawn(lm, questions(users, draws), objectives, draws)


def ranked(
    lm: LM,
    pool: Drawn,
    names: Sequence[str],
    *,
    rank: int = 8,
    modules: Sequence[str] = MODULES,
    plan: Plan = PLAN,
    beta: float = 0.1,
) -> list[Adapter]:
    """An adapter for each of the pool's objectives, by direct preference optimization of `pool.pairs`; alpha is twice the rank.

    All start from the same A, and B zero.
    """
    jobs = [pool.pairs(place) for place in range(pool.rewards.shape[-1])]
    made = prefer(lm, jobs, DPO(beta), rank=rank, alpha=2.0 * rank, modules=modules, plan=plan)
    return [Adapter(one.modules, one.scale, name) for one, name in zip(made, names, strict=True)]


def specialized(
    lm: LM,
    users: Sequence[User],
    objectives: Sequence[str],
    draws: Draws = Draws(),
    *,
    rank: int = 8,
    modules: Sequence[str] = MODULES,
    plan: Plan = PLAN,
    beta: float = 0.1,
) -> list[Adapter]:
    """An adapter for each of the objectives, in their order, named after it.

    The model answers `users`' questions `draws.each` times, and of each question's answers the one that is worth most by an objective is
    preferred to the one that is worth least. All adapters start from the same numbers, so that they can be mixed.
    """
    return ranked(lm, pooled(lm, users, objectives, draws), objectives, rank=rank, modules=modules, plan=plan, beta=beta)


def kept(scale: Scale, adapters: Sequence[Adapter], **arrays: Floats) -> State:
    """What a method with objectives keeps in `shared`: the scale of its rewards, and adapters in their order."""
    return State(arrays={**scale.arrays, **arrays}, parts=tuple(State(adapter=adapter) for adapter in adapters))


def adapters(shared: State) -> list[Adapter]:
    """The adapters that `kept` put there, in their order; none where nothing was learnt."""
    return [part.adapter for part in shared.parts if part.adapter]


def shares(parts: Sequence[Adapter], weights: Iterable[float]) -> dict[Adapter, float]:
    """What a request carries of each: its weight. Those of 0 are left out; adapters that are equal add up."""
    made: dict[Adapter, float] = {}
    for part, weight in zip(parts, weights, strict=True):
        if weight:
            made[part] = made.get(part, 0.0) + float(weight)
    return made
