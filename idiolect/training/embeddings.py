"""Vectors of a person's records and of a question, read from the model's own states: no other model is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from idiolect.models.batches import batches
from idiolect.models.bends import listening
from idiolect.models.encode import Encoded
from idiolect.models.local import LocalLM
from idiolect.types import Floats, Record, ask


def of_records(lm: LocalLM, records: Sequence[Record], depth: float) -> Floats:
    """(records, 2, width): the mean state over what was asked, and over what the person answered (zeros for no answer).

    States are those after the block at `depth` of the model's height, 0 to 1. A record's vectors do not depend on its company.
    """
    return _means(lm, [lm.encode(ask(record.prompt), record.answer) for record in records], depth)


def of_question(lm: LocalLM, question: str, depth: float) -> Floats:
    """(width,): the mean state over a question, to be compared with what was asked in records."""
    made: Floats = _means(lm, [lm.encode(ask(question))], depth)[0, 0]
    return made


@torch.no_grad()
def _means(lm: LocalLM, rows: Sequence[Encoded], depth: float) -> Floats:
    made = np.zeros((len(rows), 2, lm.width), dtype=np.float32)
    layer = round(depth * (lm.layers - 1))
    bends = lm.bends([])
    for places in batches([(1, len(row.ids)) for row in rows], lm.token_budget):
        batch = lm.engine.padded([rows[place] for place in places], bends)
        with lm.engine.lock, listening(lm.model, layer) as heard:
            lm.engine.logits(batch, bends, 1)
        asked = _mean(heard[-1].float(), batch.mask * (1 - batch.scope))
        answered = _mean(heard[-1].float(), batch.scope)
        made[places] = torch.stack([asked, answered], dim=1).cpu().numpy()
    return made


def _mean(stream: Tensor, kept: Tensor) -> Tensor:
    """(rows, tokens, width) -> (rows, width) over the positions where `kept` is 1."""
    weights = kept.to(stream.dtype)
    summed = torch.bmm(weights[:, None], stream)[:, 0]
    return summed / weights.sum(dim=1, keepdim=True).clamp(min=1)
