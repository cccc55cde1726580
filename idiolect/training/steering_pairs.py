"""What a person stands behind, and what not: texts with the questions they answer, for probes that tell the two apart."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from idiolect.models.lm import LM
from idiolect.training.choices import PREFERRING, Taking, preferences_of
from idiolect.types import History, Request, User, ask

STANDING = PREFERRING | {"rating"}  # what is read for this


class Stance(NamedTuple):
    """A text, what it answers, whether the person stands behind it, and the number of its record: the sides of a choice share one."""

    request: Request
    answer: str
    own: bool
    record: int


def stances(lm: LM, users: Sequence[User], taking: Taking) -> list[list[Stance]]:
    """Each person's: what they chose, left or wrote, over what they left, were given as a draft, or the model writes; and what they rated.

    A reply rated above the mean of a person's own ratings is stood behind, one below it is not; one at the mean says nothing. Of ratings
    too the `taking.newest` are read.
    """
    made = []
    for user, preferred in zip(users, preferences_of(lm, users, taking), strict=True):
        sides = [Stance(r, text, own, i) for i, (r, *both) in enumerate(preferred) for text, own in zip(both, (True, False), strict=True)]
        made.append(sides + _rated(user.records.of({"rating"}).newest(taking.newest), len(preferred)))
    return made


def held_out(records: Sequence[int], share: float, seed: int) -> set[int]:
    """Of the numbers of records, those that a share of them held out are, drawn by the seed: at least one, and never all."""
    numbers = sorted(set(records))
    count = min(max(1, round(share * len(numbers))), len(numbers) - 1)
    return set(random.Random(f"{seed}/held out").sample(numbers, max(count, 0)))


def _rated(records: History, first: int) -> list[Stance]:
    scored = [(record, _number(record.answer)) for record in records if record.other.strip()]
    known = [(record, score) for record, score in scored if math.isfinite(score)]
    mean = float(np.mean([score for _, score in known])) if known else 0.0
    apart = [(record, score) for record, score in known if abs(score - mean) > 1e-9]
    return [Stance(ask(record.prompt), record.other, score > mean, first + i) for i, (record, score) in enumerate(apart)]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
