"""People as vectors, learnt by contrast; groups of people alike; and the words that a group has in common. Numpy alone.

Contrast after CFRAG: Shi, Xu, Zhang, Zang, Zheng, Song, Li. Retrieval Augmented Generation with Collaborative Filtering for Personalized
Text Generation. SIGIR 2025, arXiv:2504.05731. InfoNCE: van den Oord, Li, Vinyals, 2018, arXiv:1807.03748.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from idiolect.errors import RequestError
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.embedders import unit
from idiolect.training.descent import descended
from idiolect.training.feedback import Lesson
from idiolect.training.reranking import SHARPNESS, distilled, log_softmax, padded
from idiolect.types import Floats

KEPT, HIDDEN = 0.7, 0.3  # of a history: what cropping keeps in one piece, what masking leaves out here and there
BATCH = 64  # people contrasted at once


def info_nce(views: Floats, temperature: float) -> tuple[float, Floats]:
    """The contrast of `views` (2 people, size), of length 1, rows i and i + people being one person's, and its gradient by the views.

    Each view is to be told, among all others but itself, for its person's other view: the other people's views are the negatives.
    """
    count = len(views)
    own = np.roll(np.arange(count), count // 2)
    said = log_softmax(views @ views.T / temperature, ~np.eye(count, dtype=bool))
    by_likeness = np.exp(said)
    by_likeness[np.arange(count), own] -= 1
    gradient: Floats = (by_likeness + by_likeness.T) @ views / temperature / count
    return -float(said[np.arange(count), own].mean()), gradient


def person_of(vectors: Floats, encoder: Floats) -> Floats:
    """(size,), of length 1: the mean of a person's records (records, width) through the `encoder` (width, size); zeros for no records."""
    mean = vectors.mean(axis=0) if len(vectors) else np.zeros(len(encoder))
    made: Floats = unit(mean @ encoder)
    return made


def encoder_of(histories: Sequence[Floats], width: int, size: int, temperature: float = 0.1, steps: int = 20, seed: int = 0) -> Floats:
    """(width, size): what makes two views of one person alike, and views of two people not. A view is a history cropped or masked.

    `histories` has (records, width) for each person who teaches; people without records do not. It begins with the directions in
    which people differ most, so that who is alike begins near, and by lot where there are fewer; the contrast knows other people as
    negatives only, and many steps would drive those alike apart. With fewer than two people nothing is learnt.
    """
    chance = np.random.default_rng(seed)
    start = chance.normal(0, 1 / np.sqrt(width), (width, size))
    teaching = [own for own in histories if len(own)]
    if len(teaching) < 2:
        return start.astype(np.float32)
    means = np.stack([own.mean(axis=0) for own in teaching]).astype(np.float64)
    spread, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)[1:]
    kept = directions[spread > 1e-6][:size]
    start[:, : len(kept)] = kept.T

    def slope(now: list[Floats]) -> list[Floats]:
        drawn = chance.choice(len(teaching), size=min(BATCH, len(teaching)), replace=False)
        means = np.stack([_view(teaching[who], chance) for _ in range(2) for who in drawn])
        made = means @ now[0]
        lengths = np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
        views = made / lengths
        by_view = info_nce(views, temperature)[1]
        return [means.T @ ((by_view - (by_view * views).sum(axis=1, keepdims=True) * views) / lengths)]

    return descended([start], slope, steps, rate=0.003)[0].astype(np.float32)


def groups(people: Floats, size: int, least: int) -> list[list[int]]:
    """Places of `people` (people, size) in groups of `size` who are alike, the last with what is left over: never fewer than `least`.

    Whoever is farthest from the mean of those left gathers the nearest (MDAV: Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 2002). Fewer
    people than `least` make no group. Raises RequestError for least < 1.
    """
    if least < 1:
        raise RequestError(f"a group holds 1 person or more, not {least}")
    size, left = max(size, least), list(range(len(people)))
    made: list[list[int]] = []
    while len(left) >= least:
        if len(left) < size + least:
            return [*made, left]
        far = left[int(((people[left] - people[left].mean(axis=0)) ** 2).sum(axis=1).argmax())]
        near = sorted(left, key=lambda place: (float(((people[place] - people[far]) ** 2).sum()), place))[:size]
        made.append(sorted(near))
        left = [place for place in left if place not in near]
    return made


def common_words(members: Sequence[Sequence[str]], everybody: Sequence[Sequence[str]], least: int, most: int = 30) -> list[str]:
    """The words that `least` or more of the `members` use, and by share more of them than of `everybody`; the `most` that stand out most.

    A member, like one of `everybody`, is the texts of one person.
    """
    held, all_ = (Counter(word for own in people for word in {w for text in own for w in words(text)}) for people in (members, everybody))
    lift = {word: count / len(members) / (all_[word] / max(len(everybody), 1) or 1) for word, count in held.items() if count >= least}
    return sorted((word for word in lift if lift[word] > 1), key=lambda word: (-lift[word], word))[:most]


def persona_map(start: Floats, lessons: Sequence[Lesson], people: Floats, share: float, steps: int = 60) -> Floats:
    """(size, width): where a person's vector points among records, so that (1 - share) cos(q, d) + share cos(map(person), d) ranks them.

    `people` (lessons, size) is who asks in each lesson. Learnt by distillation of what records were worth, at temperature 1.
    """
    if not lessons or share <= 0:
        return start
    asked, documents, worth, shown = padded(lessons)
    width = start.shape[1]
    texts = documents[:, :, :width]
    frozen = (1 - share) * np.einsum("qcw,qw->qc", texts, asked[:, :width])

    def slope(now: list[Floats]) -> list[Floats]:
        made = people @ now[0]
        lengths = np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
        toward = made / lengths
        scores = frozen + share * np.einsum("qcw,qw->qc", texts, toward)
        by_score = distilled(SHARPNESS * scores, worth, shown)[1] * SHARPNESS * share / len(lessons)
        by_toward = np.einsum("qc,qcw->qw", by_score, texts)
        return [people.T @ ((by_toward - (by_toward * toward).sum(axis=1, keepdims=True) * toward) / lengths)]

    return descended([start.astype(np.float64)], slope, steps, rate=0.01)[0].astype(np.float32)


def _view(vectors: Floats, chance: np.random.Generator) -> Floats:
    """(width,): the mean of a part of a history, one piece of it or a sample."""
    count = len(vectors)
    if chance.random() < 0.5:
        length = max(1, round(KEPT * count))
        first = int(chance.integers(count - length + 1))
        return np.asarray(vectors[first : first + length].mean(axis=0))
    kept = chance.random(count) >= HIDDEN
    return np.asarray((vectors[kept] if kept.any() else vectors).mean(axis=0))
