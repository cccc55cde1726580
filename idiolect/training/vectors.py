"""Vectors read from a model's activations, and how strongly they are best added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from idiolect.models.lm import LM
from idiolect.training.loop import Pair, local
from idiolect.types import Floats, Request, Steering, ask

ROUNDING = 1e-3  # nats; of strengths that are no further apart the weakest is taken, so that company cannot change the choice


def last_states(lm: LM, requests: Sequence[Request], answers: Sequence[str], layer: int) -> list[Floats]:
    """The residual stream after block `layer` at the last token of each answer, (width,); zeros for an answer without tokens.

    Raises ModelError for a model whose activations are out of reach.
    """
    model = local(lm, "reading activations")
    streams = model.hidden(requests, answers, layer)
    return [stream[-1] if len(stream) else np.zeros(model.width, dtype=np.float32) for stream in streams]


def height(lm: LM) -> int:
    """How many blocks the model has. Raises ModelError for a model whose activations are out of reach."""
    return local(lm, "reading activations").layers


def size(lm: LM, layer: int) -> float:
    """Root mean square of the numbers in the residual stream after block `layer`, over a short text: models differ in it a hundredfold."""
    (stream,) = local(lm, "reading activations").hidden([ask("What did you do today?")], ["I wrote a letter to a friend."], layer)
    return float(np.sqrt((stream.astype(np.float64) ** 2).mean()))


def strongest(lm: LM, pairs: Sequence[Pair], strengths: Sequence[float], steering: Callable[[float], Iterable[Steering]]) -> float:
    """Of `strengths`, that under whose steering the answers of `pairs` are likeliest; of equals, and without pairs, the weakest.

    Strength 0 is no steering.
    """
    tried = {strength: list(steering(strength)) if strength else [] for strength in strengths}
    tries = [(strength, request, answer or " ") for strength in strengths for request, answer in pairs]
    scores = lm.score([request.bent(steering=tried[strength]) for strength, request, _ in tries], [answer for *_, answer in tries])
    nats = dict.fromkeys(strengths, 0.0)
    for (strength, *_), score in zip(tries, scores, strict=True):
        nats[strength] += score.nats
    best = max(nats.values())
    return min((strength for strength in strengths if not nats[strength] < best - ROUNDING), key=abs)
