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
Said = tuple[Tensor, Tensor | None]  # log-probabilities (answer tokens, vocabulary), and the states (answer tokens, width) they are made of


@dataclass(frozen=True, slots=True)
class Unit:
    """One answer to be scored: its own row and those of its companions, and how they join."""

    requests: Sequence[Request]
    rows: Sequence[Encoded]
    blend: Blend
    engines: tuple[Engine, ...] = ()  # of each row, where not all are of one

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
    gated = [unit.blend.gate is not None and voice == 0 for unit in units for voice in range(len(unit.rows))]
    engines = [one for unit in units for one in unit.engines or [engine] * len(unit.rows)]
    said: dict[int, Said] = {}
    for own_engine in dict.fromkeys(engines):
        here = [place for place, one in enumerate(engines) if one is own_engine]
        for like in alike([prompt_length(*rows[place]) + rows[place][1].answer for place in here]):
            places = [here[number] for number in like]
            own = _answer_logp(own_engine, [rows[place] for place in places], any(gated[place] for place in places))
            said |= zip(places, own, strict=True)
    scores, at = [], 0
    for unit in units:
        logp, states = zip(*(said[at + i] for i in range(len(unit.rows))), strict=True)
        scores.append(Score(_logprobs(level(logp), states, unit), unit.rows[0].chars, unit.prompt_tokens))
        at += len(unit.rows)
    return scores


def level(lines: Sequence[Tensor]) -> Tensor:
    """Voices' logits or log-probabilities (..., vocabulary) in one tensor. Models of one tokenizer may pad it to unlike lengths: cut."""
    shortest = min(line.shape[-1] for line in lines)
    if all(line.shape[-1] == shortest for line in lines):
        return torch.stack(list(lines))
    return torch.stack([line[..., :shortest].float().log_softmax(dim=-1) for line in lines])


def _answer_logp(engine: Engine, rows: Sequence[tuple[Request, Encoded]], heard: bool = False) -> list[Said]:
    """For each row, its memory included; the states where they are `heard`, or some row has a memory."""
    bends = bends_of([request for request, _ in rows], device=engine.device, dtype=engine.dtype)
    encoded = [row for _, row in rows]
    if not (heard or any(request.memory for request, _ in rows)):
        return [(line, None) for line in _lines(engine.answer_logits(encoded, bends), encoded)]
    logits, states = engine.answer_states(encoded, bends, max(row.answer for row in encoded) + 1)
    return [(_recalled(line, own, *row), own) for line, own, row in zip(_lines(logits[:, :-1], encoded), states, rows, strict=True)]


def _lines(logits: Tensor, rows: Sequence[Encoded]) -> list[Tensor]:
    return [line[len(line) - row.answer :].float().log_softmax(dim=-1) for line, row in zip(logits, rows, strict=True)]


def _recalled(logp: Tensor, states: Tensor, request: Request, row: Encoded) -> Tensor:
    if request.memory is None or not row.answer:
        return logp
    answer = row.ids[row.prompt :]
    return Recall(request.memory, logp.device)(logp, states, [answer[:i] for i in range(row.answer)])


def _logprobs(logp: Tensor, states: Sequence[Tensor | None], unit: Unit) -> tuple[float, ...]:
    row = unit.rows[0]
    targets = torch.tensor(row.ids[row.prompt :], dtype=torch.long, device=logp.device)
    chosen = join(logp, [unit.blend], states)[0].gather(-1, targets[:, None])[:, 0]
    return tuple(chosen.tolist())
