"""AdamW over stacked parameters; each job has its own step count, rate and gradient norm (Loshchilov and Hutter, arXiv:1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """`parameters` are (jobs, ...) tensors that require gradients; what happens to one job never touches another's numbers."""

    def __init__(self, parameters: Mapping[str, Tensor], weight_decay: float, clip: float) -> None:
        self.parameters, self.weight_decay, self.clip = list(parameters.values()), weight_decay, clip
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = torch.zeros(self.parameters[0].shape[0])

    @torch.no_grad()
    def step(self, rates: Tensor) -> list[int]:
        """One step for every job whose rate (jobs,) is above 0; returns the jobs left out because their gradient is not finite."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        norms = torch.stack([g.flatten(1).float().norm(dim=1) for g in grads]).norm(dim=0).cpu()
        moving = (rates > 0) & norms.isfinite()
        self.steps += moving
        scale = (self.clip / norms.clamp(min=self.clip)).nan_to_num()
        for p, grad, first, second in zip(self.parameters, grads, self.first, self.second, strict=True):
            self._move(p, grad, first, second, (rates, scale, moving))
            p.grad = None
        return [int(job) for job in ((rates > 0) & ~norms.isfinite()).nonzero().flatten()]

    def _move(self, p: Tensor, grad: Tensor, first: Tensor, second: Tensor, by: tuple[Tensor, Tensor, Tensor]) -> None:
        jobs = by[2].nonzero().flatten().to(p.device)
        if not len(jobs):
            return
        rate, scale, done = (_along(value.to(p.device)[jobs], p) for value in (by[0], by[1], self.steps))
        g = grad[jobs] * scale
        m = BETAS[0] * first[jobs] + (1 - BETAS[0]) * g
        v = BETAS[1] * second[jobs] + (1 - BETAS[1]) * g * g
        first[jobs], second[jobs] = m, v
        unbiased = (m / (1 - BETAS[0] ** done)) / ((v / (1 - BETAS[1] ** done)).sqrt() + EPSILON)
        p[jobs] = p[jobs] * (1 - rate * self.weight_decay) - rate * unbiased


def _along(value: Tensor, like: Tensor) -> Tensor:
    """(jobs,) as (jobs, 1, 1, ...), to multiply a stacked parameter."""
    return value.to(like.dtype).view(-1, *[1] * (like.dim() - 1))
