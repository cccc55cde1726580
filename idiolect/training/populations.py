"""Whose reward it is: a table of people's own heads beside a generic one, and groups of people found by hard EM; numpy alone.

The table: Li, Lipton, Leqi. Personalized Language Modeling from Personalized Human Feedback. 2024, arXiv:2402.05133. Groups: Chakraborty,
Qiu, Yuan, Koppel, Huang, Manocha, Bedi, Wang. MaxMin-RLHF. ICML 2024, arXiv:2402.08925.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from idiolect.errors import DataError
from idiolect.training.reward_models import logistic
from idiolect.types import Floats, Ints

ROUNDS, STARTS, TURNS = 10, 4, 4  # of EM, runs of it, and turns of a table


@dataclass(frozen=True)
class Table:
    """Heads: `generic` (features,) of anybody, and what each person's differs from it."""

    generic: Floats
    offsets: Mapping[str, Floats] = field(default_factory=dict)

    def of(self, user_id: str) -> Floats:
        """The person's head; that of anybody for somebody unknown."""
        return self.generic + self.offsets[user_id] if user_id in self.offsets else self.generic


def table(people: Mapping[str, Floats], share: float = 0.5, hold: float = 1.0, own_hold: float = 4.0) -> Table:
    """A table from each person's pairs (pairs, features), better less worse.

    Each pair teaches twice, as its person's by `share` and as anybody's by the rest; the generic head is held to 0 by `hold`, offsets by
    `own_hold`. Found by turns, the generic head given the offsets and each offset given the generic head: a person's offset depends on
    others through the generic head alone, and is 0 without pairs of theirs. Raises DataError for a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise DataError(f"the share of a pair that teaches its person's head lies between 0 and 1, not {share}")
    width = next((rows.shape[1] for rows in people.values()), 0)
    made = {user: np.zeros(width) for user in people}
    rows = np.concatenate([*people.values(), np.zeros((0, width))])
    counts = np.repeat([share, 1 - share], len(rows))
    generic = logistic(rows, hold)
    for _ in range(TURNS if share else 0):
        made = {user: own_offset(own, generic, own_hold, share) for user, own in people.items()}
        shifts = np.concatenate([own @ made[user] for user, own in people.items()]) if people else np.zeros(0)
        both, shifted = np.concatenate([rows, rows]), np.concatenate([shifts, np.zeros(len(rows))])
        generic = logistic(both, hold, counts=counts, shifts=shifted, near=generic)
    made = {user: own_offset(own, generic, own_hold, share) for user, own in people.items()}
    return Table(generic, made)


def own_offset(rows: Floats, generic: Floats, hold: float, share: float = 1.0) -> Floats:
    """(features,): how a person's head differs from the generic one, by their pairs (pairs, features), held to 0 by `hold`."""
    if not share:
        return np.zeros_like(generic)
    made: Floats = logistic(rows, hold, generic, np.full(len(rows), share)) - generic
    return made


@dataclass(frozen=True)
class Groups:
    """Heads (features, groups), the group of each person, and what EM makes larger, after each E-step: the
    log-likelihood of everybody's pairs less what holds the heads."""

    heads: Floats
    members: tuple[int, ...]
    path: tuple[float, ...] = ()


def groups(people: Sequence[Floats], count: int, hold: float = 1.0, starts: int = STARTS, seed: int = 0) -> Groups:
    """People, each by their pairs (pairs, features), in `count` groups, a head for each: hard EM by turns until nobody moves.

    E: each person goes where their pairs are likeliest. M: each head is fitted to its people's pairs. Of `starts` runs the likeliest is
    kept: the first begins as the released code does, with people dealt out in turn, the others with heads of single people drawn by
    `seed`. A group that nobody is left in takes the person whom all heads explain worst. Raises DataError for a count below 1.
    """
    if count < 1:
        raise DataError(f"{count} groups hold nobody: ask for 1 or more")
    width = people[0].shape[1] if len(people) else 0
    able = [person for person, rows in enumerate(people) if len(rows)]
    if not able:
        return Groups(np.zeros((width, count)), (0,) * len(people))
    chance = np.random.default_rng(seed)
    runs = []
    for start in range(starts if count > 1 else 1):
        if start:
            drawn = chance.permutation(able)[:count]
            alone = np.stack([logistic(people[one], hold) for one in drawn], axis=1)
            members = np.array([nearest(alone, rows) for rows in people])
        else:
            members = np.arange(len(people)) % count
        runs.append(_turns(people, members, count, hold))
    return max(runs, key=lambda run: run.path[-1])


def _turns(people: Sequence[Floats], members: Ints, count: int, hold: float) -> Groups:
    heads, path = np.zeros((people[0].shape[1], count)), list[float]()
    for _ in range(ROUNDS):
        for group in range(count):
            own = [rows for rows, member in zip(people, members, strict=True) if member == group]
            heads[:, group] = logistic(np.concatenate(own), hold, near=heads[:, group]) if own else 0.0
        fits = np.array([likelihoods(heads, rows) for rows in people])
        moved = fits.argmax(axis=1)
        path.append(float(fits.max(axis=1).sum() - hold / 2 * (heads**2).sum()))
        _refill(moved, fits, count)
        if (moved == members).all():
            break
        members = moved
    return Groups(heads, tuple(int(one) for one in members), tuple(path))


def likelihoods(heads: Floats, rows: Floats) -> Floats:
    """(groups,): the log-likelihood of a person's pairs (pairs, features) under each head: the sum of log sigmoid."""
    made: Floats = -np.logaddexp(0, -(rows @ heads)).sum(axis=0)
    return made


def nearest(heads: Floats, rows: Floats) -> int:
    """The group whose head explains a person's pairs best; of equals the first."""
    return int(likelihoods(heads, rows).argmax())


def _refill(members: Ints, fits: Floats, count: int) -> None:
    """Puts into each empty group whoever is explained worst, of groups with more than one person."""
    worst = np.argsort(fits.max(axis=1), kind="stable")
    for group in range(count):
        if not (members == group).any():
            able = [person for person in worst if (members == members[person]).sum() > 1]
            if able:
                members[able[0]] = group
