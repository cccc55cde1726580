"""How the next-token distributions of a request and its companions become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def join(logits: Tensor, blends: Sequence[Blend]) -> Tensor:
    """Log-probabilities (groups, ..., vocabulary) from the logits (rows, ..., vocabulary) of all groups' rows, group after group.

    geometric: the weighted sum of log-probabilities; arithmetic: the log of the weighted mean of probabilities; each normalized.
    """
    logp = torch.log_softmax(logits.float(), dim=-1)
    if all(blend.weights == (1.0,) for blend in blends):
        return logp
    made, start = [], 0
    for blend in blends:
        rows = logp[start : start + len(blend.weights)]
        made.append(_joined(rows, blend))
        start += len(blend.weights)
    return torch.stack(made)


def _joined(logp: Tensor, blend: Blend) -> Tensor:
    if blend.weights == (1.0,):
        return logp[0]
    weights = torch.tensor(blend.weights, device=logp.device).view(-1, *[1] * (logp.dim() - 1))
    if blend.rule == "arithmetic":
        return torch.logsumexp(logp + weights.log(), dim=0) - weights.sum().log()
    spoken = torch.where(weights == 0, torch.zeros_like(logp), weights * logp)  # 0 times -inf is 0 here
    return torch.log_softmax(spoken.sum(dim=0), dim=-1)
