"""Off-policy learning from logged feedback: what another policy would have earned, and which policy earns most; numpy alone.

Each estimator gives a play credits (arms,): what every arm would have earned in its place, as far as the estimator knows. The value of a
policy is the mean of chance x credit, its gradient that of a softmax. IS: inverse propensities (Horvitz and Thompson, JASA 47, 1952). DM:
a model of the rewards. DR: Dudik, Langford, Li. ICML 2011, arXiv:1103.4601. DSO: Kiyohara, Cao, Saito, Joachims. Prompt Optimization with
Logged Bandit Data. 2024, arXiv:2504.02646.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from idiolect.data.splits import is_number
from idiolect.errors import DataError, MethodError
from idiolect.training.bandits import Value, positive
from idiolect.training.descent import descended
from idiolect.types import Floats, Ints, Record, digest

ESTIMATORS = ("is", "dr", "dm")  # that need to know which arm was played; `direct` does not
KEPT = ("record", "arm", "chances")  # arrays of the plays that were heard of
CLIP = 200.0  # at most as much is what one play counts for, however small its chance was


class Play(NamedTuple):
    """A reply that somebody judged, what they thought of it, and the record that says so."""

    record: Record
    reply: str
    reward: float  # -1/2 to 1/2


def plays(records: Iterable[Record], scale: tuple[float, float] = (1.0, 5.0)) -> list[Play]:
    """The plays in a person's records. What they took or wrote earns 1/2, what they left -1/2, a rating by its place on the `scale`,
    less what this person usually gives. Blank replies, and ratings that are no number, are left out."""
    made, rated = [], []
    for record in records:
        if record.kind == "rating" and is_number(record.answer) and np.isfinite(float(record.answer)):
            points = float(np.clip((float(record.answer) - scale[0]) / (scale[1] - scale[0]), 0, 1))
            rated.append(points)
            made.append(Play(record, record.other, points))
        elif record.kind in ("message", "edit", "choice"):
            made.append(Play(record, record.answer, 0.5))
            made += [Play(record, record.other, -0.5)] if record.kind == "choice" else []
    usual = (sum(rated) + 0.5) / (len(rated) + 1)
    level = [play._replace(reward=(play.reward - usual) / 2) if play.record.kind == "rating" else play for play in made]
    return [play for play in level if play.reply.strip()]


@dataclass(frozen=True)
class Softmax:
    """A policy: the chances of arms are softmax(context . weights), weights (d, arms)."""

    weights: Floats

    def chances(self, contexts: Floats) -> Floats:
        """(n, arms), from contexts (n, d)."""
        scores = contexts @ self.weights
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        made: Floats = powers / powers.sum(axis=1, keepdims=True)
        return made


def inverse(arms: Ints, chances: Floats, rewards: Floats, clip: float = CLIP) -> Floats:
    """IS credits (n, arms): an arm that was played gets reward / chance, another 0. `chances` (n, arms) are those that it was drawn by."""
    own = _chance_of(arms, chances)
    made: Floats = np.zeros(chances.shape)
    made[np.arange(len(arms)), arms] = rewards * np.minimum(1 / own, clip)
    return made


def doubly_robust(arms: Ints, chances: Floats, rewards: Floats, expected: Floats, clip: float = CLIP) -> Floats:
    """DR credits (n, arms): what a model expects (n, arms) of each arm, and of the one played what it was wrong by, / chance.

    DM credits are `expected` alone.
    """
    return expected + inverse(arms, chances, rewards - expected[np.arange(len(arms)), arms], clip)


def direct(sentences: Floats, drawn: Floats, chances: Floats, rewards: Floats, width: float, clip: float = CLIP) -> Floats:
    """DSO credits (n, arms): reward x K(sentence, the arm's) / sum over arms of chance x K, with one kernel in both.

    `sentences` (n, e) are those that were rewarded, `drawn` (n, arms, e) one of each arm: which arm a sentence came from is not asked, so
    arms that say nearly the same learn from one another. `width` is the kernel's; near 0 only the same sentence counts.
    """
    near = kernel(((sentences[:, None] - drawn) ** 2).sum(axis=2), width)
    density = (chances * near).sum(axis=1, keepdims=True)  # of the sentence under the policy that was logged
    made: Floats = rewards[:, None] * np.minimum(near / np.maximum(density, 1e-300), clip)
    return made


def kernel(squares: Floats, width: float) -> Floats:
    """exp(-squares / (2 width^2)), each row over its greatest: a row's scale cancels, and far sentences stay numbers."""
    made: Floats = np.exp(-(squares - squares.min(axis=1, keepdims=True)) / (2 * positive(width, "a kernel's width") ** 2))
    return made


def earned(credits: Floats, chances: Floats) -> Value:
    """What a policy of `chances` (n, arms) would have earned a play, by credits (n, arms), with its standard error. Raises DataError."""
    if not len(credits) or credits.shape != chances.shape:
        raise DataError(f"credits and chances are both (plays, arms), of one play at least, not {credits.shape} and {chances.shape}")
    own = (credits * chances).sum(axis=1)
    return Value(float(own.mean()), float(own.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else float("inf"), float(len(own)))


def slope(policy: Softmax, contexts: Floats, credits: Floats) -> Floats:
    """(d, arms): the gradient of what the policy earns. By IS credits the mean of w r grad log pi, which on-policy is REINFORCE."""
    chances = policy.chances(contexts)
    ahead = credits - (chances * credits).sum(axis=1, keepdims=True)
    made: Floats = contexts.T @ (chances * ahead) / max(len(contexts), 1)
    return made


def learnt(start: Softmax, contexts: Floats, credits: Floats, hold: float = 0.0, steps: int = 200, rate: float = 0.1) -> Softmax:
    """The policy that earns most by credits (n, arms) in contexts (n, d), held to `start` by hold |weights - start|^2 / 2."""
    if not len(contexts):
        return start

    def down(now: list[Floats]) -> list[Floats]:
        return [hold * (now[0] - start.weights) - slope(Softmax(now[0]), contexts, credits)]

    return Softmax(descended([start.weights], down, steps, rate)[0])


@dataclass(frozen=True)
class Log:
    """Plays: contexts (n, d), rewards (n,), the chances of all arms (n, arms), and which arm it was (n,), -1 where nobody knows."""

    contexts: Floats
    rewards: Floats
    chances: Floats
    arms: Ints

    @classmethod
    def of(cls, own: Sequence[Play], contexts: Floats, kept: Mapping[str, Floats], arms: int) -> Log:
        """These plays in these contexts: arm and chances as `heard` kept them; of others the arm is unknown, and chances were equal."""
        places = {name: place for place, name in enumerate(kept["record"].tolist())} if "record" in kept else {}
        found = [places.get(_named(play.record)) for play in own]
        even: Floats = np.full(arms, 1 / arms)
        return cls(
            contexts,
            np.array([play.reward for play in own]),
            np.array([even if place is None else kept["chances"][place] for place in found]).reshape(len(own), arms),
            np.array([-1 if place is None else int(kept["arm"][place]) for place in found], np.intp),
        )

    def credits(self, by: str) -> tuple[Floats, Floats]:
        """Contexts and credits of the plays whose arm is known, by one of ESTIMATORS. Raises MethodError for another."""
        if by not in ESTIMATORS:
            raise MethodError(f"there is no estimator {by!r}; there are dso, {', '.join(ESTIMATORS)}")
        known = self.arms >= 0
        contexts, rewards, chances, arms = self.contexts[known], self.rewards[known], self.chances[known], self.arms[known]
        if by == "is":
            return contexts, inverse(arms, chances, rewards)
        expected = modelled(contexts, arms, rewards, chances.shape[1])
        return contexts, expected if by == "dm" else doubly_robust(arms, chances, rewards, expected)


def heard(kept: Mapping[str, Floats], record: Record, arm: int, chances: Floats) -> dict[str, Floats]:
    """What is kept of plays, KEPT, and of one more: the judged `record`, its arm, and the chances (arms,) that all had then."""
    one = {"record": np.array([_named(record)]), "arm": np.array([float(arm)]), "chances": chances[None]}
    return {**kept, **{name: np.concatenate([kept[name], more]) if name in kept else more for name, more in one.items()}}


def modelled(contexts: Floats, arms: Ints, rewards: Floats, count: int, ridge: float = 1.0) -> Floats:
    """(n, count): the reward expected of each arm in each context (n, d), by a ridge regression for every arm; unplayed arms have 0."""
    made: Floats = np.zeros((len(contexts), count))
    for arm in np.unique(arms):
        own = contexts[arms == arm]
        inner = own.T @ own + positive(ridge, "ridge") * np.eye(own.shape[1])
        made[:, arm] = contexts @ np.linalg.solve(inner, own.T @ rewards[arms == arm])
    return made


def _named(record: Record) -> float:
    return float(int(digest(record.id)[:12], 16))  # 48 bits, which a float holds exactly


def _chance_of(arms: Ints, chances: Floats) -> Floats:
    """(n,): the chance of each arm that was played. Raises DataError where it is 0, or more than 1."""
    own: Floats = chances[np.arange(len(arms)), arms]
    if len(own) and not (own.min() > 0 and own.max() <= 1):
        raise DataError(f"an arm was played with the chance {own.min() if own.min() <= 0 else own.max():g}: one that happened has over 0")
    return own
