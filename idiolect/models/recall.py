"""A person's memory at work: what its entries say of the next token, mixed with what the model says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from idiolect.types import Memory

BEFORE = -1  # stands for the tokens before an answer's first


class Recall:
    """A memory as tensors on the model's device."""

    def __init__(self, memory: Memory, device: torch.device) -> None:
        self.near, self.same, self.temperature = memory.near, memory.same, memory.temperature
        self.keys = torch.tensor(memory.keys, dtype=torch.float32, device=device)
        self.contexts = torch.tensor(memory.contexts, dtype=torch.long, device=device)
        self.values = torch.tensor(memory.values, dtype=torch.long, device=device)

    def __call__(self, logp: Tensor, states: Tensor, answers: Sequence[Sequence[int]]) -> Tensor:
        """Log-probabilities (n, vocabulary) of the model and the memory together, from the model's own.

        `states` (n, width) are what the head made `logp` of; `answers` has the answer's tokens before each of the n.
        Shares of 0 give back `logp` itself.
        """
        if not self.near + self.same:
            return logp
        votes, left = torch.zeros_like(logp), torch.full_like(logp[:, :1], 1 - (self.near + self.same))
        if self.near:
            votes.index_add_(1, self.values, self.near * self._nearness(states.float()))
        if self.same:
            agree = self._agreement(answers)
            found = agree.sum(dim=1, keepdim=True)
            votes.index_add_(1, self.values, self.same * agree / found.clamp(min=1))
            left = torch.where(found > 0, left, left + self.same)
        return torch.logaddexp(logp + left.log(), votes.log())

    def _nearness(self, states: Tensor) -> Tensor:
        """(n, entries), adding up to 1."""
        apart = torch.cdist(states, self.keys, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.softmax(-(apart**2) / self.temperature, dim=1)

    def _agreement(self, answers: Sequence[Sequence[int]]) -> Tensor:
        """(n, entries): 1 where the context agrees longest, from its end, and by a token at least."""
        order = self.contexts.shape[1]
        last = [[BEFORE] * (order - len(answer)) + list(answer[max(0, len(answer) - order) :]) for answer in answers]
        equal = torch.tensor(last, device=self.contexts.device)[:, None] == self.contexts
        length = equal.flip(-1).cumprod(dim=-1).sum(dim=-1)
        return ((length == length.amax(dim=1, keepdim=True)) & (length > 0)).float()
