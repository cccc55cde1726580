"""Reward models on people's later choices and ratings: how often the answer they took is ahead, against everybody's model and another's.

Pairs are divided by prompt: all of what anybody said under one prompt, both halves of a pair that is turned round among them, stands on
one side. Everyone weighs the same; intervals are over people.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from idiolect.data.preferences import opening
from idiolect.data.splits import is_number, split_all
from idiolect.errors import DataError
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.training.comparisons import Comparison, compared
from idiolect.types import Floats, History, Record, User, digest

BINS = 10  # of confidence, in the calibration error
Judge = Callable[[int, int], Floats]  # whose targets, and with whose history: margins (targets,), or ratings foretold


@dataclass(frozen=True)
class Person:
    """Someone's comparisons that may be learnt from, and those that are asked for."""

    user: str
    history: tuple[Comparison, ...]
    targets: tuple[Comparison, ...]


@dataclass(frozen=True)
class Rater:
    """Someone's ratings that may be learnt from, and the later ones that are asked for."""

    user: str
    history: tuple[Record, ...]
    targets: tuple[Record, ...]


@dataclass(frozen=True)
class Row:
    """A judge's figure, how far it is from the first judge's, and that with another person's history in place of one's own."""

    name: str
    figure: Interval
    gain: Interval | None = None  # against the judge it is compared with, paired by person
    own: Interval | None = None  # with one's own history less with another's: what of it is personal
    calibration: float | None = None


@dataclass
class Measured:
    """Everybody's parts by each judge: accuracies, or mean absolute errors; rows are made of them against any one of the judges."""

    truths: Sequence[Floats] = ()  # of ratings; of pairs none, for the first answer is always the better one
    seed: int = 0
    parts: dict[str, Floats] = field(default_factory=dict)  # (people,)
    other: dict[str, Floats] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, judge: Judge, people: int, personal: bool = True) -> None:
        """Measure a judge on people 0 to `people` - 1; one that is not personal has no use for anybody's history."""
        said = [judge(person, person) for person in range(people)]
        self.parts[name] = self._parts(said)
        if not self.truths:
            self.errors[name] = calibration_error(np.concatenate(said))
        if personal and people > 1:
            others = stand_ins(people, self.seed)
            self.other[name] = self._parts([judge(person, others[person]) for person in range(people)])

    def rows(self, against: str) -> list[Row]:
        """A row for each judge, compared with the one of that name. Raises DataError where there is none."""
        if against not in self.parts:
            raise DataError(f"no judge is called {against!r}; measured are {', '.join(self.parts) or 'none'}")
        draws, made = Draws(len(self.parts[against]), self.seed), []
        for name, own in self.parts.items():
            gain = None if name == against else draws.difference(own[:, None], self.parts[against][:, None], _only)
            personal = draws.difference(own[:, None], self.other[name][:, None], _only) if name in self.other else None
            made.append(Row(name, draws.interval(own[:, None], _only), gain, personal, self.errors.get(name)))
        return made

    def _parts(self, said: Sequence[Floats]) -> Floats:
        if not self.truths:
            return np.array([accuracy(margins) for margins in said])
        return np.array([np.abs(one - truth).mean() for one, truth in zip(said, self.truths, strict=True)])


def by_prompt(users: Sequence[User], share: float = 0.25, least: int = 2, seed: int = 0) -> list[Person]:
    """People whose comparisons are divided by what their prompts begin with, `share` of all prompts asked for; a prompt is on one side
    for everybody. People with less than `least` comparisons to learn from, or none asked for, are left out.

    Raises DataError for a share outside 0 to 1.
    """
    if not 0 < share < 1:
        raise DataError(f"the share of prompts that are asked for lies between 0 and 1, not {share}")
    made = []
    for user in users:
        sides: tuple[list[Comparison], list[Comparison]] = ([], [])
        for one in compared(user.records):
            sides[asked_for(one.question, share, seed)].append(one)
        if len(sides[0]) >= least and sides[1]:
            made.append(Person(user.id, tuple(sides[0]), tuple(sides[1])))
    return made


def asked_for(prompt: str, share: float, seed: int) -> bool:
    """Whether a prompt is on the side that is asked for: by a hash of what it begins with, so whoever was asked it, and in any order."""
    return int(digest("asked for", str(seed), opening(prompt)), 16) / 16**16 < share


def by_time(users: Sequence[User], share: float = 0.2, least: int = 4) -> list[Rater]:
    """Raters with the last `share` of their ratings as targets; those with less than `least` earlier ones are left out."""
    rated = [User(user.id, History(r for r in user.records if is_number(r.answer))) for user in users]
    made = [Rater(one.user, tuple(one.history), one.targets) for one in split_all(rated, share).splits]
    return [one for one in made if len(one.history) >= least and one.targets]


def accuracy(margins: Floats) -> float:
    """The share of margins above 0; one of 0 is half right, so that a model which cannot tell two answers apart has a half."""
    return float(((margins > 0) + 0.5 * (margins == 0)).mean())


def calibration_error(margins: Floats, bins: int = BINS) -> float:
    """How far the chance that a model gives its favourite, sigmoid(|margin|), is from how often the favourite was taken: the mean over
    `bins` bins of the chance from 0.5 to 1, by how many pairs each holds (expected calibration error)."""
    chance, right = 1 / (1 + np.exp(-np.abs(margins).clip(0, 500))), (margins > 0) + 0.5 * (margins == 0)
    places = np.minimum(((chance - 0.5) * 2 * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    apart = np.abs(np.bincount(places, chance, bins) - np.bincount(places, right, bins))
    return float(apart.sum() / max(int(counts.sum()), 1))


def stand_ins(people: int, seed: int) -> list[int]:
    """For each person another, whose history stands in: a seeded circle in which nobody stands for themselves."""
    order = list(range(people))
    random.Random(f"{seed}/stand-ins").shuffle(order)
    after = dict(zip(order, [*order[1:], *order[:1]], strict=True))
    return [after[person] for person in range(people)]


def _only(means: Floats) -> Floats:
    made: Floats = means[..., 0]
    return made
