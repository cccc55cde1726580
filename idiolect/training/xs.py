"""LoRA-XS: between fixed factors of a module's own weight, a small square matrix is learnt for each job (arXiv:2405.17604)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.places import outputs_first
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.training.sft import PLAN, lora
from idiolect.types import Adapter, Floats

Factors = Mapping[str, Floats]  # "<module's path>|A" (rank, inputs), "<module's path>|B" (outputs, rank)


@torch.no_grad()
def factors(lm: LM, modules: Sequence[str], rank: int) -> dict[str, Floats]:
    """The `rank` largest singular directions of each module's weight: A = V^T, B = U S. They depend on the model alone.

    Raises RequestError for a rank that a module does not have.
    """
    model, made = local(lm, "reading weights"), dict[str, Floats]()
    for path, size in lora(lm, 1, rank, rank, modules, PLAN).shapes.items():
        if rank > min(size):
            raise RequestError(f"{path} is {size} (inputs, outputs) and has no {rank} directions; take 1 to {min(size)}")
        u, s, v = torch.linalg.svd(outputs_first(model.model.get_submodule(path)).float().cpu(), full_matrices=False)
        made[f"{path}|A"] = v[:rank].contiguous().numpy()
        made[f"{path}|B"] = (u[:, :rank] * s[:rank]).contiguous().numpy()
    return made


def between(lm: LM, jobs: Sequence[Sequence[Pair]], fixed: Factors, plan: Plan) -> list[dict[str, Floats]]:
    """For each job and module, the matrix R (rank, rank) that goes between its fixed factors; zeros for a job without pairs."""
    model = local(lm, "fine-tuning")
    trained = train(model, jobs, Between(fixed, model.engine.device), plan)
    return [{path: r.float().cpu().numpy().copy() for path, r in one.items()} for one in trained]


def joined(fixed: Factors, middle: Mapping[str, Floats], name: str = "") -> Adapter:
    """The fixed factors and what was learnt between them as one adapter: A = R V^T, B = U S."""
    return Adapter({path: (r @ fixed[f"{path}|A"], fixed[f"{path}|B"]) for path, r in middle.items()}, name=name)


class Between(Learner):
    """R for each module, zero at first: a gradient reaches it all the same, because neither factor is zero."""

    def __init__(self, fixed: Factors, device: torch.device) -> None:
        self.device = device
        self.fixed = {name: torch.tensor(array, device=device) for name, array in fixed.items()}
        self.paths = [name.removesuffix("|A") for name in fixed if name.endswith("|A")]

    def start(self, jobs: int) -> dict[str, Tensor]:
        ranks = {path: len(self.fixed[f"{path}|A"]) for path in self.paths}
        return {path: torch.zeros(jobs, rank, rank, device=self.device).requires_grad_() for path, rank in ranks.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        lora = {}
        for path in self.paths:
            down, up = self.fixed[f"{path}|A"], self.fixed[f"{path}|B"].T
            lora[path] = (parameters[path][jobs] @ down, up.expand(len(jobs), -1, -1))
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(lora)
