"""The official metrics of LaMP and LongLaMP, oddities included, and the project's own for the same tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from idiolect.data.lamp import Form, Kind
from idiolect.errors import DataError
from idiolect.evaluation.meteor import meteor
from idiolect.evaluation.metrics import METRICS, Answered, Metric, Yardstick, rouge
from idiolect.types import Floats

LOW, HIGH = 1.0, 5.0  # LaMP-3's scale


def metrics(form: Form, strict: bool) -> tuple[Metric, ...]:
    """What a task is measured by, the one that decides first. `strict`: as the benchmark's evaluation computes it."""
    if form.kind == "text":
        long = (METEOR, ANSWERED) if form.long else ()
        return (METRICS["rouge1"], METRICS["rougeL"], *long)
    return OFFICIAL[form.kind] if strict else tuple(METRICS[name] for name in SOUND[form.kind])


def yardstick(form: Form) -> Yardstick:
    """The labels of a task, and the ends of its scale."""
    return Yardstick(LOW, HIGH, form.labels)


def place(text: str, labels: Sequence[str]) -> int:
    """Which label a text is, to the letter but for white space around it; -1 for none."""
    return labels.index(text.strip()) if text.strip() in labels else -1


def farthest_miss(reply: str, truth: str) -> float:
    """How far a reply, read as Python reads a number, is from a score: `nan`, `inf` and 100 are numbers too, and nothing is rounded.

    What is no number counts as the end of the scale that is farther from the truth, 5 where both are as far.
    """
    try:
        given, true = float(reply.strip()), float(truth)
    except ValueError:
        true = _number(truth)
        given = LOW if true - LOW > HIGH - true else HIGH
    return abs(given - true)


def _number(truth: str) -> float:
    try:
        return float(truth)
    except ValueError:
        raise DataError(f"the true score {truth!r} is no number; give the file of outputs of this task") from None


def _mean(measure: Callable[[str, str, Yardstick], float]) -> Callable[[Answered, Yardstick], Sequence[float]]:
    return lambda person, y: [float(np.mean([measure(r, t, y) for r, t in zip(person.replies, person.truths, strict=True)]))]


def _confusion(person: Answered, y: Yardstick) -> Sequence[float]:
    counts = np.zeros((3, len(y.labels)))
    for reply, truth in zip(person.replies, person.truths, strict=True):
        given, true = place(reply, y.labels), place(truth, y.labels)
        if given == true:
            counts[0, true] += true >= 0
            continue
        counts[1, given] += given >= 0
        counts[2, true] += true >= 0
    return [float(count) for count in (counts / len(person.truths)).ravel()]


def _macro_f1(means: Floats) -> Floats:
    """The mean over all labels there are; one that occurs nowhere counts as 0."""
    hit, extra, missed = np.moveaxis(means.reshape(*means.shape[:-1], 3, -1), -2, 0)
    of = 2 * hit + extra + missed
    made: Floats = np.divide(2 * hit, of, out=np.zeros_like(hit), where=of > 0).mean(axis=-1)
    return made


def _answered_rouge(person: Answered, y: Yardstick) -> Sequence[float]:
    said = [bool(reply.strip()) for reply in person.replies]
    of = [rouge("rouge1", reply, truth) for reply, truth in zip(person.replies, person.truths, strict=True)]
    return [sum(of) / len(of), sum(said) / len(said)]


def _share(means: Floats) -> Floats:
    made: Floats = means[..., 0] / np.maximum(means[..., 1], 1e-9)
    return made


METEOR = Metric("meteor", "METEOR", False, _mean(lambda reply, truth, _: meteor(reply, truth)), lambda means: means[..., 0])
ANSWERED = Metric("rouge1_answered", "ROUGE-1 where something was said", False, _answered_rouge, _share)  # LongLaMP drops empty replies
_HIT = _mean(lambda reply, truth, y: float(place(reply, y.labels) == place(truth, y.labels)))
OFFICIAL: Mapping[Kind, tuple[Metric, ...]] = {
    "label": (replace(METRICS["accuracy"], parts=_HIT), replace(METRICS["macro_f1"], parts=_confusion, value=_macro_f1)),
    "rating": (
        replace(METRICS["mae"], parts=_mean(lambda reply, truth, _: farthest_miss(reply, truth))),
        replace(METRICS["rmse"], parts=_mean(lambda reply, truth, _: farthest_miss(reply, truth) ** 2)),
    ),
}
SOUND: Mapping[Kind, tuple[str, ...]] = {"label": ("accuracy", "macro_f1", "unreadable"), "rating": ("mae", "rmse", "unreadable")}
