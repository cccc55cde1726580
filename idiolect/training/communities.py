"""Communities of people who write alike, never so small that one is somebody's own, and an adapter for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.models.lm import LM
from idiolect.training.clusters import kmeans, portraits
from idiolect.training.loop import Plan
from idiolect.training.pairs import together
from idiolect.training.sft import PLAN, sft
from idiolect.types import Adapter, Floats, User


@dataclass(frozen=True)
class Gathering:
    """`count` communities at most, of `least` people or more each; each is taught by at most `pairs` of its people's `newest` records."""

    count: int = 5
    least: int = 2
    newest: int = 24
    pairs: int = 192
    seed: int = 0


def gathered(points: Floats, count: int, least: int, seed: int = 0) -> list[list[int]]:
    """Places of `points` (people, width) in communities by k-means, largest first. Who is in one of fewer than `least` joins the nearest
    that has more, or, where none has, all are one; fewer than `least` in all are none."""
    if len(points) < max(least, 1):
        return []
    labels = kmeans(points, count, seed)
    clusters = [[place for place, own in enumerate(labels) if own == label] for label in sorted(set(labels))]
    large = [cluster for cluster in clusters if len(cluster) >= least]
    if not large:
        return [list(range(len(points)))]
    centres = np.stack([points[cluster].mean(axis=0) for cluster in large])
    made = [list(cluster) for cluster in large]
    for place in (place for cluster in clusters if len(cluster) < least for place in cluster):
        made[int(((centres - points[place]) ** 2).sum(axis=1).argmin())].append(place)
    return sorted((sorted(cluster) for cluster in made), key=lambda cluster: (-len(cluster), cluster))


def communities(
    lm: LM,
    users: Sequence[User],
    plan: Gathering = Gathering(),  # a value that never changes
    *,
    rank: int = 8,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    training: Plan = PLAN,
) -> list[tuple[Adapter, int]]:
    """The adapter of each community, taught by what its people wrote, and how many they are. People who wrote nothing are in none."""
    writing = [user for user in users if any(record.answer.strip() for record in user.records)]
    points = portraits(lm, [user.records.newest(plan.newest) for user in writing])
    groups = gathered(points, plan.count, plan.least, plan.seed)
    jobs = [together([writing[place] for place in group], 0, plan.newest, plan.pairs, plan.seed) for group in groups]
    names = [f"community {number}" for number in range(1, len(groups) + 1)]
    made = sft(lm, jobs, rank=rank, alpha=rank, modules=modules, plan=training, names=names)
    return [(adapter, len(group)) for adapter, group in zip(made, groups, strict=True)]
