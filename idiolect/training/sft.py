"""Supervised fine-tuning of LoRA adapters: people's pairs in, their adapters out, in one pass (Hu et al., ICLR 2022, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends, Lora
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.loop import Learner, Pair, Plan, Progress, as_completed, local
from idiolect.training.plan import of_each
from idiolect.types import Adapter, Floats

PLAN = Plan()


def sft(
    lm: LM,
    jobs: Sequence[Sequence[Pair]],
    *,
    rank: int | Sequence[int] = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan | Sequence[Plan] = PLAN,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Adapter]:
    """One adapter for each job, trained on the answers of its pairs (end token included); bends of a pair's request hold while it trains.

    `modules` are last names of linear layers; where the model has none of them, GPT-2's `c_attn` is taken, which holds them.
    `rank` and `plan` are one for all jobs, or one for each. A job without pairs gives an adapter that changes nothing (B is zero).
    Raises ModelError for a model that cannot be trained.
    """
    made = dict(sft_as_completed(lm, jobs, rank=rank, alpha=alpha, modules=modules, plan=plan, progress=progress))
    return [replace(made[job], name=name) for job, name in zip(range(len(jobs)), names or [""] * len(jobs), strict=True)]


def sft_as_completed(
    lm: LM,
    jobs: Sequence[Sequence[Pair]],
    *,
    rank: int | Sequence[int] = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan | Sequence[Plan] = PLAN,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Adapter]]:
    """(job, its adapter) as `sft` finishes them, a wave at a time, to be kept at once: after a kill, only the rest is given again."""
    learner = lora(lm, len(jobs), rank, alpha, modules, plan)
    finished = as_completed(local(lm, "fine-tuning"), jobs, learner, plan, progress)
    return ((job, learner.among([job]).adapter(parameters, "")) for job, parameters in finished)


def lora(lm: LM, jobs: int, rank: int | Sequence[int], alpha: float, modules: Sequence[str], plan: Plan | Sequence[Plan]) -> LoRA:
    """The learner of adapters for so many jobs. Raises RequestError for adapters that hold nothing, ModelError for modules not there."""
    model = local(lm, "fine-tuning")
    ranks = [rank] * jobs if isinstance(rank, int) else list(rank)
    least = min(ranks, default=rank if isinstance(rank, int) else 1)
    if least < 1 or not modules:
        raise RequestError(f"an adapter of rank {least} on the modules {list(modules)} holds nothing: give a rank of 1 or more and modules")
    if len(ranks) != jobs:
        raise RequestError(f"{len(ranks)} ranks for {jobs} jobs: give one for all, or one for each")
    forms = [Form(own, alpha / own, one.seed) for own, one in zip(ranks, of_each(plan, jobs), strict=True)]
    first = forms[0] if forms else Form(least, alpha / least, 0)
    return LoRA(model, paths_of(model, modules, "c_attn"), first.rank, first.scale, first.seed, forms)


@dataclass(frozen=True)
class Form:
    """What one job's adapter is like: its rank, the scale of its product, and what its A is drawn from."""

    rank: int
    scale: float
    seed: int


class LoRA(Learner):
    """A and B for each adapted module: A drawn as PEFT draws it, uniform in +-1/sqrt(inputs), from the seed alone; B zero.

    Jobs are all of one form, or each of its own in `forms`: a smaller rank is padded with zeros, which no step moves.
    """

    def __init__(self, lm: LocalLM, paths: Sequence[str], rank: int, scale: float, seed: int, forms: Sequence[Form] = ()) -> None:
        self.forms = list(forms)
        self.rank, self.scale, self.seed = rank, scale, seed
        sizes = linears(lm.model)
        self.shapes = {path: sizes[path] for path in paths}  # (inputs, outputs)
        self.device = lm.engine.device

    def among(self, jobs: Sequence[int]) -> LoRA:
        if not self.forms:
            return self
        own = copy(self)
        own.forms = [self.forms[job] for job in jobs]
        own.rank, own.scale, own.seed = own.forms[0].rank, own.forms[0].scale, own.forms[0].seed
        return own

    def start(self, jobs: int) -> dict[str, Tensor]:
        forms = self.forms if len(self.forms) == jobs else [Form(self.rank, self.scale, self.seed)] * jobs
        drawn = {form: self._drawn(form) for form in set(forms)}
        rank, made = max((form.rank for form in forms), default=self.rank), dict[str, Tensor]()
        for path, (inputs, outputs) in self.shapes.items():
            a = torch.zeros(jobs, rank, inputs)
            for job, form in enumerate(forms):
                a[job, : form.rank] = drawn[form][path]
            made[f"{path}|A"] = a.to(self.device).requires_grad_()
            made[f"{path}|B"] = torch.zeros(jobs, rank, outputs, device=self.device).requires_grad_()
        return made

    def _drawn(self, form: Form) -> dict[str, Tensor]:
        """A for each module, (rank, inputs)."""
        chance = torch.Generator().manual_seed(form.seed)
        return {path: (torch.rand(form.rank, size[0], generator=chance) * 2 - 1) / size[0] ** 0.5 for path, size in self.shapes.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        own: Lora = {path: (parameters[f"{path}|A"], parameters[f"{path}|B"] * self._scales()) for path in self.shapes}
        bends, own = in_rows(bends, own, jobs)
        return bends.beside(own)

    def _scales(self) -> Tensor | float:
        if len({form.scale for form in self.forms}) < 2:
            return self.scale
        return torch.tensor([form.scale for form in self.forms], device=self.device)[:, None, None]

    def adapter(self, parameters: Mapping[str, Tensor], name: str) -> Adapter:
        """Trained parameters of one job in the form that requests carry: A (rank, in), B (out, rank)."""
        cut = {name: value[: self.rank] for name, value in parameters.items()}
        modules = {path: (array_of(cut[f"{path}|A"]), array_of(cut[f"{path}|B"].T)) for path in self.shapes}
        return Adapter(modules, self.scale, name)


def in_rows(bends: Bends, own: Lora, jobs: Tensor) -> tuple[Bends, Lora]:
    """What bends these rows and what is trained, `own` (jobs, ...), so that they can stand beside one another: row i is of `jobs[i]`."""
    if any(len(a) > 1 for a, _ in own.values()):
        own = {path: (of_rows(a, jobs), of_rows(b, jobs)) for path, (a, b) in own.items()}
    if bends.jobs is None:  # the requests carry one mixture at most: it stands beside every row's own
        return bends, own
    return bends.rows(torch.arange(len(jobs), device=bends.jobs.device)), own


def of_rows(stack: Tensor, jobs: Tensor) -> Tensor:
    """`stack` (jobs, ...) as (rows, ...): row i has the part of job `jobs[i]`. Evenly shared, nothing is gathered."""
    wanted = jobs.tolist()
    first, last = wanted[0], wanted[-1]
    count = last - first + 1
    each = len(wanted) // max(count, 1)
    if wanted != [job for job in range(first, last + 1) for _ in range(each)]:
        return stack.index_select(0, jobs.to(stack.device))
    own = stack if count == len(stack) else stack[first : last + 1]
    return own if each == 1 else own[:, None].expand(-1, each, *own.shape[1:]).flatten(0, 1)


def array_of(value: Tensor) -> Floats:
    """A trained tensor as a request or a state carries it: float32, and a copy."""
    made: Floats = value.detach().float().cpu().contiguous().numpy().copy()
    return made


def paths_of(model: LocalLM, modules: Sequence[str], otherwise: str) -> list[str]:
    """Paths of the linear modules of these last names; `otherwise`, GPT-2's name for them, where the model has none of them.

    Raises ModelError for names that are not there.
    """
    there = {path.rpartition(".")[2] for path in linears(model.model)}
    return model.linear_paths([otherwise] if otherwise in there and not there & set(modules) else modules)
