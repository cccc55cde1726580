"""Bandits: which of several arms to play, learnt from the rewards of those that were played; and what another policy would have earned.

An arm is a row of numbers, its features. LinUCB: Li, Chu, Langford, Schapire. WWW 2010, arXiv:1003.0146. Thompson sampling: Agrawal and
Goyal. ICML 2013, arXiv:1209.3352. NeuralUCB: Zhou, Li, Gu. ICML 2020, arXiv:1911.04462. A policy gives the chance of each arm, and an arm
is drawn by these chances, so that what is logged is the truth; inverse propensities: Horvitz and Thompson, JASA 47 (1952).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.errors import DataError, MethodError
from idiolect.training.descent import descended
from idiolect.types import Floats

Numbers = Sequence[float] | Floats


@dataclass(frozen=True)
class Linear:
    """Rewards as a weighted sum of features, by ridge regression: the inverse (d, d) of ridge I + sum x x', and sum reward x (d,)."""

    inverse: Floats
    moment: Floats

    @classmethod
    def untaught(cls, size: int, ridge: float = 1.0) -> Linear:
        """Before any reward: every weight is 0, held there by `ridge`."""
        return cls(np.eye(size) / positive(ridge, "ridge"), np.zeros(size))

    def taught(self, arm: Floats, reward: float) -> Linear:
        """After the arm (d,) earned `reward`."""
        return Linear(joined(self.inverse, arm), self.moment + reward * arm)

    def means(self, arms: Floats) -> Floats:
        """The reward expected of each of arms (arms, d)."""
        made: Floats = arms @ (self.inverse @ self.moment)
        return made

    def widths(self, arms: Floats) -> Floats:
        """How unsure it is of each (arms,): sqrt(x' A^-1 x), which falls like 1/sqrt(n) as an arm is played n times."""
        return spans(self.inverse, arms)

    def upper(self, arms: Floats, alpha: float) -> Floats:
        """LinUCB's scores (arms,): mean + alpha width."""
        made: Floats = self.means(arms) + alpha * self.widths(arms)
        return made

    def drawn(self, arms: Floats, spread: float, draws: int, chance: np.random.Generator) -> Floats:
        """Thompson sampling's scores (draws, arms), of weights drawn from N(mean, spread^2 A^-1)."""
        root = np.linalg.cholesky(self.inverse)
        weights = self.inverse @ self.moment + spread * chance.standard_normal((draws, len(self.moment))) @ root.T
        made: Floats = weights @ arms.T
        return made


@dataclass(frozen=True)
class Neural:
    """Rewards by a perceptron of one hidden layer (`hidden` 0: none); how unsure it is, by the gradient g of its output.

    Z = ridge I + sum g g' / m over what was played, m the hidden units; the width of an arm is sqrt(g' Z^-1 g / m). `inverse` is
    Z^-1 (p, p), or its diagonal form (p,), for which only squares are summed: papers multiply the root, released code what is in it.
    """

    weights: tuple[Floats, ...]  # (d, hidden) and (hidden,); without a hidden layer (d,)
    inverse: Floats

    @classmethod
    def untaught(cls, size: int, hidden: int = 16, ridge: float = 1.0, diagonal: bool = True, seed: int = 0) -> Neural:
        """Hidden weights from N(0, 1/d), in pairs of opposite outputs: nothing is expected of any arm before a reward, as in the paper.

        Raises MethodError for an odd number of hidden units.
        """
        if hidden % 2:
            raise MethodError(f"hidden units come in pairs: give an even number of them, not {hidden}")
        chance = np.random.default_rng(seed)
        half, above = chance.normal(0, size**-0.5, (size, hidden // 2)), chance.normal(0, max(hidden, 1) ** -0.5, hidden // 2)
        drawn = (np.concatenate([half, half], axis=1), np.concatenate([above, -above])) if hidden else (np.zeros(size),)
        count = sum(one.size for one in drawn)
        own = positive(ridge, "ridge")
        return cls(drawn, np.full(count, 1 / own) if diagonal else np.eye(count) / own)

    def learnt(self, played: Floats, rewards: Floats, ridge: float = 1.0, steps: int = 120, rate: float = 0.05) -> Neural:
        """The weights fitted to rewards (n,) of played (n, d) by least squares, held to where they start by `ridge`; Z of all of them."""
        if not len(played):
            return self
        start, own = self.weights, self

        def slope(now: list[Floats]) -> list[Floats]:
            net = Neural(tuple(now), own.inverse)
            wrong = net.means(played) - rewards
            return [by + ridge * (one - first) for by, one, first in zip(net._summed(played, wrong), now, start, strict=True)]

        fitted = Neural(tuple(descended(list(start), slope, steps, rate)), self.inverse)
        inverse = self.inverse
        for row in fitted.gradients(played) / np.sqrt(fitted._units):
            inverse = joined(inverse, row)
        return Neural(fitted.weights, inverse)

    def means(self, arms: Floats) -> Floats:
        """The reward expected of each of arms (arms, d)."""
        made: Floats = np.tanh(arms @ self.weights[0]) @ self.weights[1] if len(self.weights) == 2 else arms @ self.weights[0]
        return made

    def widths(self, arms: Floats) -> Floats:
        """How unsure it is of each (arms,)."""
        return spans(self.inverse, self.gradients(arms) / np.sqrt(self._units))

    def upper(self, arms: Floats, gamma: float) -> Floats:
        """NeuralUCB's scores (arms,): output + gamma width."""
        made: Floats = self.means(arms) + gamma * self.widths(arms)
        return made

    def drawn(self, arms: Floats, spread: float, draws: int, chance: np.random.Generator) -> Floats:
        """NeuralTS's scores (draws, arms): each arm's from N(output, (spread width)^2) by itself."""
        made: Floats = self.means(arms) + spread * self.widths(arms) * chance.standard_normal((draws, len(arms)))
        return made

    def gradients(self, arms: Floats) -> Floats:
        """Of the output by all weights, for each of arms: (arms, p)."""
        if len(self.weights) == 1:
            return arms
        inner = np.tanh(arms @ self.weights[0])
        below = arms[:, :, None] * (self.weights[1] * (1 - inner**2))[:, None, :]
        return np.concatenate([below.reshape(len(arms), -1), inner], axis=1)

    def _summed(self, arms: Floats, by: Floats) -> list[Floats]:
        """The gradients of all arms, each times its own of `by` (arms,), as the weights lie."""
        flat = by @ self.gradients(arms)
        ends = np.cumsum([one.size for one in self.weights])[:-1]
        return [part.reshape(one.shape) for part, one in zip(np.split(flat, ends), self.weights, strict=True)]

    @property
    def _units(self) -> int:
        return len(self.weights[1]) if len(self.weights) == 2 else 1


def joined(inverse: Floats, row: Floats) -> Floats:
    """The inverse of A + x x' from that of A (Sherman and Morrison); of diagonals (p,), of A + diag(x^2)."""
    if inverse.ndim == 1:
        return inverse / (1 + inverse * row * row)
    moved = inverse @ row
    return inverse - np.outer(moved, moved) / (1 + row @ moved)


def spans(inverse: Floats, rows: Floats) -> Floats:
    """sqrt(x' A^-1 x) for each row."""
    squares = (rows * rows) @ inverse if inverse.ndim == 1 else np.einsum("ij,jk,ik->i", rows, inverse, rows)
    made: Floats = np.sqrt(np.maximum(squares, 0.0))
    return made


def apart(context: Floats, arms: int) -> Floats:
    """Features (arms, arms * d) by which arms share nothing: each has the context (d,) in a place of its own."""
    return np.kron(np.eye(arms), context)


def best(scores: Floats, explore: float = 0.0) -> Floats:
    """The chances (arms,) of a policy that plays the best of scores (arms,), ties alike, and with the chance `explore` any arm at all."""
    top = scores >= scores.max() - 1e-12
    made: Floats = (1 - explore) * top / top.sum() + explore / len(scores)
    return made


def won(scores: Floats, explore: float = 0.0) -> Floats:
    """The chances (arms,) of Thompson sampling: the share of draws (draws, arms) that each arm wins, and of `explore` an equal part."""
    share = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1]) / len(scores)
    made: Floats = (1 - explore) * share + explore / scores.shape[1]
    return made


def played(chances: Floats, lot: float) -> int:
    """The arm that a `lot` of 0 to 1 falls to, by its chance."""
    return min(int(np.searchsorted(np.cumsum(chances), lot * chances.sum(), side="right")), int(np.flatnonzero(chances)[-1]))


@dataclass(frozen=True)
class Value:
    """What a policy would have earned a play: the estimate, its standard error, and how many plays it is worth: (sum w)^2 / sum w^2."""

    mean: float
    error: float
    plays: float


def value(
    rewards: Sequence[float] | Floats, logged: Sequence[float] | Floats, wanted: Sequence[float] | Floats, own: bool = False
) -> Value:
    """A policy's value by inverse propensities, from plays of another: each one's reward, and the chance that the arm had in both.

    Unbiased where every arm that is wanted had a chance. `own`: weights divided by their own sum, which is a little biased and far
    steadier (self-normalized). Raises DataError for no plays, for lists that differ in length, for a logged chance outside (0, 1].
    """
    r, p, q = (np.asarray(one, np.float64) for one in (rewards, logged, wanted))
    if not len(r) or not len(r) == len(p) == len(q):
        raise DataError(f"each play has a reward and two chances, and there is one at least: {len(r)}, {len(p)} and {len(q)} were given")
    if (p <= 0).any() or (p > 1).any():
        raise DataError(
            f"a play was logged with the chance {p.min() if (p <= 0).any() else p.max():g}: one that happened has over 0, at most 1"
        )
    weights = q / p
    heavy = float(weights.sum())
    mean = float(weights @ r / heavy) if own and heavy else float((weights * r).mean())
    parts = weights * (r - mean) / (heavy / len(r) if heavy else 1.0) if own else weights * r - mean
    error = float(np.sqrt((parts**2).sum() / max(len(r) - 1, 1) / len(r)))
    return Value(mean, error, heavy**2 / float(weights @ weights) if heavy else 0.0)


def as_arrays(net: Neural) -> dict[str, Floats]:
    """A network as a State keeps it."""
    return {"inverse": net.inverse} | {f"weights {number}": one for number, one in enumerate(net.weights)}


def from_arrays(arrays: Mapping[str, Floats]) -> Neural:
    """The network that `as_arrays` kept."""
    names = sorted(name for name in arrays if name.startswith("weights "))
    return Neural(tuple(arrays[name] for name in names), arrays["inverse"])


def positive(number: float, name: str) -> float:
    """The number. Raises MethodError unless it is above 0."""
    if not number > 0:
        raise MethodError(f"{name} is above 0, not {number}")
    return number
