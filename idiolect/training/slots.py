"""LoRAs that a preference vector conditions, row by row: Panacea's slots beside singular values, and CLP's sum of one LoRA an objective.

Zhong, Ma, Zhang, Yang, Chen, Feng, Qi, Yang. Panacea. NeurIPS 2024, arXiv:2402.02030. Wang et al. Conditional Language Policy. Findings of
EMNLP 2024, arXiv:2407.15762. Weights are applied to the few numbers between a LoRA's two factors: rows of any weights share a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.loop import Parameters, local
from idiolect.training.policy import Policy
from idiolect.training.sft import LoRA, array_of, paths_of
from idiolect.training.specialized import shares
from idiolect.types import Adapter, Floats

SPREAD = 0.02  # standard deviation of U and V at the start


class Conditioned(Policy):
    """What both have in common: the weights of each place, and a LoRA of several parts, of which part i + 1 is multiplied by weight i."""

    device: torch.device
    weights: Tensor  # (places, objectives)

    def under(self, weights: Floats) -> Conditioned:
        own = copy(self)
        own.weights = torch.from_numpy(np.asarray(weights, np.float32)).to(self.device)
        return own

    def split(self, parameters: Parameters) -> list[Adapter]:
        """A job's trained parameters as adapters: what all weights share, and one for each objective, to be mixed in the weights."""
        raise NotImplementedError

    def mixture(self, parameters: Parameters, weights: Floats) -> Mapping[Adapter, float]:
        return mixed(self.split(parameters), weights)


def mixed(parts: Sequence[Adapter], weights: Floats) -> dict[Adapter, float]:
    """The first of `split`'s adapters whole, and each of the others in its weight; those of weight 0 are left out."""
    return shares(parts, [1.0, *weights])


class Slots(Conditioned):
    """Panacea: W + scale * U diag(s_1 .. s_k, t w_1 .. t w_m) V for each module; s and t zero at first, U and V drawn with `SPREAD`.

    U is not zero as a LoRA's B is: then s and t, and with them the weights, would get no gradient.
    """

    def __init__(self, lm: LocalLM, paths: Sequence[str], rank: int, objectives: int, scale: float, seed: int) -> None:
        if rank < 0 or objectives < 1:
            raise RequestError(f"{rank} singular values and {objectives} slots: give 0 or more, and 1 or more")
        sizes = linears(lm.model)
        self.shapes = {path: sizes[path] for path in paths}  # (inputs, outputs)
        self.rank, self.objectives, self.scale, self.seed = rank, objectives, scale, seed
        self.device, self.weights = lm.engine.device, torch.zeros(0, objectives)

    def start(self, jobs: int) -> dict[str, Tensor]:
        chance, made = torch.Generator().manual_seed(self.seed), dict[str, Tensor]()
        width = self.rank + self.objectives
        for path, (inputs, outputs) in self.shapes.items():
            own = {"V": torch.randn(width, inputs, generator=chance), "U": torch.randn(width, outputs, generator=chance)}
            own = {name: value * SPREAD for name, value in own.items()} | {"s": torch.zeros(self.rank), "t": torch.zeros(1)}
            made |= {f"{path}|{name}": value[None].repeat(jobs, *[1] * value.dim()) for name, value in own.items()}
        return {name: value.to(self.device).requires_grad_() for name, value in made.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs, own = jobs.to(self.device), {}
        weights = self.weights[places.to(self.device)]  # (rows, objectives)
        for path in self.shapes:
            middle = torch.cat([parameters[f"{path}|s"][jobs], parameters[f"{path}|t"][jobs] * weights], dim=1) * self.scale
            own[path] = (parameters[f"{path}|V"][jobs], parameters[f"{path}|U"][jobs] * middle[:, :, None])
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(own)

    def split(self, parameters: Parameters) -> list[Adapter]:
        k, names = self.rank, ["panacea", *(f"panacea slot {place + 1}" for place in range(self.objectives))]
        return [self._part(parameters, place, name, k) for place, name in enumerate(names)]

    def _part(self, parameters: Parameters, place: int, name: str, k: int) -> Adapter:
        modules = {}
        for path in self.shapes:
            v, u, s, t = (parameters[f"{path}|{what}"] for what in "VUst")
            cut, middle = (slice(0, k), s) if place == 0 else (slice(k + place - 1, k + place), t)
            modules[path] = (array_of(v[cut]), array_of((u[cut] * middle[:, None]).T))
        return Adapter(modules, self.scale, name)


class Sums(Conditioned):
    """CLP: the parameters are a shared LoRA's and, in the weights, those of one for each objective; all are LoRAs as `LoRA` starts them."""

    def __init__(self, inner: LoRA, objectives: int) -> None:
        self.inner, self.objectives = inner, objectives
        self.device, self.weights = inner.device, torch.zeros(0, objectives)

    def start(self, jobs: int) -> dict[str, Tensor]:
        made = self.inner.start(jobs)
        return {
            name: value.detach().repeat(1, self.objectives + 1, *[1] * (value.dim() - 2)).requires_grad_() for name, value in made.items()
        }

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        weights = self.weights[places.to(self.device)]
        each = torch.cat([torch.ones_like(weights[:, :1]), weights], dim=1).repeat_interleave(self.inner.rank, dim=1)
        own = {
            path: (parameters[f"{path}|A"][jobs], parameters[f"{path}|B"][jobs] * (each * self.inner.scale)[:, :, None])
            for path in self.inner.shapes
        }
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(own)

    def split(self, parameters: Parameters) -> list[Adapter]:
        rank, made = self.inner.rank, []
        for place in range(self.objectives + 1):
            cut = slice(place * rank, (place + 1) * rank)
            name = f"clp objective {place}" if place else "clp"
            made.append(self.inner.adapter({key: value[cut] for key, value in parameters.items()}, name))
        return made


def slots(lm: LM, objectives: int, *, rank: int, modules: Sequence[str], scale: float | None = None, seed: int = 0) -> Slots:
    """Panacea's learner on the modules of these names; `scale` is 512 / `rank` where it is not given, as U and V start so small."""
    model = local(lm, "preference slots")
    return Slots(model, paths_of(model, modules, "c_attn"), rank, objectives, 512 / max(rank, 1) if scale is None else scale, seed)
