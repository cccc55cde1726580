"""Which neurons of the gates are a person's: how often each is active under two prompts, and how strongly.

After Deng, Tang, Yin, Yang, Zhao, Wen. Neuron-based Personality Trait Induction in Large Language Models (NPTI). ICLR 2025,
arXiv:2410.12327.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from idiolect.models.activations import activations
from idiolect.models.lm import LM
from idiolect.training.loop import local
from idiolect.types import Floats, Ints, Request, Steering

WIDTH, BINS = 0.01, 302  # of a histogram as it begins: when something lies beyond its end, bins are joined two by two
CLEAR = 0.1  # a difference of shares from which a neuron is always taken
MIDDLE, STEEPNESS = 0.15, 10.0  # of the gain


class Activity:
    """Of each neuron (neurons,): in what share of tokens it was active, and a histogram of its activations above 0."""

    def __init__(self, neurons: int) -> None:
        self.tokens, self.width = 0, WIDTH
        self.active = np.zeros(neurons, dtype=np.int64)
        self.counts = np.zeros((neurons, BINS), dtype=np.int32)  # in the first bin also what is 0 or below

    def add(self, values: Floats) -> None:
        """Activations (tokens, neurons) of more tokens. In which order they come changes nothing."""
        if not len(values):
            return
        while values.max() >= self.width * BINS:
            joined = self.counts.reshape(len(self.counts), BINS // 2, 2).sum(axis=2)
            self.counts, self.width = np.concatenate([joined, np.zeros_like(joined)], axis=1), 2 * self.width
        bins = np.floor(np.maximum(values, 0) / self.width).astype(np.int64)
        np.add.at(self.counts, (np.arange(len(self.counts)), bins), 1)
        self.active += (values > 0).sum(axis=0)
        self.tokens += len(values)

    @property
    def share(self) -> Floats:
        """(neurons,): the share of tokens at which each was active."""
        made: Floats = self.active / max(self.tokens, 1)
        return made

    def quantile(self, q: float) -> Floats:
        """(neurons,): what a share `q` of each one's activations lies below, to within a bin; 0 where it is 0 or below."""
        below = self.counts.cumsum(axis=1)
        place = (below < q * self.tokens).sum(axis=1)
        made: Floats = np.where(self.active > (1 - q) * self.tokens, (place + 0.5) * self.width, 0.0)
        return made


def activity(lm: LM, requests: Sequence[Request], answers: Sequence[str]) -> Activity:
    """Of all gates' neurons, block after block, where the model goes on from a token of an answer; the prompt is not counted.

    Raises ModelError for a model whose activations are out of reach, or that has no gate that is known.
    """
    model = local(lm, "reading activations")
    made = Activity(sum(model.widths["gate"]))
    for _, heard in activations(model, requests, answers, "gate"):
        made.add(heard.transpose(0, 1).flatten(1).cpu().numpy())
    return made


def gain(apart: Floats) -> Floats:
    """How much of a neuron's 95th percentile is added, from how much more often it is active: sigmoid(10 (apart - 0.15))."""
    made: Floats = 1 / (1 + np.exp(-STEEPNESS * (apart - MIDDLE)))
    return made


def found(own: Activity, other: Activity, share: float) -> dict[str, Floats]:
    """The person's neurons and what a strength of 1 adds to each ("targets", "added"), and those of the other prompt ("capped").

    Of those more often active, the `share` of all neurons that differ most, and beyond it all that differ by 0.1 or more.
    """
    apart = own.share - other.share
    targets, capped = _taken(apart, share), _taken(-apart, share)
    added = own.quantile(0.95)[targets] * gain(apart[targets])
    return {"targets": targets.astype(np.int32), "added": added.astype(np.float32), "capped": capped.astype(np.int32)}


def induced(lm: LM, arrays: Mapping[str, Floats], strength: float, name: str, keep: float = 1.0, seed: str = "") -> list[Steering]:
    """Steering of generated tokens: "added" `strength` times over at "targets", and "capped" neurons at 0 or below.

    Of all these a share `keep` is bent, drawn by `seed`.
    """
    wide = local(lm, "steering neurons").widths["gate"]
    drawn = np.ones(sum(wide), dtype=bool) if keep >= 1 else np.random.default_rng([*seed.encode()]).random(sum(wide)) < keep
    added, capped = np.zeros((2, sum(wide)), dtype=np.float32)
    added[arrays["targets"].astype(int)] = strength * arrays["added"]
    capped[arrays["capped"].astype(int)] = 1.0
    cuts = np.cumsum(wide)[:-1]
    blocks = zip(np.split(added * drawn, cuts), np.split(capped * drawn, cuts), strict=True)
    return [Steering(i, more, "decode", name, "gate", cap) for i, (more, cap) in enumerate(blocks) if more.any() or cap.any()]


def _taken(apart: Floats, share: float) -> Ints:
    """Places of the neurons that differ most, in order; only of those that are active more often at all."""
    order = np.argsort(-np.round(apart, 9), kind="stable")
    most = max(1, round(share * len(apart)))
    kept = [*order[:most], *(place for place in order[most:] if apart[place] >= CLEAR)]
    made: Ints = np.array(sorted(int(place) for place in kept if apart[place] > 1e-9), dtype=np.int64)
    return made
