"""What a record is worth telling, as a number between 0 and 1 that means the same for every question: a ridge regression on a few signs.

After the evaluation scores of UniMS-RAG: Wang et al., 2024, arXiv:2401.13256, which are quantized similarities or a model's judgements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.training.feedback import Lesson
from idiolect.types import Floats

COSINE: Floats = np.array([1.0, 0.0, 0.0, 0.0])  # weights before anything is learnt: the cosine itself


def signs(asked: Floats, documents: Floats) -> Floats:
    """(records, 4): what is read of each of `documents` (records, width + AGES): its cosine with the question, its ages, a constant."""
    width = len(asked)
    return np.column_stack([documents[:, :width] @ asked, documents[:, width:], np.ones(len(documents))])


def evaluator(lessons: Sequence[Lesson], hold: float = 1.0) -> Floats:
    """(4,): weights of the signs, drawn to what records were worth, 0 for a question's least to 1 for its best. COSINE for no lessons."""
    if not lessons:
        return COSINE
    seen = np.concatenate([signs(lesson.asked, lesson.documents) for lesson in lessons])
    worth = np.concatenate([(lesson.worth - lesson.worth.min()) / np.ptp(lesson.worth) for lesson in lessons])
    made: Floats = np.linalg.solve(seen.T @ seen + hold * np.eye(seen.shape[1]), seen.T @ worth)
    return made
