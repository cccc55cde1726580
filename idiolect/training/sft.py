"""Supervised fine-tuning of LoRA adapters: people's pairs in, their adapters out, in one pass (Hu et al., ICLR 2022, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.loop import Learner, Pair, Plan, Progress, local, train
from idiolect.types import Adapter, Floats

PLAN = Plan()


def sft(
    lm: LM,
    jobs: Sequence[Sequence[Pair]],
    *,
    rank: int = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan = PLAN,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Adapter]:
    """One adapter for each job, trained on the answers of its pairs (end token included); bends of a pair's request hold while it trains.

    `modules` are last names of linear layers; where the model has none of them, GPT-2's `c_attn` is taken.
    A job without pairs gives an adapter that changes nothing (B is zero). Raises ModelError for a model that cannot be trained.
    """
    model = local(lm, "fine-tuning")
    if rank < 1 or not modules:
        raise RequestError(f"an adapter of rank {rank} on the modules {list(modules)} holds nothing: give a rank of 1 or more and modules")
    learner = LoRA(model, _paths(model, modules), rank, alpha / rank, plan.seed)
    trained = train(model, jobs, learner, plan, progress)
    return [learner.adapter(parameters, name) for parameters, name in zip(trained, names or [""] * len(jobs), strict=True)]


class LoRA(Learner):
    """A and B for each adapted module: A drawn as PEFT draws it, uniform in +-1/sqrt(inputs), from the seed alone; B zero."""

    def __init__(self, lm: LocalLM, paths: Sequence[str], rank: int, scale: float, seed: int) -> None:
        self.rank, self.scale, self.seed = rank, scale, seed
        sizes = linears(lm.model)
        self.shapes = {path: sizes[path] for path in paths}  # (inputs, outputs)
        self.device = lm.engine.device

    def start(self, jobs: int) -> dict[str, Tensor]:
        drawn = torch.Generator().manual_seed(self.seed)
        made: dict[str, Tensor] = {}
        for path, (inputs, outputs) in self.shapes.items():
            a = (torch.rand(self.rank, inputs, generator=drawn) * 2 - 1) / inputs**0.5
            made[f"{path}|A"] = a.repeat(jobs, 1, 1).to(self.device).requires_grad_()
            made[f"{path}|B"] = torch.zeros(jobs, self.rank, outputs, device=self.device).requires_grad_()
        return made

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        lora = {path: (parameters[f"{path}|A"], parameters[f"{path}|B"] * self.scale) for path in self.shapes}
        if bends.jobs is None:  # the requests carry one mixture at most: it stands beside every job's own
            return replace(bends.beside(lora), jobs=jobs)
        gathered = {path: (a[jobs], b[jobs]) for path, (a, b) in lora.items()}
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(gathered)

    def adapter(self, parameters: Mapping[str, Tensor], name: str) -> Adapter:
        """Trained parameters of one job in the form that requests carry: A (rank, in), B (out, rank)."""
        modules = {path: (_array(parameters[f"{path}|A"]), _array(parameters[f"{path}|B"].T)) for path in self.shapes}
        return Adapter(modules, self.scale, name)


def _array(value: Tensor) -> Floats:
    made: Floats = value.detach().float().cpu().contiguous().numpy().copy()
    return made


def _paths(model: LocalLM, modules: Sequence[str]) -> list[str]:
    there = {path.rpartition(".")[2] for path in linears(model.model)}
    if "c_attn" in there and not there & set(modules):
        return model.linear_paths(["c_attn"])  # GPT-2 keeps query, key and value in one
    return model.linear_paths(modules)
