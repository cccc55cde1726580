"""LoRA adapters from preferences: people's chosen and rejected answers in, their adapters out, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.training.loop import Plan, Progress, as_completed, local
from idiolect.training.objective import Example, Objective
from idiolect.training.sft import PLAN, lora
from idiolect.types import Adapter, Request

Preference = tuple[Request, str, str]  # what is asked, the answer chosen, the answer rejected


@dataclass(frozen=True)
class DPO(Objective):
    """Direct preference optimization: -log sigmoid(beta ((c - c0) - (r - r0))), averaged over the pairs of a job's step.

    c and r are log-probabilities of the chosen and the rejected answer, end token included, c0 and r0 those of the model without what is
    trained. Rafailov et al. Direct Preference Optimization. NeurIPS 2023, arXiv:2305.18290.
    """

    beta: float = 0.1
    compares = True

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise RequestError(f"a beta of {self.beta} prefers nothing: give one above 0")

    def size(self, example: Example) -> int:
        return 1

    def loss(self, logp: Tensor, reference: Tensor | None, tokens: Tensor) -> Tensor:
        gained = logp if reference is None else logp - reference
        return softplus(-self.beta * (gained[:, 0] - gained[:, 1]))


def prefer(
    lm: LM,
    jobs: Sequence[Sequence[Preference]],
    objective: Objective = DPO(),  # a value that never changes
    *,
    rank: int | Sequence[int] = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan | Sequence[Plan] = PLAN,
    progress: Progress | None = None,
) -> list[Adapter]:
    """One adapter for each job, trained on its preferences; bends of a request hold while it trains, and in what it is compared with.

    A prompt is read once for both of its answers where the model allows it, and the model without adapters is asked once. Ranks and plans
    are one for all jobs, or one for each; a job without preferences gives an adapter that changes nothing. Raises ModelError for a model
    that cannot be trained.
    """
    made = dict(prefer_as_completed(lm, jobs, objective, rank=rank, alpha=alpha, modules=modules, plan=plan, progress=progress))
    return [made[job] for job in range(len(jobs))]


def prefer_as_completed(
    lm: LM,
    jobs: Sequence[Sequence[Preference]],
    objective: Objective = DPO(),
    *,
    rank: int | Sequence[int] = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan | Sequence[Plan] = PLAN,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Adapter]]:
    """(job, its adapter) as `prefer` finishes them, a wave at a time, to be kept at once."""
    learner = lora(lm, len(jobs), rank, alpha, modules, plan)
    finished = as_completed(local(lm, "learning preferences"), jobs, learner, plan, progress, objective)
    return ((job, learner.among([job]).adapter(parameters, "")) for job, parameters in finished)
