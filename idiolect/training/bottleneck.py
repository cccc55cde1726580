"""A LoRA that everybody shares with a vector of each person's own inside its bottleneck: the primitive of PLoRA.

A linear module whose output goes straight into the residual stream, s B (A x + P e) added to it: the person's term s B P e is the
same at all positions, so that it is a steering vector after the block, and the rest is a plain adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import ModelError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import blocks, linears
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.training.sft import LoRA
from idiolect.types import Adapter, Floats


def shared(
    lm: LM, pairs: Sequence[Pair], owners: Sequence[int], *, rank: int, size: int, drop: float, plan: Plan
) -> tuple[Adapter, Floats]:
    """The LoRA that all `pairs` teach, and the maps (blocks, width, size) from a person's vector to what is added after each block.

    Pair i is person `owners[i]`'s. Each person's vector starts at zero and is left out of a pair with the chance `drop`, so that a
    newcomer, whose vector is zero, is provided for. Alpha is `rank`. Raises ModelError for a model that cannot be trained.
    """
    model = local(lm, "fine-tuning")
    if not 0 <= drop <= 1 or size < 1:
        raise ModelError(f"a vector of {size} numbers left out with the chance {drop}: give 1 number or more, and a chance of 0 to 1")
    learner = Everybody(model, outlets(model), owners, rank, size, drop, plan.seed)
    trained = train(model, [pairs], learner, plan)[0]
    maps = [(trained[f"{path}|P"] @ trained[f"{path}|B"]).T for path in learner.shapes]  # (width, size)
    return learner.adapter(trained, "plora"), np.stack([one.float().cpu().numpy() for one in maps])


def own(lm: LM, jobs: Sequence[Sequence[Pair]], maps: Floats, plan: Plan) -> list[Floats]:
    """Each job's own vector (size,), all else held; zeros for a job without pairs. The pairs' requests carry the shared LoRA."""
    model = local(lm, "fine-tuning")
    return [trained["e"].float().cpu().numpy().copy() for trained in train(model, jobs, Person(model, maps), plan)]


def outlets(lm: LocalLM) -> list[str]:
    """The last linear module of each block, first block to last: what it gives goes into the residual stream."""
    there = {id(lm.model.get_submodule(path)): path for path in linears(lm.model)}
    found = [[there[id(module)] for module in block.modules() if id(module) in there] for block in blocks(lm.model)]
    if not all(found):
        raise ModelError("a block of the model has no linear module: a LoRA has no place there")
    made = [paths[-1] for paths in found]
    if wrong := [path for path in made if linears(lm.model)[path][1] != lm.width]:
        raise ModelError(f"{wrong[0]}, the last linear module of its block, does not end in the residual stream")
    return made


class Everybody(LoRA):
    """The shared LoRA, its P (size, rank) for each block, and a vector for each person, as one job."""

    def __init__(self, lm: LocalLM, paths: Sequence[str], owners: Sequence[int], rank: int, size: int, drop: float, seed: int) -> None:
        super().__init__(lm, paths, rank, 1.0, seed)
        self.owners, self.size, self.drop = torch.tensor(owners, dtype=torch.long), size, drop
        self.chance = torch.Generator().manual_seed(seed)

    def start(self, jobs: int) -> dict[str, Tensor]:
        made, drawn = super().start(jobs), torch.Generator().manual_seed(self.seed + 1)
        for path in self.shapes:
            inner = torch.randn(self.size, self.rank, generator=drawn) / self.size**0.5
            made[f"{path}|P"] = inner.repeat(jobs, 1, 1).to(self.device).requires_grad_()
        people = int(self.owners.max()) + 1 if len(self.owners) else 1
        return made | {"e": torch.zeros(jobs, people, self.size, device=self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        kept = torch.rand(len(places), generator=self.chance) >= self.drop
        vectors = parameters["e"][0, self.owners[places]] * kept[:, None].to(self.device)
        maps = [parameters[f"{path}|P"][0] @ parameters[f"{path}|B"][0] for path in self.shapes]  # (size, width) each
        return _moved(super().bend(bends, parameters, jobs, places), [vectors @ one for one in maps])


class Person(Learner):
    """One vector for each job, through maps that are held."""

    def __init__(self, lm: LocalLM, maps: Floats) -> None:
        self.device, self.maps = lm.engine.device, torch.from_numpy(maps.copy()).to(lm.engine.device)

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {"e": torch.zeros(jobs, self.maps.shape[2], device=self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        vectors = parameters["e"][jobs.to(self.device)]
        return _moved(bends, [vectors @ one.T for one in self.maps])


def _moved(bends: Bends, moves: Sequence[Tensor]) -> Bends:
    """`bends`, and each of `moves` (rows, width) added after its block."""
    there = dict(bends.everywhere)
    return replace(bends, everywhere=there | {layer: there[layer] + move if layer in there else move for layer, move in enumerate(moves)})
