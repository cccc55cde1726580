"""A choice among a few ways to answer, learnt from what each was worth before: one linear scorer for all of them, numpy alone.

After RSPG: Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large Language Models through Retrieval Augmentation.
SIGIR 2024, arXiv:2404.05970.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.training.descent import descended
from idiolect.training.reranking import distilled
from idiolect.types import Floats


def chooser(seen: Sequence[Floats], worth: Sequence[Floats], temperature: float, steps: int = 120, hold: float = 1e-2) -> Floats:
    """(features,): weights whose softmax over a question's options is drawn to that of worth / temperature, held to 0 by `hold`.

    `seen` has (options, features) for each question, `worth` (options,), as many options each time. The temperature divides the worth
    before the softmax; dividing log-probabilities, as RSPG's released code does, would only make the loss smaller.
    Questions whose options were all worth the same teach nothing and are left out; with none left, the weights are 0.
    """
    kept = [place for place, own in enumerate(worth) if np.ptp(own) > 0]
    start = np.zeros(seen[0].shape[1] if len(seen) else 0)
    if not kept:
        return start
    options, meant = np.stack([seen[place] for place in kept]), np.stack([worth[place] for place in kept])
    shown = np.ones(meant.shape, dtype=bool)

    def slope(now: list[Floats]) -> list[Floats]:
        by_score = distilled(options @ now[0], meant, shown, temperature)[1]
        return [np.einsum("qo,qof->f", by_score, options) / len(kept) + hold * now[0]]

    return descended([start], slope, steps)[0]


def chosen(weights: Floats, seen: Floats) -> int:
    """The place of the option (options, features) that scores best; of equals the first."""
    return int(np.argmax(seen @ weights))
