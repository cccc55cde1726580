"""(IA)3: a vector for each job scales what a module gives, or what it is given (arXiv:2205.05638); exact as an adapter.

Scaling the output of W by l is W x + diag(l - 1) W x: an adapter with A = W and B = diag(l - 1). Scaling its input is the one with
A = diag(l - 1) and B = W. What is learnt and kept is l - 1 alone, a number a channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import outputs_first
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.types import Adapter, Floats

Vectors = Mapping[str, Floats]  # "<module's path>|out" (outputs,) or "<module's path>|in" (inputs,): how much more than 1


def gains(lm: LM, jobs: Sequence[Sequence[Pair]], given: Sequence[str], taken: Sequence[str], plan: Plan) -> list[dict[str, Floats]]:
    """For each job, l - 1 for the outputs of modules named `given` and the inputs of modules named `taken`; zeros without pairs."""
    model = local(lm, "fine-tuning")
    trained = train(model, jobs, Gains(model, given, taken), plan)
    return [{name: vector.float().cpu().numpy().copy() for name, vector in one.items()} for one in trained]


def scaled(lm: LM, vectors: Vectors, name: str = "") -> Adapter:
    """The vectors as an adapter of `lm`, which is exact and as large as the weights that it scales."""
    model, made = local(lm, "reading weights"), dict[str, tuple[Floats, Floats]]()
    for place, vector in vectors.items():
        path, _, side = place.rpartition("|")
        weight, diagonal = weight_of(model, path).numpy(), np.diag(vector).astype(np.float32)
        made[path] = (weight, diagonal) if side == "out" else (diagonal, weight)
    return Adapter(made, name=name)


@torch.no_grad()
def weight_of(lm: LocalLM, path: str) -> Tensor:
    """A linear module's weight (outputs, inputs), in fp32."""
    return outputs_first(lm.model.get_submodule(path)).float().cpu().contiguous()


class Gains(Learner):
    """A vector for each module, zero at first: a module scaled by one is as it was."""

    def __init__(self, lm: LocalLM, given: Sequence[str], taken: Sequence[str]) -> None:
        self.device = lm.engine.device
        sides = {"out": lm.linear_paths(given), "in": lm.linear_paths(taken)}
        self.weights = {f"{path}|{side}": weight_of(lm, path).to(self.device) for side, paths in sides.items() for path in paths}

    def start(self, jobs: int) -> dict[str, Tensor]:
        sizes = {place: weight.shape[0 if place.endswith("|out") else 1] for place, weight in self.weights.items()}
        return {place: torch.zeros(jobs, size, device=self.device).requires_grad_() for place, size in sizes.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        lora = {}
        for place, weight in self.weights.items():
            path, _, side = place.rpartition("|")
            diagonal = torch.diag_embed(parameters[place][jobs])
            if side == "out":
                lora[path] = (weight.expand(len(jobs), -1, -1), diagonal)
            else:
                lora[path] = (diagonal, weight.T.expand(len(jobs), -1, -1))
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(lora)
