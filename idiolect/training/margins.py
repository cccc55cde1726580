"""A ranker taught by margins: what answers a question is to score higher than what answers the others of its batch.

Negatives from the batch, as bi-encoders are trained: Karpukhin et al. Dense Passage Retrieval. EMNLP 2020, arXiv:2004.04906.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.retrieval.embedders import embed
from idiolect.retrieval.reweighted import AGES, Reweighting
from idiolect.training.feedback import Lesson
from idiolect.training.reranking import SHARPNESS, Shown, Slope
from idiolect.types import Floats


def hinged(scores: Floats, worth: Floats, shown: Shown, margin: float) -> tuple[Floats, Floats]:
    """The mean over negatives of max(0, margin - positive + negative), and its gradient by the scores (questions, candidates).

    The positive of a question is the candidate that is worth most, the first of equal ones; a question without another has no loss.
    """
    rows, right = np.arange(len(scores)), np.where(shown, worth, -np.inf).argmax(axis=1)
    negative = shown.copy()
    negative[rows, right] = False
    short = np.where(negative, margin - scores[rows, right][:, None] + scores, 0.0).clip(min=0)
    share = 1 / np.maximum(negative.sum(axis=1), 1)
    slope = (short > 0) * share[:, None]
    slope[rows, right] = -slope.sum(axis=1)
    return short.sum(axis=1) * share, slope


def hinging(margin: float) -> Slope:
    """The slope of `hinged`; `margin` is in cosines, and scores come `SHARPNESS` times as large."""
    return lambda scores, worth, shown: hinged(scores, worth, shown, margin * SHARPNESS)[1]


def in_batches(start: Reweighting, pairs: Sequence[tuple[int, str, str]], by: str, size: int) -> list[Lesson]:
    """For each (whose, question, its answer): a lesson whose candidates are the different answers of its batch of `size` pairs."""
    lessons = []
    for at in range(0, len(pairs), size):
        batch = pairs[at : at + size]
        answers = list(dict.fromkeys(answer for _, _, answer in batch))
        asked = start.weighted(embed([question for _, question, _ in batch], by))
        texts = ageless(start, embed(answers, by))
        for (who, _, answer), vector in zip(batch, asked, strict=True):
            lessons.append(Lesson(who, 0, vector, texts, np.array([float(one == answer) for one in answers])))
    return lessons


def ageless(learnt: Reweighting, vectors: Floats) -> Floats:
    """(texts, width + AGES): embeddings as questions are compared with them, of texts that have no time."""
    return np.column_stack([learnt.weighted(vectors), np.zeros((len(vectors), AGES))]).astype(np.float32)
