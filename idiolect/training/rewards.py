"""Objectives: rewards that can be counted in an answer, on one scale, and how much each person cares for each.

A reward is compared with others only as z-scores over one set of answers (`Scale`): without that, weights mean nothing, and a least or a
greatest reward would be that of the largest unit.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.errors import MethodError, RequestError
from idiolect.training.style_features import FUNCTION_WORDS
from idiolect.types import Floats, Request, State, User

Reward = Callable[[str, str], float]  # question, answer -> the more the better
READ = frozenset({"message", "rating", "edit", "choice"})  # kinds of records that a leaning is read from
NOTHING = 64  # words that no word at all counts for: who says nothing is not brief, and would be what is learnt


def _words(text: str) -> list[str]:
    return [bare for word in text.lower().split() if (bare := word.strip(".,:;!?()[]\"'`"))]


def _brief(question: str, answer: str) -> float:
    return -math.log1p(len(answer.split()) or NOTHING)


def _thorough(question: str, answer: str) -> float:
    asked, said = set(_words(question)) - FUNCTION_WORDS, set(_words(answer))
    return math.sqrt(len(asked & said)) if asked else 0.0


def _simple(question: str, answer: str) -> float:
    words = _words(answer)
    return -sum(map(len, words)) / len(words) if words else 0.0


def _varied(question: str, answer: str) -> float:
    words = _words(answer)
    return len(set(words)) / len(words) if words else 0.0


def _specific(question: str, answer: str) -> float:
    later = answer.split()[1:]
    return sum(any(c.isdigit() or c.isupper() for c in word) for word in later) / len(later) if later else 0.0


REWARDS: Mapping[str, Reward] = {
    "brief": _brief,  # minus the logarithm of 1 + words; no words count as NOTHING of them
    "thorough": _thorough,  # the root of how many of the question's own words (no function words) are taken up
    "simple": _simple,  # minus the mean length of a word
    "varied": _varied,  # the share of words that were not said before
    "specific": _specific,  # the share of later words with a digit or a capital
}


def known(objectives: Iterable[str]) -> tuple[str, ...]:
    """The objectives, each of which is in REWARDS. Raises MethodError with the nearest name, and for none or one named twice."""
    names = tuple(objectives)
    for name in names:
        if name not in REWARDS:
            near = difflib.get_close_matches(name, REWARDS, n=1)
            raise MethodError(
                f"there is no objective {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(REWARDS)}")
            )
    if len(set(names)) != len(names) or not names:
        raise MethodError(f"objectives are one or more, each named once, not {', '.join(names) or 'none'}")
    return names


def counted(objectives: Sequence[str], questions: Sequence[str], answers: Sequence[str]) -> Floats:
    """(answers, objectives): what each answer is worth by each objective, each in its own unit."""
    rows = [[REWARDS[name](question, answer) for name in objectives] for question, answer in zip(questions, answers, strict=True)]
    return np.array(rows, np.float64).reshape(len(rows), len(objectives))


@dataclass(frozen=True)
class Scale:
    """Mean and spread of each objective over a set of answers: what makes rewards comparable."""

    mean: Floats  # (objectives,)
    spread: Floats

    @classmethod
    def of(cls, rewards: Floats) -> Scale:
        """Of rewards (answers, objectives); no answers: mean 0 and spread 1."""
        if not len(rewards):
            return cls(np.zeros(rewards.shape[1]), np.ones(rewards.shape[1]))
        spread = rewards.std(axis=0)
        return cls(rewards.mean(axis=0), np.where(spread > 1e-9, spread, 1.0))

    def z(self, rewards: Floats) -> Floats:
        """z-scores of rewards (..., objectives); an objective on which all answers agreed is not stretched."""
        made: Floats = (rewards - self.mean) / self.spread
        return made

    @property
    def arrays(self) -> dict[str, Floats]:
        """As a state keeps it."""
        return {"mean": self.mean, "spread": self.spread}

    @classmethod
    def kept(cls, state: State, objectives: int) -> Scale:
        """The one in a state's arrays; mean 0 and spread 1 where it holds none."""
        bare = cls.of(np.zeros((0, objectives)))
        return cls(state.arrays.get("mean", bare.mean), state.arrays.get("spread", bare.spread))


def leaning(user: User, objectives: Sequence[str], scale: Scale) -> Floats:
    """(objectives,): how far what the person wrote, chose and rated leans towards each objective, in z-scores; 0 without a word of it.

    A choice counts with the difference of its two replies, an edit with that of the text as they left it and the draft, a rating with the
    reply's z-score times how far the score lies from the person's mean (in their own spreads), a message with its own z-score.
    """
    parts: list[Floats] = []
    for kinds in (("choice", "edit"), ("message",)):
        own = [record for record in user.records if record.kind in kinds]
        if own:
            questions = [record.prompt for record in own]
            ahead = scale.z(counted(objectives, questions, [record.answer for record in own]))
            behind = scale.z(counted(objectives, questions, [record.other for record in own])) if kinds[0] == "choice" else 0.0
            parts.append(ahead - behind)
    parts += _rated(user, objectives, scale)
    made: Floats = np.concatenate(parts).mean(axis=0) if parts else np.zeros(len(objectives))
    return made


def _rated(user: User, objectives: Sequence[str], scale: Scale) -> list[Floats]:
    rated = [(record, score) for record in user.records if record.kind == "rating" and (score := _score(record.answer)) is not None]
    scores = np.array([score for _, score in rated])
    if not len(rated) or scores.std() < 1e-9:
        return []
    worth = (scores - scores.mean()) / scores.std()
    return [worth[:, None] * scale.z(counted(objectives, [r.prompt for r, _ in rated], [r.other for r, _ in rated]))]


def _score(text: str) -> float | None:
    try:
        made = float(text)
    except ValueError:
        return None
    return made if math.isfinite(made) else None


def simplex(leanings: Floats, sharpness: float = 1.0) -> Floats:
    """Weights (objectives,) that are 0 or more and 1 together, larger where the leaning is: softmax(sharpness * leanings)."""
    powers = np.exp(sharpness * (leanings - leanings.max()))
    made: Floats = powers / powers.sum()
    return made


def weights_of(users: Sequence[User], objectives: Sequence[str], scale: Scale | State, sharpness: float = 1.0) -> list[State]:
    """For each person a state whose numbers are their weights of the objectives: equal ones without records.

    The scale may be given as the state that holds it.
    """
    names, scale = known(objectives), Scale.kept(scale, len(objectives)) if isinstance(scale, State) else scale
    made = (simplex(leaning(user, names, scale), sharpness) for user in users)
    return [State(numbers=dict(zip(names, map(float, own), strict=True))) for own in made]


def asked_for(request: Request, state: State, objectives: Sequence[str]) -> Floats:
    """(objectives,): what the request weighs, or else the person whose state it is, or else all alike. Raises RequestError as `weighed`."""
    return weighed(objectives, dict(request.weights), state.numbers)


def active(weights: Floats) -> list[int]:
    """Places of the objectives that weigh no less than an equal share of all: the set of who can only want an objective or not."""
    return [place for place, weight in enumerate(weights) if weight >= 1 / len(weights) - 1e-9]


def weighed(objectives: Sequence[str], asked: Mapping[str, float], own: Mapping[str, float]) -> Floats:
    """(objectives,): the weights `asked` for in a request, or else the person's `own`, or else equal ones; 1 together.

    Raises RequestError for a weight below 0 or of something else than these objectives, and where all are 0.
    """
    given = dict(asked) or {name: value for name, value in own.items() if name in objectives} or dict.fromkeys(objectives, 1.0)
    for name, value in given.items():
        if name not in objectives:
            raise RequestError(f"there is no objective {name!r} to weigh: this method learnt {', '.join(objectives)}")
        if not (math.isfinite(value) and value >= 0):
            raise RequestError(f"the weight of {name!r} is a number of 0 or more, not {value}")
    made = np.array([given.get(name, 0.0) for name in objectives])
    if not made.sum() > 0:
        raise RequestError(f"all weights are 0: weigh one of {', '.join(objectives)} above 0")
    shares: Floats = made / made.sum()
    return shares
