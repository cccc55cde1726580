"""Reward models: what an answer is worth under a question, to everybody or to one person, as linear heads over features; numpy alone.

A scalar head from pairs (Bradley and Terry, Biometrika 39, 1952), heads of several scores by ridge regression with missing labels left
out (as in the reward model of DPA: Wang et al., ACL 2024, arXiv:2402.18571), and a classifier of good and bad answers. Features in,
numbers out: they may be of sentence embeddings (`features`) or of a language model's own states (`training.vectors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.errors import DataError
from idiolect.retrieval.embedders import embed
from idiolect.training.normalisation import Normalisation
from idiolect.training.rewards import REWARDS, counted
from idiolect.types import Floats

FOLDED = 256  # slots of hashed words, which are 1,024 where they are compared and not learnt from
TOPICS = 16  # directions into which a context is drawn before it meets what is counted
STEADY: Floats = np.array([1.2, 0.8, 1.0, 0.2, 0.12])  # how far two answers to one question usually differ in what is counted
ROUNDS, CLOSE = 50, 1e-10  # of Newton's method; it ends when the next step is to gain less, as a share of the loss
RAW = Normalisation()
GRID = tuple(float(10.0**power) for power in range(-4, 5))  # of `hold`, as DPA's


@dataclass(frozen=True)
class RewardModel:
    """Heads over features: weights (features, heads), and how the rewards of the heads are made comparable."""

    weights: Floats
    normalisation: Normalisation = RAW

    def scores(self, seen: Floats) -> Floats:
        """(answers, heads): what each of seen (answers, features) is worth, as the heads say it."""
        made: Floats = seen @ self.weights
        return made

    def ahead(self, better: Floats, worse: Floats) -> Floats:
        """(pairs, heads): how far each better answer is ahead; the chance that it is preferred is the sigmoid of that."""
        return self.scores(better - worse)

    def normalised(self, how: str, seen: Floats) -> RewardModel:
        """The same model, its heads made comparable on seen (answers, features): the same answers for all of them."""
        return replace(self, normalisation=Normalisation.fitted(how, self.scores(seen)))

    def as_arrays(self) -> dict[str, Floats]:
        """As a State keeps it."""
        return {"weights": self.weights} | {f"normal {name}": value for name, value in self.normalisation.as_arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> RewardModel:
        """What `as_arrays` kept."""
        normal = {name.removeprefix("normal "): value for name, value in arrays.items() if name.startswith("normal ")}
        return cls(arrays["weights"], Normalisation.from_arrays(normal))


def features(questions: Sequence[str], answers: Sequence[str], by: str = "hash", contexts: Sequence[str] = ()) -> Floats:
    """(answers, features): the answer's embedding, that times the question's, and what is counted in it (REWARDS).

    With `contexts`, what is known of each one's person in words, also the answer's embedding times the context's, and what is counted
    times the context: where there is no context these are 0. Of the question alone, or the context alone, there is nothing: it would
    cancel in every pair.
    """
    said, asked = _embedded(answers, by), _embedded(questions, by)
    told = counted(tuple(REWARDS), questions, answers) / STEADY
    parts = [said, said * asked * np.sqrt(said.shape[1]), told]
    if contexts:
        known = _embedded(contexts, by)
        drawn = known @ _directions(known.shape[1])
        parts += [said * known * np.sqrt(said.shape[1]), (drawn[:, :, None] * told[:, None, :]).reshape(len(told), -1)]
    return np.concatenate(parts, axis=1)


def level(seen: Floats) -> Floats:
    """(features,): the mean of each feature over seen (answers, features), which a network is to see them less.

    What is counted lies far from 0: without this it drives every unit to its bound, alike for all answers and for all people.
    """
    made: Floats = seen.mean(axis=0)
    return made


def logistic(
    rows: Floats,
    hold: float,
    start: Floats | None = None,
    counts: Floats | None = None,
    shifts: Floats | None = None,
    near: Floats | None = None,
) -> Floats:
    """(features,): weights under which rows (n, features) score above 0: least sum log(1 + exp(-row w)) + hold / 2 |w - start|^2.

    `counts` (n,) weighs rows, `shifts` (n,) is added to what each scores. Found by Newton's steps, in the space of the rows where they
    are fewer than features: the only minimum there is, sooner where the search begins `near` it. No rows: `start`, or zeros.
    """
    if not hold > 0:
        raise DataError(f"`hold` keeps the weights finite and is above 0, not {hold}")
    begin = np.zeros(rows.shape[1]) if start is None else start
    if not len(rows):
        return begin.copy()
    counts = np.ones(len(rows)) if counts is None else counts
    given = np.zeros(len(rows)) if shifts is None else shifts
    now = begin.copy() if near is None else near.copy()

    def loss(at: Floats) -> float:
        return float(counts @ np.logaddexp(0, -(rows @ at + given)) + hold / 2 * ((at - begin) ** 2).sum())

    for _ in range(ROUNDS):
        margins = rows @ now + given
        wrong = counts * _sigmoid(-margins)
        slope = hold * (now - begin) - rows.T @ wrong
        step = _solved(rows, (wrong * _sigmoid(margins)).clip(min=1e-12), hold, slope)
        falls, reach, before = float(slope @ step), 1.0, loss(now)
        if falls < CLOSE * max(before, 1.0):
            break
        while reach > 1e-6 and loss(now - reach * step) > before - 1e-4 * reach * falls:
            reach /= 2
        now = now - reach * step
    return now


def bradley_terry(better: Floats, worse: Floats, hold: float = 1.0, start: Floats | None = None, counts: Floats | None = None) -> Floats:
    """(features,): the head under which better (pairs, features) answers are ahead of worse ones, held to `start` by `hold`.

    A person's own head starts at everybody's. Turning a pair round turns the sign of its margin, whatever was learnt.
    """
    return logistic(better - worse, hold, start, counts)


def classifier(seen: Floats, good: Floats, hold: float = 1.0, start: Floats | None = None) -> Floats:
    """(features,): the head whose sigmoid is the chance that an answer is good (answers,), 0 or 1; give a column of 1 for a bias."""
    return logistic(seen * (2 * good - 1)[:, None], hold, start)


def ridge(seen: Floats, labels: Floats, hold: float | Floats = 1.0) -> Floats:
    """(features, heads): for each head the least squares of its labels (answers, heads), held to 0; NaN is a label that is missing.

    No bias is learnt: take the mean away first. `hold` is one number, or one for each head. A head without labels is 0.
    """
    made: Floats = np.zeros((seen.shape[1], labels.shape[1]))
    holds = np.broadcast_to(np.asarray(hold, np.float64), labels.shape[1])
    for head, own in enumerate(holds):
        there = ~np.isnan(labels[:, head])
        if there.any():
            made[:, head] = _solved(seen[there], np.ones(int(there.sum())), float(own), seen[there].T @ labels[there, head])
    return made


def factored(labels: Floats, rank: int, hold: float, rounds: int = 10, seed: int = 0) -> tuple[Floats, Floats]:
    """Features (rows, rank) of what was rated, and heads (rank, columns) of who rated it, whose product is near to labels; NaN is missing.

    Ridge regression by turns: heads given the features, features given the heads. So what people alike rate stands for what it is.
    """
    features: Floats = np.random.default_rng(seed).normal(0, rank**-0.5, (len(labels), rank))
    for _ in range(rounds):
        heads = ridge(features, labels, hold)
        features = ridge(heads.T, labels.T, hold).T
    return features, ridge(features, labels, hold)


def held(seen: Floats, labels: Floats, grid: Sequence[float] = GRID) -> Floats:
    """(heads,): the `hold` of `grid` under which each head's labels are best foretold by all the others, each left out in turn.

    In closed form, by the diagonal of the hat matrix. Of equals the larger, which says less; so it is for a head without labels.
    """
    made = np.full(labels.shape[1], max(grid))
    for head in range(labels.shape[1]):
        there = ~np.isnan(labels[:, head])
        if there.sum() < 2:
            continue
        left, values, _ = np.linalg.svd(seen[there], full_matrices=False)
        turned, errors = left.T @ labels[there, head], []
        for hold in sorted(grid, reverse=True):
            share = values**2 / (values**2 + hold)
            missed = (labels[there, head] - left @ (share * turned)) / (1 - (left**2) @ share).clip(min=1e-9)
            errors.append((float(missed @ missed), -hold))
        made[head] = -min(errors)[1]
    return made


def _solved(rows: Floats, curve: Floats, hold: float, by: Floats) -> Floats:
    """(hold I + rows' diag(curve) rows)^-1 by, through the smaller of the two matrices."""
    count, width = rows.shape
    if count >= width:
        made: Floats = np.linalg.solve(hold * np.eye(width) + (rows.T * curve) @ rows, by)
        return made
    inner = np.diag(hold / curve) + rows @ rows.T
    return (by - rows.T @ np.linalg.solve(inner, rows @ by)) / hold


def _sigmoid(margins: Floats) -> Floats:
    made: Floats = 1 / (1 + np.exp(-margins.clip(-500, 500)))
    return made


def _embedded(texts: Sequence[str], by: str) -> Floats:
    """(texts, width): equal texts are embedded once; hashed words in FOLDED slots."""
    different = list(dict.fromkeys(texts))
    places = {text: place for place, text in enumerate(different)}
    made = np.asarray(embed(different, by), np.float64)
    if by == "hash":
        made = made.reshape(len(different), made.shape[1] // FOLDED, FOLDED).sum(axis=1)
    return made[[places[text] for text in texts]]


def _directions(width: int) -> Floats:
    """(width, TOPICS): random directions, always the same."""
    made: Floats = np.random.default_rng(0).normal(0, width**-0.5, (width, TOPICS)) * np.sqrt(width / TOPICS)
    return made
