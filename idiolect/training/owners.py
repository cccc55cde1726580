"""Everybody's pairs as one job that knows whose each pair is, for what is learnt of all but applied to each."""

from __future__ import annotations

from collections.abc import Sequence

from idiolect.training.loop import Pair
from idiolect.training.pairs import few, pair_of
from idiolect.types import User


def owned(users: Sequence[User], k: int, newest: int, at_most: int, seed: int) -> tuple[list[Pair], list[int]]:
    """At most `at_most` of the pairs of everyone's `newest` records, drawn by `seed`, and the place of each pair's person in `users`."""
    drawn = few(users, newest, at_most, seed)
    return [pair_of(users[who], record, k) for who, record in drawn], [who for who, _ in drawn]
