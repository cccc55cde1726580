"""Policy gradients: answers are drawn from what is being learnt, judged, and made likelier as far as they were better than the others.

REINFORCE with the mean of the other answers as baseline: Ahmadian et al. Back to Basics. ACL 2024, arXiv:2402.14740. The clip: Schulman et
al. Proximal Policy Optimization. 2017, arXiv:1707.06347. Groups in units of their spread: Shao et al. DeepSeekMath, 2024, arXiv:2402.03300.
An answer is one action here, as in the first of these: no value is learnt of half an answer, and the ratio that is clipped is a whole
answer's. What an answer is worth is its reward less `beta` times the nats by which it became likelier than without what is trained: so the
optimum is the model's own distribution times exp(reward / beta), and its value beta times the logarithm of what normalizes that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.training.drawing import written
from idiolect.training.loop import Learner, Parameters, local
from idiolect.training.objective import Example
from idiolect.training.rewards import Scale, counted
from idiolect.training.sft import LoRA
from idiolect.training.steps import Rows, Steps
from idiolect.types import Adapter, Floats, Reply, Request

Judge = Callable[[Sequence[Request], Sequence[str], Floats], Floats]  # requests, answers, weights (answers, objectives) -> (answers,)
Wanted = Callable[[int], Floats]  # step -> weights (jobs, questions, objectives)
HOW = ("reinforce", "ppo", "grpo")


@dataclass(frozen=True)
class Ascent:
    """How a policy is improved: in each of `steps`, `group` answers to each of `questions` are drawn for every job, and learnt from.

    "ppo" and "grpo" may learn `epochs` times from what was drawn once, and clip; `rate` falls linearly to zero.
    """

    steps: int = 40
    questions: int = 8
    group: int = 4
    how: Literal["reinforce", "ppo", "grpo"] = "reinforce"
    lr: float = 2e-3
    beta: float = 0.1
    clip: float = 0.2
    epochs: int = 1
    tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.questions, self.epochs, self.tokens) < 1 or self.group < 2 or not self.beta >= 0 or not self.clip > 0:
            wanted = "steps, questions, epochs, tokens >= 1; group >= 2; beta >= 0; clip > 0"
            raise RequestError(f"a policy gradient out of range ({wanted}): {self}")
        if self.how not in HOW or (self.how == "reinforce" and self.epochs > 1):
            raise RequestError(f"{self.how!r} with {self.epochs} epochs: take 'ppo' or 'grpo', or 'reinforce' with one")

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr * (1 - step / self.steps)

    def asked(self, step: int, there: int) -> list[int]:
        """Which of the questions that are there are asked in a step: all of them come before one comes again."""
        order: list[int] = []
        while len(order) < (step + 1) * self.questions:
            order += random.Random(f"{self.seed}/{len(order)}").sample(range(there), there)
        return order[step * self.questions : (step + 1) * self.questions]


class Policy(Learner):
    """A learner that answers are drawn from, under weights that it may know of or not."""

    def under(self, weights: Floats) -> Policy:
        """The same policy for rows whose weights are those of their places, (places, objectives)."""
        return self

    def mixture(self, parameters: Parameters, weights: Floats) -> Mapping[Adapter, float]:
        """What a request carries so that a job's policy answers it under these weights (objectives,)."""
        raise NotImplementedError


class Alone(Policy):
    """A LoRA for each job, which knows of no weights: each job has its own reward."""

    def __init__(self, inner: LoRA) -> None:
        self.inner = inner

    def start(self, jobs: int) -> dict[str, Tensor]:
        return self.inner.start(jobs)

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        return self.inner.bend(bends, parameters, jobs, places)

    def mixture(self, parameters: Parameters, weights: Floats) -> Mapping[Adapter, float]:
        return {self.inner.adapter(parameters, ""): 1.0}


def counting(objectives: Sequence[str], scale: Scale) -> Judge:
    """The weighted sum of the counted rewards, each in z-scores by `scale`: without that, weights would mean nothing."""
    names = tuple(objectives)

    def judge(requests: Sequence[Request], answers: Sequence[str], weights: Floats) -> Floats:
        made: Floats = (weights * scale.z(counted(names, [request.question for request in requests], answers))).sum(axis=1)
        return made

    return judge


def improved(
    lm: LM, policy: Policy, jobs: Sequence[Sequence[Request]], judge: Judge, wanted: Wanted, plan: Ascent = Ascent()
) -> list[Parameters]:
    """Each job's parameters after `plan.steps` steps on its requests, of which all jobs have equally many.

    Requests' own bends hold, in the reference too. All jobs draw by the same chances, so that company changes none; rows of all jobs and
    weights go through the model together. Without requests nothing is learnt.
    """
    there = {len(job) for job in jobs}
    if len(there) > 1:
        raise RequestError(f"jobs of {sorted(there)} requests: give each as many")
    steps = Steps(local(lm, "a policy gradient"), policy, len(jobs))
    for step in range(plan.steps if there - {0} else 0):
        places = plan.asked(step, *there)
        _improve(steps, policy, [[job[place] for place in places] for job in jobs], judge, wanted(step), (plan, step))
    return steps.results()


def advantages(returns: Tensor, how: str = "reinforce") -> Tensor:
    """How much better each answer was than the others of its group, (groups, answers): than their mean, or in units of the spread."""
    apart = returns - returns.mean(dim=1, keepdim=True)
    if how == "grpo":
        return apart / (returns.std(dim=1, keepdim=True) + 1e-4)
    return apart * (returns.shape[1] / (returns.shape[1] - 1))


def surrogate(logp: Tensor, old: Tensor, better: Tensor, how: str = "reinforce", clip: float = 0.2) -> Tensor:
    """(groups,): what is made less so that answers become likelier as far as they were `better`; all are given as (groups, answers).

    `old` are the log-probabilities with which they were drawn. Clipped, an answer stops counting once it moved by `clip` the right way.
    """
    if how == "reinforce":
        return -(better * logp).mean(dim=1)
    ratio = (logp - old).exp()
    return -torch.minimum(ratio * better, ratio.clamp(1 - clip, 1 + clip) * better).mean(dim=1)


def _improve(
    steps: Steps, policy: Policy, asked: Sequence[Sequence[Request]], judge: Judge, weights: Floats, when: tuple[Ascent, int]
) -> None:
    """One step: draw, judge, learn."""
    plan, step = when
    flat = weights.reshape(-1, weights.shape[-1])
    rows, replies = _drawn(steps, policy, asked, weights, when)
    questions = [example.request for _, example in rows for _ in range(plan.group)]
    rewards = judge(questions, [reply.text for reply in replies], flat.repeat(plan.group, axis=0))
    own = policy.under(flat)
    old, worth = steps.now(rows, own), torch.from_numpy(np.asarray(rewards, np.float32)).view(-1, plan.group)
    returns = worth.to(old.device) - plan.beta * (old - steps.reference(rows))
    better = advantages(returns, plan.how)

    def loss(places: list[int], logp: Tensor) -> Tensor:
        return surrogate(logp, old[places], better[places], plan.how, plan.clip)

    for _ in range(plan.epochs):
        steps.step(rows, loss, plan.rate(step), own)


def _drawn(
    steps: Steps, policy: Policy, asked: Sequence[Sequence[Request]], weights: Floats, when: tuple[Ascent, int]
) -> tuple[Rows, list[Reply]]:
    """A row for each job and question, and the answers of all rows, row by row."""
    plan, step = when
    mixtures: dict[tuple[int, bytes], Mapping[Adapter, float]] = {}
    own = steps.results()
    sampled, rows = [], list[tuple[int, Example]]()
    for job in range(steps.jobs):
        for place, request in enumerate(asked[job]):
            key = job, weights[job, place].tobytes()
            if key not in mixtures:
                mixtures[key] = policy.mixture(own[job], weights[job, place])
            bent = request.bent(adapters=mixtures[key])
            first = ((plan.seed * 100_003 + step) * 1_009 + place) * plan.group
            sampled += [bent.sampled(max_tokens=plan.tokens, temperature=1.0, top_p=1.0, seed=first + i) for i in range(plan.group)]
    drawn = written(steps.lm, sampled)
    for number, request in enumerate(request for own in asked for request in own):
        group = tuple(row for _, row in drawn[number * plan.group : (number + 1) * plan.group])
        rows.append((number // len(asked[0]), Example(request, group, number)))
    return rows, [reply for reply, _ in drawn]
