"""How the next-token distributions of a request and its companions become one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.types import Gate, Guide, Request

RULES = ("geometric", "arithmetic", "harmonic", "ratios")
LOWEST = -1e30  # stands for the logarithm of 0 where something is divided by it


@dataclass(frozen=True, slots=True)
class Blend:
    """One rule and the weights of one group of rows, the request's own first; the rest as in `Guide`, voices counted by rows.

    Rows of one model stand together, those of the request's own first; `models` names each row's, or nothing where there is one model.
    """

    weights: tuple[float, ...] = (1.0,)
    rule: str = "geometric"
    against: tuple[int, ...] = ()
    judge: int | None = 0
    top: int = 0
    plausible: float = 0.0
    gate: Gate | None = None
    models: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether what the one voice says stands as it is."""
        return self.weights == (1.0,) and not (self.top or self.plausible)


def voices(request: Request) -> tuple[tuple[Request, ...], Blend]:
    """The rows a request needs, its own first, and how they join. A companion that neither weighs nor divides nor judges gets no row.

    Raises RequestError for a rule that does not exist, for weights that make no distribution, and for voices that are not there.
    """
    if request.guide is None:
        return (request,), Blend()
    guide, names = request.guide, models_of(request.guide)
    _refused(guide)
    weighing = {voice for voice, weight in enumerate(guide.weights) if weight}
    divisors = {guide.against[voice] for voice in weighing} if guide.rule == "ratios" else set()
    judges = {guide.judge} if (guide.top or guide.plausible) and guide.judge is not None else set()
    heard = sorted({0} | weighing | divisors | judges, key=lambda voice: (names[voice], voice))
    row = {voice: place for place, voice in enumerate(heard)}
    blend = Blend(
        tuple(guide.weights[voice] for voice in heard),
        guide.rule,
        tuple(row.get(guide.against[voice], 0) for voice in heard) if guide.rule == "ratios" else (),
        row[guide.judge] if judges and guide.judge is not None else None if guide.judge is None else 0,
        guide.top,
        guide.plausible,
        guide.gate and replace(guide.gate, vectors=guide.gate.vectors[heard]),
        tuple(names[voice] for voice in heard) if any(names[voice] for voice in heard) else (),
    )
    return tuple((request, *guide.companions)[voice] for voice in heard), blend


def models_of(guide: Guide | None) -> tuple[str, ...]:
    """The name of each voice's model, "" for the request's own. Raises RequestError where not every companion has one."""
    companions = guide.companions if guide else ()
    if guide and len(guide.models) not in (0, len(companions)):
        raise RequestError(f"{len(guide.models)} models for {len(companions)} companions: name one for each, or none")
    return ("", *(guide.models if guide and guide.models else [""] * len(companions)))


def _refused(guide: Guide) -> None:
    count, there = len(guide.weights), range(len(guide.weights))
    if guide.rule not in RULES:
        raise RequestError(f"no rule is named {guide.rule!r}: take one of {', '.join(RULES)}")
    if not all(map(math.isfinite, guide.weights)):
        raise RequestError(f"weights of a guide are numbers, not {guide.weights}")
    if (guide.rule != "geometric" or guide.gate) and (min(guide.weights) < 0 or not any(guide.weights)):
        why = f"a guide of the rule {guide.rule!r}{' with a gate' if guide.gate else ''} takes a mean"
        raise RequestError(f"{why}: its weights are 0 or more, not all 0, not {guide.weights}")
    if guide.rule == "ratios" and (len(guide.against) != count or not all(voice in there for voice in guide.against)):
        raise RequestError(
            f"a guide of ratios names for each of its {count} voices, 0 to {count - 1}, the one against it, not {guide.against}"
        )
    if guide.judge is not None and guide.judge not in there:
        raise RequestError(f"there is no voice {guide.judge} to judge candidates: the guide has 0 to {count - 1}")
    if guide.top < 0 or not 0 <= guide.plausible <= 1:
        raise RequestError(
            f"candidates are the top 1 or more (0: all), at least 0 to 1 of the likeliest, not {guide.top}, {guide.plausible}"
        )
    if guide.gate is not None and len(guide.gate.vectors) != count:
        raise RequestError(f"the gate weighs {len(guide.gate.vectors)} voices and the guide has {count}")


def join(logp: Tensor, blends: Sequence[Blend], states: Sequence[Tensor | None] | Tensor = ()) -> Tensor:
    """Log-probabilities (groups, ..., vocabulary) from those (rows, ..., vocabulary) of all groups' rows, group after group.

    `states` has (..., width) for each row, as the head was given it, where a group with a gate begins.
    """
    if all(blend.alone for blend in blends):
        return logp
    starts = [0, *accumulate(len(blend.weights) for blend in blends)]
    made = logp.new_empty(len(blends), *logp.shape[1:])
    for kind in dict.fromkeys(map(_kind, blends)):
        places = [place for place, blend in enumerate(blends) if _kind(blend) == kind]
        rows = [[starts[place] + voice for voice in range(len(blends[place].weights))] for place in places]
        own, like = logp[torch.tensor(rows, device=logp.device)], [blends[place] for place in places]
        if like[0].alone:
            made[places] = own[:, 0]
        else:
            scale = _gated(own, like, [states[starts[place]] for place in places]) if like[0].gate else _fixed(own, like)
            made[places] = _joined(own, scale, like[0])
    return made


def _kind(blend: Blend) -> tuple[object, ...]:
    """Blends of one kind differ in numbers alone, and are joined together."""
    return len(blend.weights), blend.rule, blend.against, blend.judge, blend.top, blend.plausible, blend.alone, blend.gate is None


def _fixed(logp: Tensor, blends: Sequence[Blend]) -> Tensor:
    """Weights (groups, voices, ..., 1)."""
    return logp.new_tensor([blend.weights for blend in blends]).view(*logp.shape[:2], *[1] * (logp.dim() - 2))


def _gated(logp: Tensor, blends: Sequence[Blend], states: Sequence[Tensor | None]) -> Tensor:
    """Weights (groups, voices, ..., 1) that each group's gate makes of its request's state (..., width)."""
    made = []
    for blend, state in zip(blends, states, strict=True):
        if blend.gate is not None and state is not None:
            vectors = logp.new_tensor(blend.gate.vectors)
            scores = state.to(logp.dtype) @ vectors[:, :-1].T + vectors[:, -1] + logp.new_tensor(blend.weights).log()
            made.append(scores.softmax(dim=-1).movedim(-1, 0)[..., None])
    return torch.stack(made)


def _joined(logp: Tensor, scale: Tensor, blend: Blend) -> Tensor:
    """(groups, ..., vocabulary) from (groups, voices, ..., vocabulary), where the blends are of one kind. Each is normalized."""
    if blend.rule == "arithmetic":
        made = torch.logsumexp(logp + scale.log(), dim=1)
    elif blend.rule == "harmonic":
        made = -torch.logsumexp(scale.log() - logp.clamp(min=LOWEST), dim=1)
    elif blend.rule == "ratios":
        made = torch.logsumexp(scale.log() + logp - logp[:, blend.against].clamp(min=LOWEST), dim=1)
    else:
        spoken = scale * torch.where(scale < 0, logp.clamp(min=LOWEST), logp)
        made = torch.where(scale == 0, torch.zeros_like(logp), spoken).sum(dim=1)  # 0 times -inf is 0 here
    if blend.top or blend.plausible:
        made = made.masked_fill(~_candidates(logp, scale, blend), -torch.inf)
    return torch.log_softmax(made, dim=-1)


def _candidates(logp: Tensor, scale: Tensor, blend: Blend) -> Tensor:
    """(groups, ..., vocabulary): whether a token may be written. Tokens as likely as the last of the `top` are candidates too."""
    heard = torch.logsumexp(logp + scale.clamp(min=0).log(), dim=1) if blend.judge is None else logp[:, blend.judge]
    least = heard.amax(dim=-1, keepdim=True) + math.log(blend.plausible) if blend.plausible else heard.new_full((), -torch.inf)
    if 0 < blend.top < heard.shape[-1]:
        least = torch.maximum(least, heard.topk(blend.top, dim=-1).values[..., -1:])
    return heard >= least
