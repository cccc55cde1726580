"""Gates that learn which inputs a person's LoRA is for, and the choice of other people's pieces by them: the primitive of Per-Pcs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from idiolect.errors import RequestError
from idiolect.models.batches import batches
from idiolect.models.bends import Bends
from idiolect.models.encode import Encoded
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.types import Adapter, Floats, Request

Delta = Callable[[str, Tensor], Tensor]  # a module's path and its input (rows, tokens, inputs) -> what is added to its output


@dataclass(frozen=True)
class Pool:
    """The pieces of some people: module path -> A (people, rank, inputs), B (people, outputs, rank), gate (people, inputs).

    B has the adapter's scale in it.
    """

    a: Mapping[str, Floats]
    b: Mapping[str, Floats]
    gates: Mapping[str, Floats]

    @classmethod
    def of(cls, adapters: Sequence[Adapter], gates: Sequence[Mapping[str, Floats]]) -> Pool:
        """Adapters of the same modules and ranks, and their gates."""
        paths = list(adapters[0].modules) if adapters else []
        return cls(
            {path: np.stack([one.modules[path][0] for one in adapters]) for path in paths},
            {path: np.stack([one.modules[path][1] * np.float32(one.scale) for one in adapters]) for path in paths},
            {path: np.stack([gate[path] for gate in gates]) for path in paths},
        )

    @classmethod
    def read(cls, arrays: Mapping[str, Floats]) -> Pool:
        """The pool that `arrays` was made of."""
        kinds: dict[str, dict[str, Floats]] = {"a": {}, "b": {}, "gates": {}}
        for name, array in arrays.items():
            kind, _, path = name.partition("|")
            kinds[kind][path] = array
        return cls(**kinds)

    @property
    def arrays(self) -> dict[str, Floats]:
        """Everything in one mapping, as a State keeps it."""
        kinds = {"a": self.a, "b": self.b, "gates": self.gates}
        return {f"{kind}|{path}": array for kind, held in kinds.items() for path, array in held.items()}

    @property
    def paths(self) -> list[str]:
        """The modules that have pieces, in the order of the rows of `assembled`'s shares."""
        return sorted(self.a)

    def mixture(self, shares: Floats, strict: bool = False, name: str = "") -> Adapter:
        """The pieces as one adapter, by `shares` (modules, people): the sum of the products B A, ranks side by side.

        `strict` sums the A and the B apart, each by its shares: a product of sums, which is another adapter and of one piece's rank.
        """
        made = {}
        for path, row in zip(self.paths, shares, strict=True):
            chosen = np.flatnonzero(row)
            chosen = chosen[np.argsort(-row[chosen], kind="stable")]
            weight, a, b = row[chosen].astype(np.float32)[:, None, None], self.a[path][chosen], self.b[path][chosen]
            if strict:
                made[path] = ((weight * a).sum(axis=0), (weight * b).sum(axis=0))
            else:
                made[path] = (np.concatenate(list(a)), np.concatenate(list(weight * b), axis=1))
        return Adapter(made, name=name)


def gated(lm: LM, jobs: Sequence[Sequence[Pair]], adapters: Sequence[Adapter], plan: Plan) -> list[dict[str, Floats]]:
    """For each job, one gate (inputs,) for each module of its adapter, which stays as it is.

    While a gate g learns, x * sigmoid(x . g) goes into the adapter in place of x; g starts at zero. All adapters have the same modules
    and ranks, and the pairs' requests all carry others of the same ranks, or none.
    """
    model = local(lm, "training gates")
    given = [[(request.bent(adapters={own: 1.0}), answer) for request, answer in pairs] for own, pairs in zip(adapters, jobs, strict=True)]
    if not adapters:
        return []
    learner = Gates(model, {path: a.shape for path, (a, _) in adapters[0].modules.items()})
    with _added(model, learner.paths, learner.delta):
        trained = train(model, given, learner, plan)
    return [{path: gates[path].float().cpu().numpy().copy() for path in learner.paths} for gates in trained]


class Gates(Learner):
    """A gate for each module: how much of each token goes into the last adapter that the row's request carries."""

    def __init__(self, lm: LocalLM, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes, self.paths, self.device = shapes, list(shapes), lm.engine.device  # shapes: (rank, inputs)
        self.now: dict[str, tuple[Tensor, Tensor, Tensor]] = {}  # of the rows at hand: A, B, gate

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {path: torch.zeros(jobs, size, device=self.device).requires_grad_() for path, (_, size) in self.shapes.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        rows = bends.rows(torch.arange(len(jobs), device=self.device))
        rest = {}
        for path, (a, b) in rows.lora.items():
            rank = self.shapes[path][0] if path in self.shapes else 0
            cut = a.shape[1] - rank
            if rank:
                self.now[path] = (a[:, cut:], b[:, cut:], parameters[path][jobs.to(self.device)])
            if cut:
                rest[path] = (a[:, :cut], b[:, :cut])
        return replace(rows, lora=rest)

    def delta(self, path: str, x: Tensor) -> Tensor:
        """What the gated adapter adds to the output of module `path` for its input x (rows, tokens, inputs)."""
        a, b, gate = self.now[path]
        x = x.to(a.dtype)
        return torch.sigmoid(x @ gate.to(a.dtype)[:, :, None]) * ((x @ a.transpose(1, 2)) @ b)


@torch.no_grad()
def assembled(lm: LM, jobs: Sequence[Sequence[Pair]], pool: Pool, top: int = 3, strict: bool = False) -> list[Floats]:
    """For each job, the shares (modules, people) of the pieces that fit it best, `top` for each module; zeros for a job without pairs.

    Nothing is trained. In one forward pass over all of a job's pairs, from the bottom up, the pieces of a module are rated at the answers'
    tokens by LN(x) . LN(gate) / sqrt(inputs), averaged; the softmax over the `top` is their shares, and what they add reaches the modules
    above. A pass holds a job's newest pairs as far as they fit the model's `token_budget`.
    """
    if top < 1:
        raise RequestError(f"the top {top} pieces are none: take 1 or more")
    model = local(lm, "choosing pieces")
    rows = [[(request, model.encode(request, answer)) for request, answer in pairs] for pairs in jobs]
    rows = [_within([pair for pair in pairs if pair[1].answer], model.token_budget) for pairs in rows]
    people = len(next(iter(pool.gates.values()))) if pool.gates else 0
    made: list[Floats] = [np.zeros((len(pool.paths), people), np.float32) for _ in jobs]
    full = [job for job, pairs in enumerate(rows) if pairs and people]
    costs = [(len(rows[job]), max(len(row.ids) for _, row in rows[job])) for job in full]
    for places in batches(costs, model.token_budget):
        for place, shares in zip(places, _one_pass(model, [rows[full[place]] for place in places], pool, top, strict), strict=True):
            made[full[place]] = shares
    return made


def _one_pass(lm: LocalLM, jobs: Sequence[Sequence[tuple[Request, Encoded]]], pool: Pool, top: int, strict: bool) -> list[Floats]:
    owners = torch.tensor([job for job, pairs in enumerate(jobs) for _ in pairs], device=lm.engine.device)
    bends = lm.bends([request for pairs in jobs for request, _ in pairs])
    batch = lm.engine.padded([row for pairs in jobs for _, row in pairs], bends)
    choice = _Choice(pool, owners, batch.scope.bool(), top, strict)
    with _added(lm, pool.paths, choice.delta):
        lm.engine.logits(batch, bends, 1)
    return [np.stack([choice.shares[path][job] for path in pool.paths]) for job in range(len(jobs))]


class _Choice:
    """The pieces chosen for each person of a batch of rows, module by module as the forward pass reaches them."""

    def __init__(self, pool: Pool, owners: Tensor, scope: Tensor, top: int, strict: bool) -> None:
        self.pool, self.owners, self.scope, self.strict = pool, owners, scope, strict  # scope (rows, tokens): the answers' tokens
        self.people, self.top = int(owners.max()) + 1, top
        self.shares: dict[str, Floats] = {}  # path -> (people of the batch, people of the pool)

    def delta(self, path: str, x: Tensor) -> Tensor:
        rated = self._rated(x.float(), torch.tensor(self.pool.gates[path], dtype=torch.float32, device=x.device))
        values, order = rated.sort(dim=1, descending=True, stable=True)
        best, weights = order[:, : self.top], values[:, : self.top].softmax(dim=1)
        self.shares[path] = torch.zeros_like(rated).scatter(1, best, weights).cpu().numpy()
        chosen, weight = best.cpu().numpy(), weights[:, :, None, None].cpu()
        a, b = (torch.from_numpy(held[path][chosen]).float() for held in (self.pool.a, self.pool.b))  # (people, top, ., .)
        if self.strict:
            down, up = (weight * a).sum(dim=1), (weight * b).sum(dim=1)
        else:
            down, up = a.flatten(1, 2), (weight * b).transpose(1, 2).flatten(2)
        down, up = (factor.to(x)[self.owners] for factor in (down, up))
        return torch.bmm(torch.bmm(x, down.transpose(1, 2)), up.transpose(1, 2))

    def _rated(self, x: Tensor, gates: Tensor) -> Tensor:
        """(people of the batch, people of the pool): how well each gate fits what each person's tokens put into the module."""
        size = (gates.shape[1],)
        fit = layer_norm(x[self.scope], size) @ layer_norm(gates, size).T / size[0] ** 0.5  # (answer tokens, people of the pool)
        whose = self.owners[:, None].expand_as(self.scope)[self.scope]
        sums = torch.zeros(self.people, len(gates), device=x.device).index_add(0, whose, fit)
        return sums / torch.bincount(whose, minlength=self.people).clamp(min=1)[:, None]


def _within(pairs: Sequence[tuple[Request, Encoded]], budget: int) -> list[tuple[Request, Encoded]]:
    """The last of `pairs` that fit one pass, at least one."""
    kept = list(pairs)
    while len(kept) > 1 and len(kept) * max(len(row.ids) for _, row in kept) > budget:
        kept = kept[1:]
    return kept


@contextmanager
def _added(lm: LocalLM, paths: Sequence[str], delta: Delta) -> Iterator[None]:
    """Inside, `delta` is added to what these modules give, and the model is this thread's alone; outside, nothing is left of it."""

    def hook(path: str) -> Any:
        return lambda module, args, output: output + delta(path, args[0]).to(output.dtype)

    with lm.engine.lock:
        handles = [lm.model.get_submodule(path).register_forward_hook(hook(path)) for path in paths]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
