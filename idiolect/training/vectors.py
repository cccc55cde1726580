"""Vectors read from a model's activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.models.lm import LM
from idiolect.training.loop import local
from idiolect.types import Floats, Request


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
