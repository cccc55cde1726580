"""Bottlenecks in series with the model's modules, a small network for each job behind each of them (arXiv:1902.00751).

To a module's output y is added W_up relu(W_down y + b_down) + b_up; the weights and biases of all modules are what is learnt. In the form
that requests carry, A is (W_down, b_down) over a row (0, ..., 0, 1), and B is (W_up, b_up).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends, Bottleneck
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.training.sft import array_of, in_rows, paths_of
from idiolect.types import Adapter

BEHIND = ("o_proj", "down_proj")  # where attention and feed-forward leave for the residual stream


def bottlenecks(
    lm: LM, jobs: Sequence[Sequence[Pair]], *, size: int, plan: Plan, modules: Sequence[str] = BEHIND, names: Sequence[str] = ()
) -> list[Adapter]:
    """For each job, bottlenecks of `size` units behind each of `modules`, trained on its pairs; their requests' bends hold meanwhile.

    Where the model has none of `modules`, GPT-2's `c_proj` are taken, which are both. A job without pairs gives bottlenecks that add
    nothing: W_up and b_up are zero.
    Raises RequestError for a size below 1, ModelError for modules that are not there and for a model that cannot be trained.
    """
    if size < 1:
        raise RequestError(f"a bottleneck of {size} units holds nothing: give a size of 1 or more")
    model = local(lm, "fine-tuning")
    learner = Series(model, paths_of(model, modules, "c_proj"), size, plan.seed)
    trained = train(model, jobs, learner, plan)
    return [learner.adapter(one, name) for one, name in zip(trained, names or [""] * len(jobs), strict=True)]


class Series(Learner):
    """W_down, drawn uniform in +-1/sqrt(outputs) from the seed alone, and b_down, W_up and b_up, zero at first."""

    def __init__(self, lm: LocalLM, paths: Sequence[str], size: int, seed: int) -> None:
        self.outputs = {path: linears(lm.model)[path][1] for path in paths}
        self.size, self.seed, self.device = size, seed, lm.engine.device

    def start(self, jobs: int) -> dict[str, Tensor]:
        chance, made = torch.Generator().manual_seed(self.seed), dict[str, Tensor]()
        for path, width in self.outputs.items():
            down = torch.zeros(self.size, width + 1)
            down[:, :width] = (torch.rand(self.size, width, generator=chance) * 2 - 1) / width**0.5
            made[f"{path}|A"] = down.repeat(jobs, 1, 1).to(self.device).requires_grad_()
            made[f"{path}|B"] = torch.zeros(jobs, self.size + 1, width, device=self.device).requires_grad_()
        return made

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        own: Bottleneck = {path: (self._with_bias(parameters[f"{path}|A"]), parameters[f"{path}|B"]) for path in self.outputs}
        bends, own = in_rows(bends, own, jobs)
        return bends.beside({}, own)

    def adapter(self, parameters: Mapping[str, Tensor], name: str) -> Adapter:
        """Trained parameters of one job in the form that requests carry: A (size + 1, outputs + 1), B (outputs, size + 1)."""
        modules = {path: (array_of(self._with_bias(parameters[f"{path}|A"])), array_of(parameters[f"{path}|B"].T)) for path in self.outputs}
        return Adapter(modules, name=name, activation="relu")

    def _with_bias(self, down: Tensor) -> Tensor:
        """(..., size, outputs + 1), and below it the row that is 1 whatever comes: its column of B is b_up."""
        one = down.new_zeros(*down.shape[:-2], 1, down.shape[-1])
        one[..., -1] = 1.0
        return torch.cat([down, one], dim=-2)
