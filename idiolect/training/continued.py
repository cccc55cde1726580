"""LoRA adapters that learn preferences from where they are: each job starts from its own, and is compared with the model without it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Plan, as_completed, local
from idiolect.training.objective import Objective
from idiolect.training.preference import Preference
from idiolect.training.sft import PLAN, LoRA
from idiolect.types import Adapter


def preferred_from(
    lm: LM,
    starts: Sequence[Adapter],
    jobs: Sequence[Sequence[Preference]],
    objective: Objective,
    plan: Plan = PLAN,
) -> list[Adapter]:
    """Each of the adapters, trained further on its job's preferences; the reference is the model with the requests' own bends alone.

    A job without preferences gives back its adapter. Raises RequestError where the adapters are not of one form.
    """
    if len(starts) != len(jobs):
        raise RequestError(f"{len(starts)} adapters for {len(jobs)} jobs: give each job the one it goes on from")
    if not starts:
        return []
    model = local(lm, "learning preferences")
    made = dict(as_completed(model, jobs, Continued(model, starts), plan, objective=objective))
    learner = Continued(model, starts)
    return [learner.among([job]).adapter(made[job], start.name) if jobs[job] else start for job, start in enumerate(starts)]


class Continued(LoRA):
    """A and B of each job as its adapter has them."""

    def __init__(self, lm: LocalLM, starts: Sequence[Adapter]) -> None:
        forms = {(one.scale, one.activation, *((path, a.shape, b.shape) for path, (a, b) in one.modules.items())) for one in starts}
        if len(forms) > 1 or any(one.activation != "none" for one in starts):
            raise RequestError(
                "adapters that go on together are LoRAs of the same ranks, modules and scale; these differ: train them apart"
            )
        rank = max(len(a) for a, _ in starts[0].modules.values())
        super().__init__(lm, list(starts[0].modules), rank, starts[0].scale, 0)
        self.starts = list(starts)

    def among(self, jobs: Sequence[int]) -> Continued:
        own = copy(self)
        own.starts = [self.starts[job] for job in jobs]
        return own

    def start(self, jobs: int) -> dict[str, Tensor]:
        made: dict[str, Tensor] = {}
        for path in self.shapes:
            factors = [one.modules[path] for one in self.starts[:jobs]]
            made[f"{path}|A"] = torch.stack([torch.tensor(a) for a, _ in factors])
            made[f"{path}|B"] = torch.stack([torch.tensor(b.T.copy()) for _, b in factors])
        return {name: value.to(self.device).requires_grad_() for name, value in made.items()}
