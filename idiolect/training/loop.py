"""The training loop: many jobs (one person each) in one pass, each with its own parameters, examples, loss and optimizer state."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idiolect.errors import ModelError, RequestError
from idiolect.models.batches import batches
from idiolect.models.bends import Bends
from idiolect.models.encode import Encoded
from idiolect.models.local import LocalLM
from idiolect.training.adam import Adam
from idiolect.types import Request

Pair = tuple[Request, str]  # what is asked, and the person's answer
Progress = Callable[[int, int], None]  # steps done, steps in all
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate warms up over `warmup` of a job's steps and falls linearly to zero."""

    lr: float = 1e-3
    epochs: int = 3
    batch: int = 4  # examples of one job in a step
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0  # of a job's own gradient norm
    seed: int = 0
    wave: int = 16  # jobs trained together; more fall out of the cache and are slower
    tokens: int = 4_096  # of one forward pass, padding included; a step of more is taken in parts

    def __post_init__(self) -> None:
        if min(self.batch, self.wave, self.tokens) < 1 or min(self.lr, self.epochs, self.clip) < 0 or not 0 <= self.warmup <= 1:
            raise RequestError(f"a plan out of range (batch, wave, tokens >= 1; lr, epochs, clip >= 0; 0 <= warmup <= 1): {self}")


@dataclass(frozen=True)
class Example:
    """One encoded pair, with the request that says how its row is bent."""

    request: Request
    row: Encoded


class Learner:
    """What a job's parameters are, and how they bend its rows. `start` is the same for every job, so that company changes nothing."""

    ahead = 0  # vectors it puts before every row: they take room in the window

    def start(self, jobs: int) -> dict[str, Tensor]:
        """Fresh parameters, each (jobs, ...)."""
        raise NotImplementedError

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor) -> Bends:
        """`bends` and the parameters of job `jobs[i]` on row i."""
        raise NotImplementedError


def local(lm: object, who: str) -> LocalLM:
    """The model as one that can be trained on. Raises ModelError: an endpoint's weights are out of reach."""
    inner = getattr(lm, "inner", lm)  # a counting wrapper shows what it wraps
    if not isinstance(inner, LocalLM):
        raise ModelError(f"{who} trains on the model's weights, and {getattr(lm, 'name', lm)!r} has none within reach; use a local model")
    return inner


def train(
    lm: LocalLM, jobs: Sequence[Sequence[Pair]], learner: Learner, plan: Plan, progress: Progress | None = None
) -> list[dict[str, Tensor]]:
    """Each job's trained parameters, in order; equal, up to rounding, to those of the job trained alone.

    A job without pairs keeps its starting parameters. A job whose loss is not finite stops where it was, and a warning says so.
    """
    room = learner.ahead
    encoded = [[Example(request, lm.encode(request, answer, end=True, reserve=room)) for request, answer in pairs] for pairs in jobs]
    order = sorted(range(len(jobs)), key=lambda job: -_steps(encoded[job], plan))  # jobs of one wave end at about the same time
    total, done = sum(_steps(encoded[job], plan) for job in order), 0
    made: dict[int, dict[str, Tensor]] = {}
    for at in range(0, len(order), plan.wave):
        wave = order[at : at + plan.wave]
        parameters = learner.start(len(wave))
        for steps in _train_wave(lm, {job: encoded[job] for job in wave}, learner, parameters, plan):
            done += steps
            if progress:
                progress(done, total)
        for place, job in enumerate(wave):
            made[job] = {name: value[place].detach() for name, value in parameters.items()}
    return [made[job] for job in range(len(jobs))]


def _train_wave(
    lm: LocalLM, jobs: Mapping[int, Sequence[Example]], learner: Learner, parameters: dict[str, Tensor], plan: Plan
) -> Iterator[int]:
    """Trains `parameters` in place; yields, step by step, how many jobs took one."""
    optimizer = Adam(parameters, plan.weight_decay, plan.clip)
    lengths = [_steps(examples, plan) for examples in jobs.values()]
    schedules = [_schedule(examples, plan) for examples in jobs.values()]
    for step in range(max(lengths, default=0)):
        active = [place for place, length in enumerate(lengths) if step < length]
        chosen = [(place, example) for place in active for example in schedules[place][step]]
        _backward(lm, chosen, learner, parameters, plan.tokens)
        rates = torch.zeros(len(jobs))
        for place in active:
            rates[place] = plan.lr * _rate(step, lengths[place], plan.warmup)
        stopped = optimizer.step(rates)
        for place in stopped:
            log.warning("job %d: the loss is not finite at step %d; it keeps the parameters it had", list(jobs)[place], step)
            lengths[place] = 0
        yield len(active)


@torch.enable_grad()
def _backward(lm: LocalLM, chosen: Sequence[tuple[int, Example]], learner: Learner, parameters: Mapping[str, Tensor], budget: int) -> None:
    """Gradients of the sum over jobs of each job's mean loss a token."""
    tokens: dict[int, int] = {}
    for place, example in chosen:
        tokens[place] = tokens.get(place, 0) + example.row.answer
    for part in batches([(1, learner.ahead + len(example.row.ids)) for _, example in chosen], budget):
        rows = [chosen[i] for i in sorted(part)]
        jobs = torch.tensor([place for place, _ in rows])
        bends = learner.bend(lm.bends([example.request for _, example in rows]), parameters, jobs)
        logp, _ = lm.answer_logprobs([example.row for _, example in rows], bends)
        share = torch.tensor([1.0 / max(tokens[place], 1) for place, _ in rows])
        loss = -(logp.sum(dim=1) * share.to(logp.device)).sum()
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own


def _steps(examples: Sequence[Example], plan: Plan) -> int:
    return plan.epochs * -(-len(examples) // plan.batch)


def _schedule(examples: Sequence[Example], plan: Plan) -> list[list[Example]]:
    """The examples of each step: every epoch a new order, drawn from the seed alone."""
    made: list[list[Example]] = []
    for epoch in range(plan.epochs):
        shuffled = list(examples)
        random.Random(f"{plan.seed}/{epoch}").shuffle(shuffled)
        made += [shuffled[at : at + plan.batch] for at in range(0, len(shuffled), plan.batch)]
    return made


def _rate(step: int, steps: int, warmup: float) -> float:
    warm = warmup * steps
    rising = (step + 1) / warm if step + 1 < warm else 1.0
    return min(rising, (steps - step) / max(steps - warm, 1.0))
