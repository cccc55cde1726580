"""One reward model out of several sets of preferences that disagree, none of which it leaves behind; numpy alone.

Zeng, Dai, Cheng, Wang, Hu, Chen, Du, Xu. On Diversified Preferences of Large Language Model Alignment. Findings of EMNLP 2024,
arXiv:2312.07401.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.training.min_norm import averaged, min_norm, normalised
from idiolect.training.reward_models import level, logistic
from idiolect.types import Floats

Sides = tuple[Floats, Floats]  # features of the better and of the worse answers, both (pairs, features)


@dataclass(frozen=True)
class Schedule:
    """A body of `hidden` units under the head; `steps` steps of Adam, each with `batch` pairs of every set.

    `fresh` is the share of a new gradient in the average that weights are made of. `even` weighs all sets alike: what is compared with.
    """

    hidden: int = 32
    steps: int = 200
    batch: int = 8
    rate: float = 0.01
    fresh: float = 0.99
    decay: float = 0.01
    even: bool = False
    seed: int = 0


def balanced(sets: Sequence[Sides], schedule: Schedule) -> dict[str, Floats]:
    """The body (features, hidden), the head (hidden,), the level of features, and the mean weight (sets,) of each set over the steps.

    No pairs: {}.

    At each step the loss of a set weighs what the shortest sum of the sets' gradients by the head gives it; body and head are moved by
    the weighted loss.
    """
    kept = [own for own in sets if len(own[0])]
    if not kept:
        return {}
    middle = level(np.concatenate([side for own in kept for side in own]))
    kept = [(better - middle, worse - middle) for better, worse in kept]
    chance, width = np.random.default_rng(schedule.seed), kept[0][0].shape[1]
    body: Floats = chance.normal(0, width**-0.25, (width, schedule.hidden))
    head: Floats = chance.normal(0, 0.1, schedule.hidden)
    average: Floats | None = None
    used = np.zeros(len(kept))
    moments: list[list[Floats]] = [[np.zeros_like(body), np.zeros_like(head)] for _ in range(2)]
    for step in range(1, schedule.steps + 1):
        slopes = [_slopes(body, head, *_some(own, schedule.batch, chance)) for own in kept]
        average = averaged(average, np.stack([by_head for _, by_head in slopes]), schedule.fresh)
        weights = np.full(len(kept), 1 / len(kept)) if schedule.even else min_norm(normalised(average))
        used += weights / schedule.steps
        by_body = sum((weight * one for weight, (one, _) in zip(weights, slopes, strict=True)), np.zeros_like(body))
        by_head = np.stack([one for _, one in slopes]).T @ weights
        body, head = _stepped([body, head], [by_body, by_head], moments, step, schedule)
    return {"body": body, "head": head, "weights": used, "middle": middle}


def inner(learnt: Mapping[str, Floats], seen: Floats) -> Floats:
    """(answers, hidden): what the head reads of seen (answers, features)."""
    made: Floats = np.tanh((seen - learnt["middle"]) @ learnt["body"])
    return made


def own_head(learnt: Mapping[str, Floats], better: Floats, worse: Floats, hold: float) -> Floats:
    """(hidden,): a person's head on the body that everybody shares, by their pairs, held to everybody's head by `hold`."""
    return logistic(inner(learnt, better) - inner(learnt, worse), hold, learnt["head"])


def _slopes(body: Floats, head: Floats, better: Floats, worse: Floats) -> tuple[Floats, Floats]:
    """The gradients of the mean Bradley-Terry loss by the body and by the head."""
    ahead, behind = np.tanh(better @ body), np.tanh(worse @ body)
    wrong = -1 / (1 + np.exp(((ahead - behind) @ head).clip(-500, 500))) / len(better)
    by_head = wrong @ (ahead - behind)
    by_body = better.T @ (wrong[:, None] * head * (1 - ahead**2)) - worse.T @ (wrong[:, None] * head * (1 - behind**2))
    return by_body, by_head


def _some(own: Sides, count: int, chance: np.random.Generator) -> Sides:
    places = chance.integers(len(own[0]), size=count)
    return own[0][places], own[1][places]


def _stepped(now: list[Floats], slopes: list[Floats], moments: list[list[Floats]], step: int, schedule: Schedule) -> list[Floats]:
    """One step of AdamW; the rate falls to 0 in a straight line."""
    made, rate = [], schedule.rate * (1 - (step - 1) / schedule.steps)
    for place, (value, slope) in enumerate(zip(now, slopes, strict=True)):
        moments[0][place] = 0.9 * moments[0][place] + 0.1 * slope
        moments[1][place] = 0.999 * moments[1][place] + 0.001 * slope * slope
        moved = moments[0][place] / (1 - 0.9**step) / (np.sqrt(moments[1][place] / (1 - 0.999**step)) + 1e-8)
        made.append(value - rate * (moved + schedule.decay * value))
    return made
