"""LoRA experts that traits share, and a loss that makes different traits take different ones: the primitive of P-Tailor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.training.sft import LoRA, lora
from idiolect.types import Adapter, Floats

WIDTH = 16  # of a trait's embedding


def specialists(
    lm: LM,
    pairs: Sequence[Pair],
    traits: Floats,
    *,
    size: tuple[int, int],
    modules: Sequence[str],
    specialization: float,
    plan: Plan,
) -> tuple[list[Adapter], Floats]:
    """Experts, as many and of the rank that `size` says, and the routes (traits, experts): how much of each a trait takes, rows with sum 1.

    `traits` (pairs, traits) says in what shares, with sum 1, the author of each pair has each trait; a pair takes the experts by the
    mean of its traits' routes. `specialization` is the weight of `overlap` in the loss. Bends of the pairs' requests hold.
    """
    count, rank = size
    if traits.ndim != 2 or len(traits) != len(pairs) or min(count, rank) < 1:
        raise RequestError(f"{len(pairs)} pairs need traits (pairs, traits), not {traits.shape}, and experts: {count} of rank {rank}")
    inner = lora(lm, 1, count * rank, count * rank, modules, plan)  # the scale is 1
    trained = train(local(lm, "training experts"), [pairs], Specialists(inner, count, traits, specialization, plan), plan)[0]
    both = inner.adapter(trained, "")
    made = [_slice(both, slice(i * rank, (i + 1) * rank), f"expert {i}") for i in range(count)]
    return made, routes(trained["traits"], trained["router"]).cpu().numpy()


class Specialists(Learner):
    """A and B of all experts, ranks side by side in one LoRA; an embedding for each trait; the router from it to the experts' shares."""

    def __init__(self, inner: LoRA, count: int, traits: Floats, specialization: float, plan: Plan) -> None:
        self.inner, self.count = inner, count
        self.traits = torch.from_numpy(np.asarray(traits, np.float32)).to(inner.device)  # of each pair's author
        self.specialization, self.plan = specialization, plan

    def start(self, jobs: int) -> dict[str, Tensor]:
        drawn = torch.Generator().manual_seed(self.plan.seed)
        made = {
            "traits": torch.randn(self.traits.shape[1], WIDTH, generator=drawn),
            "router": torch.randn(WIDTH, self.count, generator=drawn) / WIDTH**0.5,
        }
        own = {name: value.repeat(jobs, 1, 1).to(self.inner.device).requires_grad_() for name, value in made.items()}
        return self.inner.start(jobs) | own

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        taken = routes(parameters["traits"][0], parameters["router"][0])
        weight = self.specialization * len(places) / self.plan.batch  # a step may be taken in parts
        if taken.requires_grad:
            taken.register_hook(lambda grad: grad + weight * overlap_gradient(taken.detach()))  # type: ignore[no-untyped-call]  # torch's
        each = self.inner.rank // self.count
        shares = (self.traits[places.to(self.inner.device)] @ taken).repeat_interleave(each, dim=1)  # (rows, all ranks)
        jobs, own = jobs.to(self.inner.device), {}
        for path in self.inner.shapes:
            own[path] = (parameters[f"{path}|A"][jobs], parameters[f"{path}|B"][jobs] * shares[:, :, None])
        return bends.rows(torch.arange(len(jobs), device=self.inner.device)).beside(own)


def routes(traits: Tensor, router: Tensor) -> Tensor:
    """(traits, experts): the softmax of what the router (width, experts) makes of each trait's embedding (width,)."""
    return torch.softmax(traits @ router, dim=1)


def overlap(taken: Tensor) -> Tensor:
    """The specialization loss of routes (traits, experts): the product of two different traits' routes, averaged over all pairs.

    0 where no two traits share an expert, 1 where all take one and the same.
    """
    alike = taken @ taken.T
    return (alike.sum() - alike.diagonal().sum()) / _pairs(taken)


def overlap_gradient(taken: Tensor) -> Tensor:
    """The gradient of `overlap`, (traits, experts)."""
    return 2 * (taken.sum(dim=0) - taken) / _pairs(taken)


def _pairs(taken: Tensor) -> int:
    return max(len(taken) * (len(taken) - 1), 1)


def _slice(adapter: Adapter, ranks: slice, name: str) -> Adapter:
    return Adapter({path: (a[ranks].copy(), b[:, ranks].copy()) for path, (a, b) in adapter.modules.items()}, adapter.scale, name)
