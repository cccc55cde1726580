"""A ranker taught by feedback: a bilinear form over frozen embeddings, moved by distillation or by REINFORCE; numpy alone.

Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large Language Models through Retrieval Augmentation. SIGIR 2024,
arXiv:2404.05970. REINFORCE: Williams, Machine Learning 8, 1992.

Losses take scores (questions, candidates) and `shown` (the same, True where a candidate is none of the padding); what is not shown
has probability 0, whatever its score. They give the loss of each question, (questions,), and its gradient by each score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idiolect.retrieval.reweighted import Reweighting
from idiolect.training.descent import descended
from idiolect.training.feedback import Lesson
from idiolect.types import Floats

Shown = NDArray[np.bool_]
Slope = Callable[[Floats, Floats, Shown], Floats]  # scores, worth, shown: the loss's gradient by the scores
SHARPNESS = 10.0  # cosines differ by tenths: so sharp is the softmax over them


def log_softmax(scores: Floats, shown: Shown) -> Floats:
    """Log-probabilities over the last axis; -inf where nothing is shown. Passed on as they are: a second softmax would flatten them."""
    kept = np.where(shown, scores, -np.inf)
    top = kept.max(axis=-1, keepdims=True)
    made: Floats = kept - top - np.log(np.exp(kept - top).sum(axis=-1, keepdims=True))
    return made


def distilled(scores: Floats, worth: Floats, shown: Shown, temperature: float = 1.0) -> tuple[Floats, Floats]:
    """KL(softmax(worth / temperature) || softmax(scores)), and its gradient: what the scores say less what they should say."""
    said, meant = log_softmax(scores, shown), log_softmax(worth / temperature, shown)
    target = np.exp(meant)
    apart = np.where(shown, meant, 0) - np.where(shown, said, 0)
    return (target * apart).sum(axis=-1), np.exp(said) - target


def reinforced(scores: Floats, drawn: NDArray[np.intp], gained: Floats, shown: Shown) -> tuple[Floats, Floats]:
    """-log pi(drawn) * gained, where `drawn` (questions,) are the candidates taken and `gained` (questions,) what they were worth more
    than the baseline; and its gradient, -(1[i = drawn] - pi_i) * gained."""
    said, rows = log_softmax(scores, shown), np.arange(len(scores))
    taken = np.zeros_like(scores)
    taken[rows, drawn] = 1.0
    return -said[rows, drawn] * gained, (np.exp(said) - taken) * gained[:, None]


def distilling(temperature: float) -> Slope:
    """The slope of `distilled`."""
    return lambda scores, worth, shown: distilled(scores, worth, shown, temperature)[1]


def reinforcing(seed: int) -> Slope:
    """The slope of `reinforced`, a candidate drawn anew each time; the baseline is the worth of the first: the untrained ranker's best."""
    chance = np.random.default_rng(seed)

    def slope(scores: Floats, worth: Floats, shown: Shown) -> Floats:
        reached = np.exp(log_softmax(scores, shown)).cumsum(axis=1)
        lots = chance.random((len(scores), 1)) * reached[:, -1:]
        drawn = (reached <= lots).sum(axis=1).clip(max=shown.sum(axis=1) - 1)
        return reinforced(scores, drawn, worth[np.arange(len(scores)), drawn] - worth[:, 0], shown)[1]

    return slope


def taught(
    start: Reweighting, lessons: Sequence[Lesson], slope: Slope, steps: int = 60, rate: float = 0.03, hold: float = 1e-3
) -> Reweighting:
    """`start` moved against the mean slope over lessons, its learnt part held to 0 by `hold`. No lessons: `start` itself."""
    if not lessons:
        return start
    asked, documents, worth, shown = padded(lessons)
    width = len(start.rarity)
    texts, ages = documents[:, :, :width], documents[:, :, width:]
    frozen = np.einsum("qcw,qw->qc", texts, asked[:, :width])

    def gradients(now: list[Floats]) -> list[Floats]:
        left, right, own = now
        put, held = asked @ left, texts @ right  # (questions, rank), (questions, candidates, rank)
        scores = frozen + np.einsum("qcr,qr->qc", held, put) + ages @ own
        by_score = slope(SHARPNESS * scores, worth, shown) * SHARPNESS / len(lessons)
        by_left = asked.T @ np.einsum("qc,qcr->qr", by_score, held)
        by_right = np.einsum("qc,qcw->qw", by_score, texts).T @ put
        return [by_left + hold * left, by_right + hold * right, np.einsum("qc,qca->a", by_score, ages) + hold * own]

    begun = [value.astype(np.float64) for value in (start.left, start.right, start.own)]
    left, right, own = (value.astype(np.float32) for value in descended(begun, gradients, steps, rate))
    return replace(start, left=left, right=right, own=own)


def padded(lessons: Sequence[Lesson]) -> tuple[Floats, Floats, Floats, Shown]:
    """All lessons in one: asked (questions, inputs), documents (questions, candidates, ...), worth and shown (questions, candidates)."""
    most = max(len(lesson.worth) for lesson in lessons)
    documents = np.zeros((len(lessons), most, lessons[0].documents.shape[1]))
    worth, shown = np.zeros((len(lessons), most)), np.zeros((len(lessons), most), dtype=bool)
    for row, lesson in enumerate(lessons):
        count = len(lesson.worth)
        documents[row, :count], worth[row, :count], shown[row, :count] = lesson.documents, lesson.worth, True
    return np.stack([lesson.asked for lesson in lessons]), documents, worth, shown
