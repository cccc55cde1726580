"""Metrics of replies against what people really wrote: each gives a person's parts, and the figure that a mean of parts makes.

Parts are averaged over people, everyone weighing the same however many targets they have, and the figure is made of the
average: that lets one bootstrap serve means, roots and F1 alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from idiolect.data.splits import is_number
from idiolect.errors import DataError
from idiolect.evaluation.intervals import Value
from idiolect.evaluation.style import Style
from idiolect.extras import need
from idiolect.types import Floats

NUMBER = re.compile(r"(?<![\w.])-?(?:\d+(?:[.,]\d+)?|[.,]\d+)")


@dataclass(frozen=True)
class Answered:
    """One person's targets: the replies, the true answers, and, where the model gives them, the true answers' nats and characters."""

    user: str
    replies: Sequence[str]
    truths: Sequence[str]
    nats: Sequence[float] | None = None
    chars: Sequence[int] = ()


@dataclass(frozen=True)
class Yardstick:
    """What replies are measured with: the ends of the scale of ratings, the labels there are, everybody's style."""

    low: float = 0.0
    high: float = 0.0
    labels: tuple[str, ...] = ()
    style: Style | None = None


@dataclass(frozen=True)
class Metric:
    """`parts` of one person (k numbers), and `value` of averaged parts (..., k) -> (...)."""

    name: str
    label: str
    lower: bool  # is better
    parts: Callable[[Answered, Yardstick], Sequence[float]]
    value: Value
    decimals: int = 3

    def of(self, people: Sequence[Answered], yardstick: Yardstick) -> Floats:
        """The parts of each person (people, k)."""
        return np.array([self.parts(person, yardstick) for person in people], dtype=np.float64)

    def figure(self, people: Sequence[Answered], yardstick: Yardstick) -> float:
        """The figure of these people."""
        return float(self.value(self.of(people, yardstick).mean(axis=0)))


def rouge(name: str, reply: str, truth: str) -> float:
    """ROUGE F-measure, "rouge1" or "rougeL", as LaMP takes it: rouge-score with stemming off. Its words are [a-z0-9]+, so text in
    other scripts scores 0."""
    return float(_scorer().score(truth, reply)[name].fmeasure)


def rating(reply: str, low: float, high: float) -> float | None:
    """The first number in a reply, drawn into the scale from `low` to `high`; None where there is no number."""
    found = NUMBER.search(reply)
    return min(max(float(found[0].replace(",", ".")), low), high) if found else None


def miss(reply: str, truth: str, yardstick: Yardstick) -> float:
    """How far a reply is from a rating. A reply without a number counts as the end of the scale farther from the truth (from the
    middle: the upper end), as in LaMP: saying nothing is never rewarded. Raises DataError for a truth that is no number."""
    true, given = number(truth), rating(reply, yardstick.low, yardstick.high)
    worst = yardstick.high if true <= (yardstick.low + yardstick.high) / 2 else yardstick.low
    return abs((worst if given is None else given) - true)


def number(answer: str) -> float:
    """A rating that a person gave. Raises DataError for what is no finite number."""
    if not (is_number(answer) and math.isfinite(float(answer))):
        raise DataError(f"the answer {answer!r} is not a number, and this is a task of ratings; choose the kind 'text' or 'label'")
    return float(answer)


def label(reply: str, labels: Sequence[str]) -> str | None:
    """The label that a reply gives: the reply itself, or but for capitals and punctuation at its ends, or the only label whose words
    stand in it ("very good" counts as itself and not as "good"); None where there is none or more than one."""
    said = _folded(reply)
    exact = [one for one in labels if one == reply.strip()] or [one for one in labels if _folded(one) == said]
    within = exact or [one for one in labels if _stands(one, said)]
    longest = [one for one in within if not any(one != other and _stands(one, _folded(other)) for other in within)]
    return longest[0] if len(longest) == 1 else None


def _each(measure: Callable[[str, str, Yardstick], float]) -> Callable[[Answered, Yardstick], Sequence[float]]:
    """One part: the mean of `measure` over the person's targets."""

    def parts(person: Answered, yardstick: Yardstick) -> Sequence[float]:
        pairs = list(zip(person.replies, person.truths, strict=True))
        return [math.fsum(measure(reply, truth, yardstick) for reply, truth in pairs) / len(pairs)]

    return parts


def _bits(person: Answered, yardstick: Yardstick) -> Sequence[float]:
    """All bits of a person's true answers over all their characters."""
    if person.nats is None:
        raise DataError(f"no log-probabilities were kept for {person.user!r}; the model must be able to give logprobs")
    return [-math.fsum(person.nats) / math.log(2) / max(sum(person.chars), 1)]


def _style(person: Answered, yardstick: Yardstick) -> Sequence[float]:
    if yardstick.style is None:
        raise DataError("the yardstick has no style; build it with Style(users)")
    return [math.fsum(yardstick.style.distance(reply, person.user) for reply in person.replies) / len(person.replies)]


def _confusion(person: Answered, yardstick: Yardstick) -> Sequence[float]:
    """True positives, false positives and false negatives of each label, a target: (3 * labels)."""
    at = {name: place for place, name in enumerate(yardstick.labels)}
    counts = np.zeros((3, len(at)))
    for reply, truth in zip(person.replies, person.truths, strict=True):
        given = label(reply, yardstick.labels)
        if given == truth:
            counts[0, at[truth]] += 1
            continue
        counts[2, at[truth]] += 1
        if given is not None:
            counts[1, at[given]] += 1
    return [float(count) for count in (counts / len(person.truths)).ravel()]


def _unreadable(reply: str, truth: str, y: Yardstick) -> float:
    return float((label(reply, y.labels) if y.labels else rating(reply, y.low, y.high)) is None)


def _only(means: Floats) -> Floats:
    return means[..., 0]


def _root(means: Floats) -> Floats:
    root: Floats = np.sqrt(means[..., 0])
    return root


def _f1(means: Floats) -> Floats:
    """Macro-F1 over the labels that occur. A reply that is no label is nobody's false positive."""
    hit, extra, missed = np.moveaxis(means.reshape(*means.shape[:-1], 3, -1), -2, 0)
    there = hit + extra + missed > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.where(there, 2 * hit / (2 * hit + extra + missed), 0.0)
    mean: Floats = f1.sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return mean


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("bits_per_char", "bits a character", True, _bits, _only),
        Metric("rouge1", "ROUGE-1", False, _each(lambda reply, truth, _: rouge("rouge1", reply, truth)), _only),
        Metric("rougeL", "ROUGE-L", False, _each(lambda reply, truth, _: rouge("rougeL", reply, truth)), _only),
        Metric("style", "style distance", True, _style, _only),
        Metric("mae", "mean absolute error", True, _each(miss), _only),
        Metric("rmse", "RMSE", True, _each(lambda *one: miss(*one) ** 2), _root),
        Metric("accuracy", "accuracy", False, _each(lambda reply, truth, y: float(label(reply, y.labels) == truth)), _only),
        Metric("macro_f1", "macro-F1", False, _confusion, _f1),
        Metric("unreadable", "share of unreadable replies", True, _each(_unreadable), _only),
    )
}


@cache
def _scorer() -> Any:
    return need("rouge_score.rouge_scorer", "ROUGE").RougeScorer(["rouge1", "rougeL"], use_stemmer=False)


def _stands(name: str, said: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_folded(name))}(?!\w)", said) is not None


def _folded(text: str) -> str:
    return text.strip().strip(".,:;!?()[]{}\"'`*").strip().casefold()
