"""The training loop: many jobs (one person each) in one pass, each with its own parameters, examples, loss and optimizer state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from idiolect.errors import ModelError
from idiolect.models.bends import Bends
from idiolect.models.lm import check
from idiolect.models.local import LocalLM
from idiolect.training.objective import LIKELIHOOD, Example, Objective, encoded
from idiolect.training.plan import Plan as Plan
from idiolect.training.plan import of_each
from idiolect.training.wave import Job, Wave
from idiolect.types import Request

Pair = tuple[Request, str]  # what is asked, and the person's answer
Item = tuple[Request, *tuple[str, ...]]  # what is asked, and the answers that an objective compares
Progress = Callable[[int, int], None]  # steps done, steps in all
Parameters = dict[str, Tensor]  # of one job

__all__ = ["Learner", "Pair", "Parameters", "Plan", "Progress", "as_completed", "local", "train"]


class Learner:
    """What a job's parameters are, and how they bend its rows. `start` is the same for every job, so that company changes nothing."""

    ahead = 0  # vectors it puts before every row: they take room in the window

    def among(self, jobs: Sequence[int]) -> Learner:
        """The learner of these jobs of the list that is trained; another one where jobs differ, in rank for example."""
        return self

    def start(self, jobs: int) -> dict[str, Tensor]:
        """Fresh parameters, each (jobs, ...)."""
        raise NotImplementedError

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        """`bends` and the parameters of job `jobs[i]` on row i, which is pair `places[i]` of that job.

        What is learnt of everybody but applied to each (an encoder of histories, say) is one job whose learner knows whose pair it is.
        """
        raise NotImplementedError


def local(lm: object, who: str) -> LocalLM:
    """The model as one that can be trained on. Raises ModelError: an endpoint's weights are out of reach."""
    inner = getattr(lm, "inner", lm)  # a counting wrapper shows what it wraps
    if not isinstance(inner, LocalLM):
        raise ModelError(f"{who} trains on the model's weights, and {getattr(lm, 'name', lm)!r} has none within reach; use a local model")
    return inner


def train(
    lm: LocalLM, jobs: Sequence[Sequence[Pair]], learner: Learner, plan: Plan | Sequence[Plan], progress: Progress | None = None
) -> list[Parameters]:
    """Each job's trained parameters, in order; equal, up to rounding, to those of the job trained alone. A plan for all, or one for each.

    A job without pairs keeps its starting parameters. A job whose loss is not finite stops where it was, and a warning says so.
    """
    made = dict(as_completed(lm, jobs, learner, plan, progress))
    return [made[job] for job in range(len(jobs))]


def as_completed(
    lm: LocalLM,
    jobs: Sequence[Sequence[Item]],
    learner: Learner,
    plan: Plan | Sequence[Plan],
    progress: Progress | None = None,
    objective: Objective = LIKELIHOOD,
) -> Iterator[tuple[int, Parameters]]:
    """(job, its parameters) as jobs are finished, wave after wave: whoever keeps them at once redoes no one after a kill.

    A wave is as many jobs as the plan allows and its `memory` holds; of a wave that was not finished nothing is handed out.
    Texts are made into tokens a wave at a time.
    """
    check(lm, frozenset({"train"}), "training")
    plans = of_each(plan, len(jobs))
    return _waves(lm, jobs, learner, plans, progress, objective)


def _waves(
    lm: LocalLM,
    jobs: Sequence[Sequence[Item]],
    learner: Learner,
    plans: Sequence[Plan],
    progress: Progress | None,
    objective: Objective,
) -> Iterator[tuple[int, Parameters]]:
    steps = [plan.steps(len(items)) for plan, items in zip(plans, jobs, strict=True)]
    order = sorted(range(len(jobs)), key=lambda job: -steps[job])  # jobs of one wave end at about the same time
    at = done = 0
    while at < len(order):
        numbers = order[at : at + _fitting(learner.among(order[at : at + 1]), plans[order[at]])]
        own = learner.among(numbers)
        wave = Wave(lm, own, objective, [Job(job, plans[job], _examples(lm, jobs[job], own.ahead)) for job in numbers])
        for passed in wave.run():
            if progress:
                progress(done + passed, sum(steps))
        yield from wave.results()
        at, done = at + len(numbers), done + sum(steps[job] for job in numbers)


def _examples(lm: LocalLM, items: Sequence[Item], ahead: int) -> list[Example]:
    return [Example(request, encoded(lm, request, answers, ahead), place) for place, (request, *answers) in enumerate(items)]


def _fitting(learner: Learner, plan: Plan) -> int:
    """How many jobs of one wave: parameters, gradients, two moments, and the best so far where some pairs are held out."""
    bytes_each = sum(value.numel() * value.element_size() for value in learner.start(1).values())
    return max(1, min(plan.wave, plan.memory // max(1, bytes_each * (5 if plan.held else 4))))
