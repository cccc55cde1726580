"""AdamW over stacked parameters; each job has its own steps, rate, decay and gradient norm (Loshchilov and Hutter, arXiv:1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """`parameters` are (jobs, ...) tensors that require gradients; what happens to one job never touches another's numbers.

    `weight_decay` and `clip` are one number for all jobs, or (jobs,).
    """

    def __init__(self, parameters: Mapping[str, Tensor], weight_decay: float | Tensor, clip: float | Tensor) -> None:
        self.parameters = list(parameters.values())
        jobs = self.parameters[0].shape[0]
        self.weight_decay, self.clip = (torch.as_tensor(value, dtype=torch.float32).expand(jobs) for value in (weight_decay, clip))
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = torch.zeros(jobs)

    @torch.no_grad()
    def step(self, rates: Tensor) -> list[int]:
        """One step for every job whose rate (jobs,) is above 0; returns the jobs left out because their gradient is not finite."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        norms = torch.stack([g.flatten(1).float().norm(dim=1) for g in grads]).norm(dim=0).cpu()
        moving = (rates > 0) & norms.isfinite()
        self.steps += moving
        scale = (self.clip / torch.maximum(norms, self.clip)).nan_to_num()
        chosen = None if bool(moving.all()) else moving.nonzero().flatten()
        numbers = torch.stack([rates, rates * self.weight_decay, scale, self.steps])  # (4, jobs)
        for at, grad in enumerate(grads):
            if bool(moving.any()):
                self._move(at, grad, chosen, numbers if chosen is None else numbers[:, chosen])
            self.parameters[at].grad = None
        return [int(job) for job in ((rates > 0) & ~norms.isfinite()).nonzero().flatten()]

    def _move(self, at: int, grad: Tensor, chosen: Tensor | None, numbers: Tensor) -> None:
        """`chosen` are the jobs that move, with a column of `numbers` each; None: all of them, and nothing is gathered."""
        stacks = [self.parameters[at], self.first[at], self.second[at]]
        index = None if chosen is None else chosen.to(grad.device)
        p, m, v = stacks if index is None else [stack[index] for stack in stacks]
        rate, decay, scale, done = (_along(value, p) for value in numbers)
        g = (grad if index is None else grad[index]) * scale
        m.mul_(BETAS[0]).add_(g, alpha=1 - BETAS[0])
        v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
        size = torch.div(v, 1 - BETAS[1] ** done).sqrt_().add_(EPSILON)
        p.mul_(1 - decay).sub_((m / size).mul_(rate / (1 - BETAS[0] ** done)))
        if index is not None:
            for stack, value in zip(stacks, (p, m, v), strict=True):
                stack[index] = value


def _along(value: Tensor, like: Tensor) -> Tensor:
    """(jobs,) as (jobs, 1, 1, ...), to multiply a stacked parameter."""
    return value.to(device=like.device, dtype=like.dtype).view(-1, *[1] * (like.dim() - 1))
