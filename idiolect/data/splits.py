"""Splits by time inside a user: what may be seen and what is asked for; nothing asked for is left in anybody's history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from idiolect.errors import DataError
from idiolect.types import History, Record, User


@dataclass(frozen=True, slots=True)
class Split:
    """One user's earlier records, and the later ones that are asked for: every history record is strictly earlier than any target."""

    user: str
    history: History
    targets: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Splits:
    """Everyone's split, and how many records left the histories because they are somebody's target."""

    splits: tuple[Split, ...]
    removed: int = 0


def split(user: User, share: float = 0.2, at_most: int | None = None) -> Split:
    """The last `share` of a user's records as targets, `at_most` so many; the earlier ones as history.

    The boundary falls only where times differ: at the possible place nearest to the one wanted (of two equally near, the
    later, which leaves more history). Where records of one time are more than `at_most`, the first of them are the targets
    and the others are left out. A user with no possible boundary has everything as history and no targets.
    Raises DataError for a share outside 0 to 1 or an `at_most` below 1.
    """
    if not 0 < share < 1:
        raise DataError(f"the share of a history to hold out lies between 0 and 1, not {share}")
    if at_most is not None and at_most < 1:
        raise DataError(f"at_most is the largest number of targets, 1 or more, not {at_most}")
    records = user.records
    wanted = max(1, round(len(records) * share))
    wanted = min(wanted, at_most) if at_most else wanted
    places = [i for i in range(1, len(records)) if records[i - 1].time < records[i].time]
    if not places:
        return Split(user.id, records)
    start = min(places, key=lambda place: (abs(len(records) - wanted - place), -place))
    return Split(user.id, records[:start], tuple(records[start:])[:at_most])


def split_all(users: Sequence[User], share: float = 0.2, at_most: int | None = None) -> Splits:
    """Everyone's split, without any record in any history that is held out from anyone.

    A paper of two authors stands in both histories; held out for one and shown for the other, it would hand its answer to
    every method that learns from all users together. Two records are the same if prompt and answer agree, or if the id
    and one of the two agree. Answers that are numbers are never taken for the same: that two people rate one thing alike
    is two facts, and removing only the ratings that agree would bend the histories.
    """
    splits = [split(user, share, at_most) for user in users]
    held = _Held(record for one in splits for record in one.targets)
    kept = tuple(Split(one.user, History(r for r in one.history if r not in held), one.targets) for one in splits)
    return Splits(kept, sum(len(one.history) for one in splits) - sum(len(one.history) for one in kept))


class _Held:
    """The targets of all users, asked whether a record is one of them."""

    def __init__(self, targets: Iterable[Record]) -> None:
        self.pairs: set[tuple[str, str]] = set()
        self.by_id: dict[str, set[str]] = defaultdict(set)
        for record in targets:
            if not is_number(record.answer):
                self.pairs.add((record.prompt, record.answer))
                self.by_id[record.id] |= {f"prompt {record.prompt}", f"answer {record.answer}"}

    def __contains__(self, record: Record) -> bool:
        if is_number(record.answer):
            return False
        same = self.by_id.get(record.id, ())
        return (record.prompt, record.answer) in self.pairs or f"prompt {record.prompt}" in same or f"answer {record.answer}" in same


def is_number(answer: str) -> bool:
    """Whether an answer is a rating and not a text."""
    try:
        float(answer)
    except ValueError:
        return False
    return True
