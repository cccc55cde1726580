"""How the next-token distributions of a request and its companions become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.types import Request


@dataclass(frozen=True, slots=True)
class Blend:
    """One rule and the weights of one group of rows; the request's own weight is the first."""

    weights: tuple[float, ...] = (1.0,)
    rule: str = "geometric"


def voices(request: Request) -> tuple[tuple[Request, ...], Blend]:
    """The rows a request needs, its own first, and how they join. A companion of weight 0 says nothing and gets no row.

    Raises RequestError for a rule that does not exist, and for weights that make no distribution.
    """
    if request.guide is None:
        return (request,), Blend()
    guide = request.guide
    if guide.rule not in ("geometric", "arithmetic"):
        raise RequestError(f"no rule is named {guide.rule!r}: 'geometric' or 'arithmetic'")
    if guide.rule == "arithmetic" and (min(guide.weights) < 0 or not any(guide.weights)):
        raise RequestError(f"an arithmetic guide averages probabilities: its weights are 0 or more, not all 0, not {guide.weights}")
    heard = [(companion, weight) for companion, weight in zip(guide.companions, guide.weights[1:], strict=True) if weight]
    rows = (request, *(companion for companion, _ in heard))
    return rows, Blend((guide.weights[0], *(weight for _, weight in heard)), guide.rule)


def join(logp: Tensor, blends: Sequence[Blend]) -> Tensor:
    """Log-probabilities (groups, ..., vocabulary) from those (rows, ..., vocabulary) of all groups' rows, group after group.

    geometric: the weighted sum of log-probabilities; arithmetic: the log of the weighted mean of probabilities; each normalized.
    """
    if all(blend.weights == (1.0,) for blend in blends):
        return logp
    starts = [0, *accumulate(len(blend.weights) for blend in blends)]
    made = logp.new_empty(len(blends), *logp.shape[1:])
    for kind in dict.fromkeys(map(_kind, blends)):
        places = [place for place, blend in enumerate(blends) if _kind(blend) == kind]
        rows = [[starts[place] + voice for voice in range(len(blends[place].weights))] for place in places]
        made[places] = _joined(logp[torch.tensor(rows, device=logp.device)], [blends[place] for place in places])
    return made


def _kind(blend: Blend) -> tuple[str, int, bool]:
    return blend.rule, len(blend.weights), blend.weights == (1.0,)


def _joined(logp: Tensor, blends: Sequence[Blend]) -> Tensor:
    """(groups, ...) from (groups, voices, ...), where the blends are of one kind."""
    if blends[0].weights == (1.0,):
        return logp[:, 0]
    scale = logp.new_tensor([blend.weights for blend in blends]).view(*logp.shape[:2], *[1] * (logp.dim() - 2))
    if blends[0].rule == "arithmetic":
        return torch.logsumexp(logp + scale.log(), dim=1) - scale.sum(dim=1).log()
    spoken = torch.where(scale == 0, torch.zeros_like(logp), scale * logp)  # 0 times -inf is 0 here
    return torch.log_softmax(spoken.sum(dim=1), dim=-1)
