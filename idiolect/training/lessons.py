"""What an encoder of histories is taught on: pairs, each with vectors of what the same person had written strictly earlier."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from idiolect.models.local import LocalLM
from idiolect.retrieval.bm25 import BM25
from idiolect.training.embeddings import of_records
from idiolect.training.loop import Pair
from idiolect.types import Floats, History, User, ask
from idiolect.wording import quote

Slab = tuple[int, Floats]  # the first place that is held, and the vectors from there on


@dataclass(frozen=True)
class Lesson:
    """A pair to train on, and what stands beside it as vectors."""

    pair: Pair
    history: Floats  # (earlier records, 2, width), oldest first: what was asked, what was answered
    asked: Floats  # (width,), of the pair's own question


@dataclass(frozen=True)
class Course:
    """Which lessons are taken: at most `at_most` of everybody's `newest` records, drawn by the seed.

    A question is told `k` earlier records in words. As vectors, the `items` last of the earlier ones stand beside it, of which a
    share between none and `thinned` is left out by chance: one person comes in many guises, and histories in many lengths.
    """

    k: int = 0
    newest: int = 24
    at_most: int = 384
    items: int = 32
    thinned: float = 0.5
    depth: float = 0.5  # of the model's height, where vectors are read
    seed: int = 0


def lessons(lm: LocalLM, users: Sequence[User], course: Course) -> list[Lesson]:
    """Everyone's lessons. All that stands beside a pair is the same person's and strictly earlier, as it will be at use."""
    chance = random.Random(course.seed)
    drawn = [(who, place) for who, user in enumerate(users) for place in _newest(user, course.newest)]
    drawn = chance.sample(drawn, course.at_most) if len(drawn) > course.at_most else drawn
    slabs = _slabs(lm, users, drawn, course)
    return [_lesson(users[who], place, slabs[who], course, chance) for who, place in drawn]


def last_vectors(lm: LocalLM, users: Sequence[User], items: int, depth: float) -> list[Floats]:
    """The vectors (records, 2, width) of each person's `items` last records: what an encoder is told at use."""
    return _each(lm, [user.records.newest(items) for user in users], depth)


def _lesson(user: User, place: int, slab: Slab, course: Course, chance: random.Random) -> Lesson:
    record, (first, vectors) = user.records[place], slab
    earlier = user.records.before(record)
    near = BM25(earlier).search(record.prompt, course.k) if course.k else []
    beside = range(max(0, len(earlier) - course.items), len(earlier))
    left = len(beside) - int(len(beside) * course.thinned * chance.random())
    kept = [other - first for other in sorted(chance.sample(beside, left))]
    asked = ask(record.prompt).told(quote(near), because=near)
    return Lesson((asked, record.answer), vectors[kept], vectors[place - first, 0])


def _newest(user: User, count: int) -> range:
    return range(max(0, len(user.records) - count), len(user.records))


def _slabs(lm: LocalLM, users: Sequence[User], drawn: Sequence[tuple[int, int]], course: Course) -> Mapping[int, Slab]:
    """By person, vectors of every record that stands in a lesson."""
    first: dict[int, int] = {}
    for who, place in drawn:
        earlier = len(users[who].records.before(users[who].records[place]))
        first[who] = min(first.get(who, place), max(0, earlier - course.items))
    vectors = _each(lm, [users[who].records[start:] for who, start in first.items()], course.depth)
    return {who: (start, part) for (who, start), part in zip(first.items(), vectors, strict=True)}


def _each(lm: LocalLM, histories: Sequence[History], depth: float) -> list[Floats]:
    """The vectors of each history, read in one go."""
    vectors = of_records(lm, [record for records in histories for record in records], depth)
    ends = np.cumsum([0, *map(len, histories)])
    return [vectors[start:end] for start, end in pairwise(ends)]
