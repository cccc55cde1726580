"""LoRA adapters from preferences: people's chosen and rejected answers in, their adapters out, in one pass; and the objectives for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.training.loop import Item, Plan, Progress, as_completed, local
from idiolect.training.objective import Example, Numbers, Objective, numbers_of
from idiolect.training.pair_losses import (
    Anchor,
    Divergence,
    Variant,
    anchor,
    bradley_terry,
    gain,
    kto,
    multi_reference,
    plackett_luce,
    traded,
)
from idiolect.training.sft import PLAN, lora, sft
from idiolect.types import Adapter, Request

Preference = tuple[Request, str, str]  # what is asked, the answer chosen, the answer rejected


@dataclass(frozen=True)
class DPO(Objective):
    """Direct preference optimization: -log sigmoid(beta ((c - c0) - (r - r0))), averaged over the pairs of a job's step.

    c and r are log-probabilities of the chosen and the rejected answer, end token included, c0 and r0 those of the model without what is
    trained. Rafailov et al. Direct Preference Optimization. NeurIPS 2023, arXiv:2305.18290. `divergence` puts another one in the place of
    the reverse KL, `smoothing` holds that share of choices for mistaken; a pair counts its one of `weights`, its margin its one of `signs`.
    """

    beta: float = 0.1
    divergence: Divergence = "reverse_kl"
    alpha: float = 0.5  # of the divergence of that name
    smoothing: float = 0.0
    weights: Numbers = (1.0,)
    signs: Numbers = (1.0,)
    compares = True

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise RequestError(f"a beta of {self.beta} prefers nothing: give one above 0")
        if not 0 <= self.smoothing < 0.5:
            raise RequestError(f"with {self.smoothing} of the choices mistaken nothing is preferred: give 0 or more, and less than 0.5")

    def size(self, example: Example) -> int:
        return 1

    def margin(self, logp: Tensor, reference: Tensor | None) -> Tensor:
        """(examples,): beta times what the chosen answer gained more than the rejected one."""
        gained = gain(logp[:, :2] if reference is None else logp[:, :2] - reference[:, :2], self.divergence, self.alpha)
        return self.beta * (gained[:, 0] - gained[:, 1])

    def loss(self, logp: Tensor, reference: Tensor | None, tokens: Tensor) -> Tensor:
        return bradley_terry(self.margin(logp, reference), self.smoothing)

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        margin = self.margin(logp, self.reference(examples)) * numbers_of(self.signs, examples, logp)
        return bradley_terry(margin, self.smoothing) * numbers_of(self.weights, examples, logp)


@dataclass(frozen=True)
class Precomputed(DPO):
    """DPO over a reference whose log-probabilities are known `before`, an adapter's or another model's: `references.references`."""

    before: Numbers = field(default_factory=dict)  # (answers,) for each example
    compares = False

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        margin = self.margin(logp, numbers_of(self.before, examples, logp)) * numbers_of(self.signs, examples, logp)
        return bradley_terry(margin, self.smoothing) * numbers_of(self.weights, examples, logp)


@dataclass(frozen=True)
class MultiReference(DPO):
    """DPO over one reference that stands for two, the second known as `extra`: see `pair_losses.multi_reference`."""

    extra: Numbers = field(default_factory=dict)  # (answers,) for each example
    trust: float = 0.1
    share: float | None = None  # of the second reference; None: by how far each tells chosen from rejected
    variant: Variant = "paper"

    def reference(self, examples: Sequence[Example]) -> Tensor:
        primary = super().reference(examples)
        if primary is None:
            raise RequestError("a second reference stands beside a first one: what is trained must be compared with the model without it")
        return multi_reference(numbers_of(self.extra, examples, primary), primary, self.trust, self.share, self.variant)


@dataclass(frozen=True)
class Anchored(DPO):
    """DPO, and `strength` times what it costs to leave the likelihood of a third answer, the reference's own: `pair_losses.anchor`."""

    strength: float = 1.0
    how: Anchor = "hinge"
    by_token: bool = False

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        reference = self.reference(examples)
        before = logp.detach() if reference is None else reference
        tokens = logp.new_tensor([example.rows[2].answer for example in examples]) if self.by_token else None
        return super().losses(examples, logp) + self.strength * anchor(logp[:, 2], before[:, 2], self.how, tokens)


@dataclass(frozen=True)
class Traded(DPO):
    """DPO on preferences that count `weight`, beside `rewards`: what the chosen answer is worth more by the others, weighed."""

    rewards: Numbers = (0.0,)
    weight: float = 1.0

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        margin = self.margin(logp, self.reference(examples))
        own = traded(margin, numbers_of(self.rewards, examples, logp), self.weight)
        return bradley_terry(own, self.smoothing) * numbers_of(self.weights, examples, logp)


@dataclass(frozen=True)
class KTO(Objective):
    """Answers called wanted (1) or not (0), without pairs. An example's second answer is one to another question, its baseline.

    Departs from the paper, which averages baselines over a batch: each example has its own, so that company changes nothing.
    """

    wanted: Numbers = (1.0,)
    beta: float = 0.1
    weights: tuple[float, float] = (1.0, 1.0)  # of wanted and of unwanted answers
    compares = True

    def size(self, example: Example) -> int:
        return 1

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        reference = self.reference(examples)
        gained = logp if reference is None else logp - reference
        wanted = numbers_of(self.wanted, examples, logp) > 0
        return kto(gained[:, 0], gained[:, 1].clamp(min=0), wanted, self.beta, self.weights)


@dataclass(frozen=True)
class PlackettLuce(Objective):
    """A ranking of answers to one question, best first, as many in every example: of two it is DPO."""

    beta: float = 0.1
    compares = True

    def size(self, example: Example) -> int:
        return 1

    def loss(self, logp: Tensor, reference: Tensor | None, tokens: Tensor) -> Tensor:
        return plackett_luce(self.beta * (logp if reference is None else logp - reference))


def aligned(lm: LM, pairs: Sequence[Preference], objective: DPO, rank: int, begin: Plan, plan: Plan) -> tuple[Adapter, Adapter]:
    """Two adapters that everybody's preferences teach, to stand side by side: what was chosen, by `sft`; then preferring it, over that.

    The second is compared with the model that has the first.
    """
    [first] = sft(lm, [[(request, chosen) for request, chosen, _ in pairs]], rank=rank, alpha=rank, plan=begin)
    over = [(request.bent(adapters={first: 1.0}), chosen, rejected) for request, chosen, rejected in pairs]
    [second] = prefer(lm, [over], objective, rank=rank, alpha=2.0 * rank, plan=plan)
    return first, second


def prefer(
    lm: LM,
    jobs: Sequence[Sequence[Item]],
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
    are one for all jobs, or one for each; a job without preferences gives an adapter that changes nothing. An objective may take more
    answers than two, as many in every item. Raises ModelError for a model that cannot be trained.
    """
    made = dict(prefer_as_completed(lm, jobs, objective, rank=rank, alpha=alpha, modules=modules, plan=plan, progress=progress))
    return [made[job] for job in range(len(jobs))]


def prefer_as_completed(
    lm: LM,
    jobs: Sequence[Sequence[Item]],
    objective: Objective = DPO(),
    *,
    rank: int | Sequence[int] = 8,
    alpha: float = 16.0,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan | Sequence[Plan] = PLAN,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Adapter]]:
    """(job, its adapter) as `prefer` finishes them, a wave at a time, to be kept at once."""
    if len(counts := {len(item) - 1 for items in jobs for item in items}) > 1:
        raise RequestError(f"items of {sorted(counts)} answers cannot be compared in one go: give as many answers in each")
    learner = lora(lm, len(jobs), rank, alpha, modules, plan)
    finished = as_completed(local(lm, "learning preferences"), jobs, learner, plan, progress, objective)
    return ((job, learner.among([job]).adapter(parameters, "")) for job, parameters in finished)
