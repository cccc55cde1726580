"""A mixture of LoRA experts whose shares follow from who is asking, and a person's own LoRA beside it: the primitive of PROPER."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Pair, Plan, local, train
from idiolect.training.sft import LoRA
from idiolect.types import Adapter, Floats


@dataclass(frozen=True)
class Experts:
    """Experts side by side, expert by expert: one adapter of rank `count` times theirs; and the router (count, width)."""

    adapter: Adapter
    router: Floats

    def shares(self, points: Floats) -> Floats:
        """(people, count): each person's shares, which add up to 1, from their points (people, width)."""
        logits = points @ self.router.T
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        made: Floats = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        return made

    def mixed(self, shares: Floats, name: str = "") -> Adapter:
        """The experts as one adapter, each expert's product in its share (count,)."""
        made = {}
        for path, (a, b) in self.adapter.modules.items():
            made[path] = (a, b * np.repeat(shares, len(a) // len(shares)).astype(b.dtype))
        return Adapter(made, scale=self.adapter.scale, name=name)


def experts(
    lm: LM, pairs: Sequence[Pair], owners: Sequence[int], points: Floats, *, paths: Sequence[str], rank: int, count: int, plan: Plan
) -> Experts:
    """`count` experts of `rank` on the modules `paths`, and their router, learnt together: pair i is of the person at `points[owners[i]]`.

    The router starts at zero, so that all experts begin with equal shares. Alpha is twice `rank`. Bends of the pairs' requests hold.
    """
    model = local(lm, "fine-tuning")
    if rank < 1 or count < 1:
        raise RequestError(f"{count} experts of rank {rank} hold nothing: give 1 or more of each")
    learner = Routed(model, paths, rank, count, points[list(owners)], plan.seed)
    trained = train(model, [pairs], learner, plan)[0]
    return Experts(learner.adapter(trained, "experts"), trained["router"].float().cpu().numpy().copy())


def beside(lm: LM, jobs: Sequence[Sequence[Pair]], mixtures: Sequence[Adapter], *, rank: int, plan: Plan) -> tuple[list[Adapter], Floats]:
    """Each job's own LoRA on the modules of its mixture, and the shares (jobs, 2) of that mixture and of that LoRA, both 1 at first.

    A job's shares add up to 2. All mixtures are of one rank and the same modules; the pairs' requests all carry other adapters of the
    same ranks, or none.
    """
    model = local(lm, "fine-tuning")
    given = [[(request.bent(adapters={one: 1.0}), answer) for request, answer in job] for one, job in zip(mixtures, jobs, strict=True)]
    held = {path: len(a) for one in mixtures[:1] for path, (a, _) in one.modules.items()}
    learner = Own(model, rank, held, plan.seed)
    trained = train(model, given, learner, plan)
    shares = [_halves(one["router"]).float().cpu().numpy() for one in trained]
    return [learner.adapter(one, "proper") for one in trained], np.array(shares, np.float32).reshape(len(jobs), 2)


class Routed(LoRA):
    """The experts' A and B, and the router from a pair's point (width,) to their shares, as one job."""

    def __init__(self, lm: LocalLM, paths: Sequence[str], rank: int, count: int, points: Floats, seed: int) -> None:
        super().__init__(lm, paths, rank * count, 2.0, seed)
        self.each, self.count = rank, count
        self.points = torch.from_numpy(np.asarray(points, np.float32)).to(lm.engine.device)  # one for each pair

    def start(self, jobs: int) -> dict[str, Tensor]:
        router = torch.zeros(jobs, self.count, self.points.shape[1], device=self.device).requires_grad_()
        return super().start(jobs) | {"router": router}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        shares = (self.points[places.to(self.device)] @ parameters["router"][0].T).softmax(dim=1)  # (rows, count)
        ranks = shares.repeat_interleave(self.each, dim=1)[:, :, None] * self.scale
        lora = {path: (parameters[f"{path}|A"][jobs], parameters[f"{path}|B"][jobs] * ranks) for path in self.shapes}
        return bends.rows(torch.arange(len(jobs), device=self.device)).beside(lora)


class Own(LoRA):
    """A LoRA for each job, and how much of the last mixture in its requests stands beside it."""

    def __init__(self, lm: LocalLM, rank: int, held: Mapping[str, int], seed: int) -> None:
        super().__init__(lm, list(held), rank, 1.0, seed)
        self.held = held  # path -> rank of the mixture

    def start(self, jobs: int) -> dict[str, Tensor]:
        return super().start(jobs) | {"router": torch.zeros(jobs, 2, device=self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        jobs = jobs.to(self.device)
        shares = _halves(parameters["router"][jobs])[:, :, None, None]  # (rows, 2, 1, 1)
        rows = bends.rows(torch.arange(len(jobs), device=self.device))
        lora = {path: (a.expand(len(jobs), -1, -1), _tail(b, self.held.get(path, 0), shares[:, 0])) for path, (a, b) in rows.lora.items()}
        mine = {p: (parameters[f"{p}|A"][jobs], parameters[f"{p}|B"][jobs] * self.scale * shares[:, 1]) for p in self.shapes}
        return replace(rows, lora=lora).beside(mine)


def _halves(logits: Tensor) -> Tensor:
    """Shares that add up to 2, so that without a preference both are 1."""
    return 2 * logits.softmax(dim=-1)


def _tail(b: Tensor, rank: int, share: Tensor) -> Tensor:
    """B (rows, ranks, outputs) with its last `rank` ranks times `share` (rows, 1, 1)."""
    cut = b.shape[1] - rank
    return torch.cat([b[:, :cut].expand(len(share), -1, -1), b[:, cut:] * share], dim=1)
