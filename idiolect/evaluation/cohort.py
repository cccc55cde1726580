"""The people of a comparison: who takes part, what is asked of each, and whose history stands in for theirs in the control."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from idiolect.data.splits import Split, is_number, split_all
from idiolect.errors import DataError
from idiolect.types import History, Record, User

LEAST = 3  # records of history; with fewer there is hardly a person to learn


@dataclass(frozen=True)
class Setup:
    """How a comparison is held. `users_n` None takes everybody; `seen_users` are people that the model was trained on.

    With `newest`, only so many of each person's latest records may be learnt from: quality against it is how a method grows.
    With `newcomers`, that share of the people drawn is compared, and only the others take part in what people teach together.
    """

    share: float = 0.2  # of each history that is held out, the latest
    at_most: int = 3  # targets a person
    users_n: int | None = None
    seed: int = 0
    seen_users: Collection[str] = field(default_factory=frozenset)
    least: int = LEAST  # records of history that a person must have
    newest: int | None = None
    newcomers: float = 0.0


@dataclass(frozen=True)
class Counts:
    """How the people given became the people compared."""

    given: int
    seen: int  # left out: the model was trained on them
    untargeted: int  # left out: all their records have one time, so that nothing is later
    short: int  # left out: fewer than `least` records before their targets
    unchosen: int  # left out by the draw of `users_n`
    compared: int
    targets: int
    sharing: int  # stood in for by somebody with whom they share a record, because nobody else was there
    removed_records: int  # taken from histories because they are somebody's target
    teachers: int = 0  # not compared: they only take part in what people teach together


@dataclass(frozen=True)
class Person:
    """Someone with a history, later records that are asked for, and the place of another in the cohort (None: there is nobody else)."""

    user: User
    targets: tuple[Record, ...]
    other: int | None = None


@dataclass(frozen=True)
class Cohort:
    """The people compared, in the order given."""

    people: tuple[Person, ...]
    counts: Counts
    others: tuple[User, ...] = ()  # where the people compared are newcomers, those who were there before

    @property
    def users(self) -> list[User]:
        """The people compared, with the histories that a method may learn them from."""
        return [person.user for person in self.people]

    @property
    def teachers(self) -> list[User]:
        """Who takes part in what people teach together."""
        return list(self.others) or self.users

    @property
    def paired(self) -> bool:
        """Whether everyone has somebody else's history to stand in."""
        return all(person.other is not None for person in self.people)


def gather(users: Sequence[User], setup: Setup = Setup()) -> Cohort:
    """The people to compare, their histories split by time, and everyone paired with another.

    Raises DataError where nobody is left, with the reasons counted, and for a setup that cannot be.
    """
    if setup.users_n is not None and setup.users_n < 1:
        raise DataError(f"users_n is the number of people to compare, 1 or more, not {setup.users_n}")
    if (setup.newest is not None and setup.newest < 1) or not 0 <= setup.newcomers < 1:
        given = f"{setup.newest} and {setup.newcomers}"
        raise DataError(f"newest is a number of records, 1 or more, and newcomers a share below 1, not {given}")
    if len({user.id for user in users}) < len(users):
        raise DataError("two users have the same id; put all records of one person into one history")
    fresh = [user for user in users if user.id not in setup.seen_users]
    splits = split_all(fresh, setup.share, setup.at_most)
    asked = [one for one in splits.splits if one.targets]
    able = [one for one in asked if len(one.history) >= setup.least]
    drawn = [replace(one, history=one.history.newest(setup.newest or len(one.history))) for one in _choose(able, setup)]
    teachers, chosen = _divide(drawn, setup)
    others = pair(chosen, setup.seed)
    counts = Counts(
        given=len(users),
        seen=len(users) - len(fresh),
        untargeted=len(fresh) - len(asked),
        short=len(asked) - len(able),
        unchosen=len(able) - len(drawn),
        compared=len(chosen),
        targets=sum(len(one.targets) for one in chosen),
        sharing=sum(o is not None and shares(one, chosen[o]) for one, o in zip(chosen, others, strict=True)),
        removed_records=splits.removed,
        teachers=len(teachers),
    )
    if not chosen:
        raise DataError(_nobody(counts, setup))
    people = tuple(Person(User(s.user, s.history), s.targets, o) for s, o in zip(chosen, others, strict=True))
    return Cohort(people, counts, tuple(User(one.user, one.history) for one in teachers))


def pair(splits: Sequence[Split], seed: int) -> list[int | None]:
    """For each person the place of another whose history stands in for theirs: a seeded derangement in which stand-ins share no record
    with the person (joint papers would make the control part of the person).

    A shuffled circle, in which a pair that shares a record swaps with the first other pair where both then share none. Whom no
    swap helps gets the person who shares least, which makes the control stricter. Alone there is nobody: None.
    """
    if len(splits) < 2:
        return [None] * len(splits)
    order = list(range(len(splits)))
    random.Random(f"{seed}/pairs").shuffle(order)
    other = {person: order[(place + 1) % len(order)] for place, person in enumerate(order)}
    own = [_traces([*one.history, *one.targets]) for one in splits]
    taught = [_traces(one.history) for one in splits]

    def fits(person: int, stand_in: int) -> bool:
        return person != stand_in and not own[person] & taught[stand_in]

    for person in order:
        if not fits(person, other[person]) and not _swap(person, other, fits):
            other[person] = min((i for i in order if i != person), key=lambda i: len(own[person] & taught[i]))
    return [other[person] for person in range(len(splits))]


def _swap(person: int, other: dict[int, int], fits: Callable[[int, int], bool]) -> bool:
    for second, theirs in other.items():
        if fits(person, theirs) and fits(second, other[person]):
            other[person], other[second] = theirs, other[person]
            return True
    return False


def shares(one: Split, stand_in: Split) -> bool:
    """Whether a person has a record that stands in another's history."""
    return bool(_traces([*one.history, *one.targets]) & _traces(stand_in.history))


def _traces(records: Sequence[Record] | History) -> set[tuple[str, str, str]]:
    """What two people who share a record have in common: its text, or its id and half its text. Ratings are never shared: that two
    people rate one thing alike is two facts."""
    kept = [record for record in records if not is_number(record.answer)]
    same = [("text", record.prompt, record.answer) for record in kept]
    halves = [(record.id, side, text) for record in kept for side, text in (("asked", record.prompt), ("said", record.answer)) if text]
    return {*same, *halves}


def _choose(able: Sequence[Split], setup: Setup) -> list[Split]:
    if setup.users_n is None or setup.users_n >= len(able):
        return list(able)
    drawn = random.Random(f"{setup.seed}/people").sample(range(len(able)), setup.users_n)
    return [able[place] for place in sorted(drawn)]


def _divide(drawn: list[Split], setup: Setup) -> tuple[list[Split], list[Split]]:
    """Who only teaches, and who is compared."""
    new = round(setup.newcomers * len(drawn))
    if not new:
        return [], drawn
    places = set(random.Random(f"{setup.seed}/newcomers").sample(range(len(drawn)), new))
    return [one for place, one in enumerate(drawn) if place not in places], [one for place, one in enumerate(drawn) if place in places]


def _nobody(counts: Counts, setup: Setup) -> str:
    if not counts.given:
        return "there are no users to compare; give a file with a user, an answer and a time for each record, or the task 'sample'"
    return (
        f"none of the {counts.given} users can be compared: {counts.seen} were seen by the model, {counts.untargeted} have no record "
        f"later than the others, {counts.short} have fewer than {setup.least} records before their "
        "targets; give longer histories, with a time each"
    )
