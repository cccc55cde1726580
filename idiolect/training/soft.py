"""Learning a soft prompt for each job: vectors before the text (Lester et al., EMNLP 2021, arXiv:2104.08691)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from idiolect.errors import ModelError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Learner, Pair, Plan, Progress, local, train
from idiolect.types import Prefix

PLAN = Plan(lr=1e-2)


def soft(
    lm: LM,
    jobs: Sequence[Sequence[Pair]],
    *,
    length: int = 8,
    start: Prefix | None = None,
    plan: Plan = PLAN,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Prefix]:
    """One prefix of `length` vectors for each job, trained on the answers of its pairs.

    All start at `start`, or at random vectors of the model's mean embedding norm.
    A job without pairs keeps them. Raises ModelError for a model that cannot be trained.
    """
    model = local(lm, "a soft prompt")
    learner = Vectors(model, length, start, plan.seed)
    trained = train(model, jobs, learner, plan, progress)
    return [Prefix(p["vectors"].float().cpu().numpy().copy(), name) for p, name in zip(trained, names or [""] * len(jobs), strict=True)]


class Vectors(Learner):
    """The vectors of a prefix, (length, width) for each job."""

    def __init__(self, lm: LocalLM, length: int, start: Prefix | None, seed: int) -> None:
        if not 0 < length < lm.window // 2:
            raise ModelError(f"a prefix of {length} vectors does not fit a window of {lm.window}; take 1 to {lm.window // 2 - 1}")
        if start is not None and start.vectors.shape != (length, lm.width):
            raise ModelError(f"the start is {start.vectors.shape}, what is to be trained {(length, lm.width)}: give a start of that shape")
        self.device, self.ahead = lm.engine.device, length
        drawn = torch.randn(length, lm.width, generator=torch.Generator().manual_seed(seed)) * (lm.embedding_norm / lm.width**0.5)
        self.begun = drawn if start is None else torch.from_numpy(start.vectors.copy()).float()

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {"vectors": self.begun.repeat(jobs, 1, 1).to(self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        if any(prefix is not None for prefix in bends.prefixes):
            raise ModelError("a request that already has a prefix cannot train another one")
        return replace(bends, prefixes=[parameters["vectors"][job] for job in jobs.tolist()])
