"""A scorer in two parts, a base that everybody shares and a head for each person, trained in two phases; numpy alone, no language model.

After the factorization of HYDRA: Zhuang, Sun, Yu, Kang, Wang, Zhang, Dai. NeurIPS 2024, arXiv:2406.02888.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idiolect.retrieval.bm25 import words
from idiolect.training.descent import descended
from idiolect.types import Floats

SLOTS = 256  # that words and parts of words are hashed into
Owner = NDArray[np.intp]  # (examples,), the place of each one's head


@dataclass(frozen=True)
class Examples:
    """One person's: what is scored (examples, features), and whether it was good (examples,), 0 or 1."""

    features: Floats
    good: Floats


def features(question: str, text: str) -> Floats:
    """What a scorer sees of a text under a question: its words and their parts, those that the question has too, and its length."""
    asked, said = _hashed(question), _hashed(text)
    made: Floats = np.concatenate([said, asked * said, [np.log1p(len(text)) / 5, 1.0]])
    return made


def shared(people: Sequence[Examples], hidden: int, seed: int) -> dict[str, Floats]:
    """Phase one: the base (features, hidden), trained under a head for each person, and the mean of those heads (hidden + 1,)."""
    chance = np.random.default_rng(seed)
    kept = [person for person in people if len(person.good)]
    inputs = 2 * SLOTS + 2
    base: Floats = chance.normal(0, 1 / np.sqrt(SLOTS), (inputs, hidden))
    heads: Floats = np.tile(np.append(chance.normal(0, 0.1, hidden), 0.0), (max(1, len(kept)), 1))
    if kept:
        x, good = np.concatenate([p.features for p in kept]), np.concatenate([p.good for p in kept])
        owner = np.repeat(np.arange(len(kept)), [len(p.good) for p in kept])
        base, heads = descended([base, heads], lambda now: _gradients(now[0], now[1], x, good, owner))
    return {"base": base, "head": heads.mean(axis=0)}


def head(learnt: dict[str, Floats], own: Examples, hold: float = 0.1) -> Floats:
    """Phase two: a person's head (hidden + 1,) on a base that stays as it is; it starts at the mean head and is held to it by `hold`."""
    start = learnt["head"]
    if not len(own.good):
        return start.copy()
    owner: Owner = np.zeros(len(own.good), dtype=np.intp)

    def slope(now: list[Floats]) -> list[Floats]:
        moved = _gradients(learnt["base"], now[0], own.features, own.good, owner)[1]
        return [moved + hold * (now[0] - start)]

    made: Floats = descended([start[None]], slope)[0][0]
    return made


def scores(base: Floats, own: Floats, seen: Floats) -> Floats:
    """The log-odds (texts,) that a text is good, by one person's head."""
    made: Floats = np.tanh(seen @ base) @ own[:-1] + own[-1]
    return made


def _gradients(base: Floats, heads: Floats, x: Floats, good: Floats, owner: Owner) -> list[Floats]:
    """Of the mean over people of each one's mean cross-entropy: by the base, and by each head."""
    inner = np.tanh(x @ base)
    own = heads[owner]
    said = (inner * own[:, :-1]).sum(axis=1) + own[:, -1]
    counts = np.bincount(owner, minlength=len(heads))
    wrong = (1 / (1 + np.exp(-said.clip(-30, 30))) - good) / counts[owner]
    by_head = np.zeros_like(heads)
    np.add.at(by_head, owner, np.column_stack([inner, np.ones(len(x))]) * wrong[:, None])
    by_base = x.T @ (wrong[:, None] * own[:, :-1] * (1 - inner**2)) / len(heads)
    return [by_base, by_head]


def _hashed(text: str) -> Floats:
    """(SLOTS,), of length 1: words in lower case, and runs of three characters as they are written."""
    made = np.zeros(SLOTS)
    pieces = [f"w {word}" for word in words(text)] + [f"c {text[i : i + 3]}" for i in range(len(text) - 2)]
    for piece in pieces:
        place = zlib.crc32(piece.encode("utf-8", "surrogatepass"))
        made[place % SLOTS] += 1.0 if place >> 31 else -1.0
    return made / max(float(np.linalg.norm(made)), 1.0)
