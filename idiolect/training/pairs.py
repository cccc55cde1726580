"""A person's records as training pairs: each question with the earlier records that bear on it, and never a later one."""

from __future__ import annotations

import random
from collections.abc import Sequence

from idiolect.retrieval.bm25 import BM25
from idiolect.training.loop import Pair
from idiolect.types import Record, User, ask
from idiolect.wording import quote


def pairs(user: User, k: int = 0, newest: int = 32) -> list[Pair]:
    """The person's `newest` records as pairs, each told `k` strictly earlier ones that BM25 finds in the whole history.

    `newest` bounds what a long history costs.
    """
    return [pair_of(user, record, k) for record in user.records.newest(newest)]


def together(users: Sequence[User], k: int, newest: int, at_most: int, seed: int) -> list[Pair]:
    """Everyone's pairs in one list, for what users teach together: `at_most` of them, drawn by `seed` from the users in their order."""
    return [pair_of(users[who], record, k) for who, record in few(users, newest, at_most, seed)]


def few(users: Sequence[User], newest: int, at_most: int, seed: int) -> list[tuple[int, Record]]:
    """At most `at_most` of everyone's `newest` records, drawn by `seed`, each after the place of its person in `users`."""
    everyone = [(who, record) for who, user in enumerate(users) for record in user.records.newest(newest)]
    return random.Random(seed).sample(everyone, at_most) if len(everyone) > at_most else everyone


def pair_of(user: User, record: Record, k: int) -> Pair:
    """A record as a pair, told `k` strictly earlier ones that BM25 finds."""
    near = BM25(user.records.before(record)).search(record.prompt, k) if k else []
    return ask(record.prompt).told(quote(near), because=near), record.answer
