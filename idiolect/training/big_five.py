"""The Big Five and their thirty facets, how traits add up from facets, and how far two people's traits lie apart.

Names of the facets are those of the public International Personality Item Pool: Goldberg et al. J. of Research in Personality 40, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from idiolect.errors import DataError

FACETS: Mapping[str, tuple[str, ...]] = {
    "openness": ("imagination", "artistic interests", "emotionality", "adventurousness", "intellect", "liberalism"),
    "conscientiousness": ("self-efficacy", "orderliness", "dutifulness", "achievement-striving", "self-discipline", "cautiousness"),
    "extraversion": ("friendliness", "gregariousness", "assertiveness", "activity level", "excitement-seeking", "cheerfulness"),
    "agreeableness": ("trust", "morality", "altruism", "cooperation", "modesty", "sympathy"),
    "neuroticism": ("anxiety", "anger", "depression", "self-consciousness", "immoderation", "vulnerability"),
}
ALL_FACETS = tuple(facet for facets in FACETS.values() for facet in facets)


@dataclass(frozen=True)
class Apart:
    """Two people's five sums: the cosine of the angle between them (0 where one shows nothing), and two distances, 0 for the same."""

    cosine: float
    euclidean: float
    manhattan: float


def sums(facets: Mapping[str, float]) -> dict[str, float]:
    """The five traits, 0 to 6 each, of facets from 0 to 1; a facet that is not named is 0. Raises DataError for a name that is no facet."""
    for name, score in facets.items():
        if name not in ALL_FACETS or not 0 <= score <= 1:
            raise DataError(f"the facet {name!r} with {score}: facets are {', '.join(ALL_FACETS)}, from 0 to 1")
    return {trait: sum(facets.get(facet, 0.0) for facet in own) for trait, own in FACETS.items()}


def apart(one: Mapping[str, float], other: Mapping[str, float]) -> Apart:
    """How far apart two people's facets lie, by their sums."""
    a, b = (np.array(list(sums(facets).values())) for facets in (one, other))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return Apart(float(a @ b) / lengths if lengths else 0.0, float(np.linalg.norm(a - b)), float(np.abs(a - b).sum()))
