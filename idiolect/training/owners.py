"""Everybody's pairs as one job that knows whose each pair is, for what is learnt of all but applied to each."""

from __future__ import annotations

import random
from collections.abc import Sequence

from idiolect.training.loop import Pair
from idiolect.training.pairs import pairs
from idiolect.types import User


def owned(users: Sequence[User], k: int, newest: int, at_most: int, seed: int) -> tuple[list[Pair], list[int]]:
    """At most `at_most` of the pairs of everyone's `newest` records, drawn by `seed`, and the place of each pair's person in `users`."""
    everyone = [(pair, place) for place, user in enumerate(users) for pair in pairs(user, k, newest)]
    drawn = random.Random(seed).sample(everyone, at_most) if len(everyone) > at_most else everyone
    return [pair for pair, _ in drawn], [place for _, place in drawn]
