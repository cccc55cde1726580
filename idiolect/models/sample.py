"""Drawing the next token of each row, with a generator of its own: the draw does not depend on who shares the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from idiolect.types import Sampling

HEAD = 512  # the likeliest tokens hold the nucleus, almost always: sorting a whole vocabulary is slow


def generator(seed: int) -> torch.Generator:
    """A row's own source of chance; any integer will do."""
    return torch.Generator().manual_seed(seed % 2**63)


def pick(logp: Tensor, samplings: Sequence[Sampling], generators: Sequence[torch.Generator]) -> list[int]:
    """One token for each row of `logp` (rows, vocabulary; a row need not be normalized): the likeliest at temperature 0, else a draw."""
    chosen: list[int] = logp.argmax(dim=-1).tolist()
    drawn = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0]
    if drawn:
        chance = _distribution(logp[drawn], [samplings[row] for row in drawn])
        uniform = torch.cat([torch.rand(1, generator=generators[row], dtype=torch.float64) for row in drawn])
        for row, token in zip(drawn, _draw(chance, uniform.to(chance.device)), strict=True):
            chosen[row] = token
    return chosen


def _distribution(logp: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """Probabilities in double precision: after temperature, only the nucleus of mass `top_p` is left (not normalized)."""
    temperature = logp.new_tensor([s.temperature for s in samplings], dtype=torch.float64)[:, None]
    chance = torch.softmax(logp.double() / temperature, dim=-1)
    if all(s.top_p == 1 for s in samplings):
        return chance
    top_p = logp.new_tensor([s.top_p for s in samplings], dtype=torch.float64)[:, None]
    ordered, order = chance.topk(min(HEAD, chance.shape[-1]), dim=-1)
    if (ordered.sum(dim=-1, keepdim=True) < top_p).any():
        ordered, order = chance.sort(dim=-1, descending=True)
    inside = ordered.cumsum(dim=-1) - ordered < top_p  # the likeliest token is always inside
    kept = torch.zeros_like(chance, dtype=torch.bool).scatter(-1, order, inside) | (top_p == 1)
    return chance.masked_fill(~kept, 0.0)


def _draw(chance: Tensor, uniform: Tensor) -> list[int]:
    """By the inverse of the distribution in vocabulary order, where a rounding error in the logits moves next to nothing."""
    reached = chance.cumsum(dim=-1)
    tokens = torch.searchsorted(reached, uniform[:, None] * reached[:, -1:], right=True)[:, 0]
    return [int(token) for token in tokens.clamp(max=chance.shape[-1] - 1)]
