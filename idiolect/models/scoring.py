"""Log-probabilities of given answers, under every bend: rows of like length go forward together, then companions join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idiolect.models.batches import alike
from idiolect.models.encode import Encoded
from idiolect.models.engine import Engine
from idiolect.models.join import Blend, join
from idiolect.models.recall import Recall
from idiolect.models.stack import bends_of
from idiolect.types import Request, Score

VOCABULARY = 4_096  # one scored token with this many logits takes about the memory of one token of a row


@dataclass(frozen=True, slots=True)
class Unit:
    """One answer to be scored: its own row and those of its companions, and how they join."""

    requests: Sequence[Request]
    rows: Sequence[Encoded]
    blend: Blend

    def cost(self, vocabulary: int) -> tuple[int, int]:
        """(rows, the longest) as `batches` counts them."""
        return len(self.rows), max(max(len(row.ids), row.answer * vocabulary // VOCABULARY) for row in self.rows)

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the answer, of all rows; a prefix vector counts as one."""
        return sum(map(prompt_length, self.requests, self.rows))


def prompt_length(request: Request, row: Encoded) -> int:
    """Tokens of a row before its answer; a prefix vector counts as one."""
    return row.prompt + (0 if request.prefix is None else len(request.prefix.vectors))


@torch.no_grad()
def scored(engine: Engine, units: Sequence[Unit]) -> list[Score]:
    """A score for each unit."""
    rows = [(request, row) for unit in units for request, row in zip(unit.requests, unit.rows, strict=True)]
    logp: dict[int, Tensor] = {}
    for places in alike([prompt_length(*row) + row[1].answer for row in rows]):
        logp |= zip(places, _answer_logp(engine, [rows[place] for place in places]), strict=True)
    scores, at = [], 0
    for unit in units:
        own = torch.stack([logp[at + i] for i in range(len(unit.rows))])  # (rows, answer tokens, vocabulary)
        scores.append(Score(_logprobs(own, unit), unit.rows[0].chars, unit.prompt_tokens))
        at += len(unit.rows)
    return scores


def _answer_logp(engine: Engine, rows: Sequence[tuple[Request, Encoded]]) -> list[Tensor]:
    """(answer tokens, vocabulary) for each row, its memory included."""
    bends = bends_of([request for request, _ in rows], device=engine.device, dtype=engine.dtype)
    encoded = [row for _, row in rows]
    if not any(request.memory for request, _ in rows):
        return _lines(engine.answer_logits(encoded, bends), encoded)
    logits, states = engine.answer_states(encoded, bends, max(row.answer for row in encoded) + 1)
    return [_recalled(line, own, *row) for line, own, row in zip(_lines(logits[:, :-1], encoded), states, rows, strict=True)]


def _lines(logits: Tensor, rows: Sequence[Encoded]) -> list[Tensor]:
    return [line[len(line) - row.answer :].float().log_softmax(dim=-1) for line, row in zip(logits, rows, strict=True)]


def _recalled(logp: Tensor, states: Tensor, request: Request, row: Encoded) -> Tensor:
    if request.memory is None or not row.answer:
        return logp
    answer = row.ids[row.prompt :]
    return Recall(request.memory, logp.device)(logp, states, [answer[:i] for i in range(row.answer)])


def _logprobs(logp: Tensor, unit: Unit) -> tuple[float, ...]:
    row = unit.rows[0]
    targets = torch.tensor(row.ids[row.prompt :], dtype=torch.long, device=logp.device)
    chosen = join(logp, [unit.blend])[0].gather(-1, targets[:, None])[:, 0]
    return tuple(chosen.tolist())
