"""What an answer is to reach when objectives are weighed: target scores, directions, ratings, and goals that are drawn to learn from.

Targets from preferences and drawn goals: Yang et al. Rewards-in-Context. ICML 2024, arXiv:2402.10207. Directions: Wang et al. DPA. ACL
2024, arXiv:2402.18571. Ratings and the distance to them: Guo et al. CPO. EMNLP 2024, arXiv:2402.19085.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import MethodError, RequestError
from idiolect.types import Floats, Ints

RATINGS = 5  # grades, from 1


def _l2(weights: Floats) -> Floats:
    made: Floats = weights / np.linalg.norm(weights)
    return made


def _linf(weights: Floats) -> Floats:
    shares = np.minimum(weights * len(weights), 1.0)
    shares[np.argmax(weights)] = 1.0
    return shares


def _linear(weights: Floats) -> Floats:
    return weights


MAPS: Mapping[str, Callable[[Floats], Floats]] = {"l2": _l2, "linf": _linf, "linear": _linear}


def targets(weights: Floats, low: Floats, high: Floats, by: str = "l2") -> Floats:
    """Scores (objectives,) to ask for: shares of the way from `low` to `high`, made of weights (1 together) by a map, to one decimal.

    "l2": weights over their length; "linf": the greatest weight asks for all, the others for objectives x weight, at most all;
    "linear": the weights themselves. Raises MethodError for another map.
    """
    if by not in MAPS:
        raise MethodError(f"there is no map {by!r} from weights to scores; there are {', '.join(MAPS)}")
    made: Floats = np.round(MAPS[by](np.asarray(weights, np.float64)) * (high - low) + low, 1) + 0.0  # no -0.0
    return made


def goals(count: int, low: Floats, high: Floats, chance: np.random.Generator) -> Floats:
    """(count, objectives): drawn evenly between `low` and `high`, all but the one least of the way raised to `high`, to one decimal."""
    shares = chance.random((count, len(low)))
    least = shares.argmin(axis=1)
    raised = np.ones_like(shares)
    raised[np.arange(count), least] = shares[np.arange(count), least]
    made: Floats = np.round(raised * (high - low) + low, 1) + 0.0
    return made


def reach(rewards: Floats, edge: float = 0.05) -> tuple[Floats, Floats]:
    """The least and the greatest reward by each objective among rewards (answers, objectives), but for a share `edge` at either end."""
    if not len(rewards):
        return np.zeros(rewards.shape[1]), np.zeros(rewards.shape[1])
    return np.quantile(rewards, edge, axis=0), np.quantile(rewards, 1 - edge, axis=0)


def direction(weights: Floats) -> Floats:
    """Weights as a direction: of length 1, whatever their sum; they may be below 0. Raises RequestError where all are 0."""
    length = float(np.linalg.norm(weights))
    if not length > 0:
        raise RequestError("weights that are all 0 have no direction: weigh one of the objectives")
    made: Floats = np.asarray(weights, np.float64) / length
    return made


def ahead(rewards: Floats) -> Floats:
    """(answers, objectives): the share of rewards (answers, objectives) that each is above, of its equals counted half."""
    others = rewards[None]
    made: Floats = (rewards[:, None] > others).mean(axis=1) + (rewards[:, None] == others).mean(axis=1) / 2 if len(rewards) else rewards
    return made


def above(rewards: Floats, quantile: float) -> NDArray[np.bool_]:
    """(answers,): which of rewards (answers, objectives) lie above this quantile of all of them by any objective."""
    bounds = np.quantile(rewards, quantile, axis=0) if len(rewards) else np.zeros(rewards.shape[1])
    return np.asarray((rewards > bounds).any(axis=1))


def grades(rewards: Floats) -> Floats:
    """(RATINGS - 1, objectives): where one rating ends and the next begins, so that as many of these rewards get each."""
    inner = np.arange(1, RATINGS) / RATINGS
    made: Floats = np.quantile(rewards, inner, axis=0) if len(rewards) else np.zeros((RATINGS - 1, rewards.shape[1]))
    return made


def rated(rewards: Floats, bounds: Floats) -> Ints:
    """(answers, objectives): the rating, 1 to RATINGS, of each of rewards (answers, objectives)."""
    made: Ints = 1 + (rewards[:, None, :] >= bounds[None]).sum(axis=1)
    return made


def controlled(ratings: Floats | Ints, wanted: Floats, strength: float = 1.0) -> Floats:
    """(answers, objectives): what each rating (answers, objectives) is worth to who wants these.

    -strength x |wanted - rating| where one is `wanted` (objectives,); the rating itself where none is (NaN): the more the better.
    """
    far = -strength * np.abs(np.where(np.isnan(wanted), 0.0, wanted) - ratings)
    return np.where(np.isnan(wanted), ratings, far)
