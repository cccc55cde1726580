"""The jobs of one wave: one forward pass after another over the rows of all of them, and a step for each."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from idiolect.models.bends import Bends
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.adam import Adam
from idiolect.training.branches import branches, logprobs
from idiolect.training.objective import Example, Objective, loss_of
from idiolect.training.parts import parts
from idiolect.training.plan import Plan
from idiolect.training.precision import products, resolved

if TYPE_CHECKING:
    from idiolect.training.loop import Learner

log = logging.getLogger(__name__)
TOKENS_CPU, TOKENS_GPU = 1_024, 16_384  # of a forward pass
Rows = Sequence[tuple[int, Example]]  # a job's place in the wave, and one of its examples


class Job:
    """One job, its examples, and how far it is."""

    def __init__(self, number: int, plan: Plan, examples: Sequence[Example]) -> None:
        self.number, self.plan = number, plan
        self.schedule = [[examples[place] for place in step] for step in plan.schedule(len(examples))]
        self.epoch = plan.steps_an_epoch(len(examples))  # in steps
        self.held = [examples[place] for place in plan.split(len(examples))[1]] if self.schedule else []
        self.step, self.steps, self.stopped = 0, len(self.schedule), False
        self.best, self.waited, self.kept = math.inf, 0, dict[str, Tensor]()

    @property
    def live(self) -> bool:
        """Whether there are steps to come."""
        return not self.stopped and self.step < self.steps

    @property
    def passed(self) -> int:
        """Steps taken, with those that it will not take because it stopped."""
        return self.steps if self.stopped else self.step

    def saw(self, loss: float, parameters: Mapping[str, Tensor]) -> None:
        """What the pairs held out say of its `parameters`: they are kept if there were none better, and patience has an end."""
        if loss < self.best:
            self.best, self.waited, self.kept = loss, 0, {name: value.clone() for name, value in parameters.items()}
        else:
            self.waited += 1
            self.stopped = self.stopped or self.waited >= self.plan.patience


class Wave:
    """Jobs that are trained together. `run` trains them; then `results` has each one's parameters."""

    def __init__(self, lm: LocalLM, learner: Learner, objective: Objective, jobs: Sequence[Job]) -> None:
        self.lm, self.learner, self.objective, self.jobs = lm, learner, objective, jobs
        self.parameters = learner.start(len(jobs))
        decay, clip = (torch.tensor([getattr(job.plan, name) for job in jobs]) for name in ("weight_decay", "clip"))
        self.optimizer = Adam(self.parameters, decay, clip)
        plan = jobs[0].plan
        self.precision = resolved(plan.precision, lm.engine.device)
        self.tokens, self.room, self.scored = _room(lm, plan)

    def run(self) -> Iterator[int]:
        """Yields, step by step, how many steps of its jobs the wave has behind it."""
        if self.objective.compares:
            self._compare()
        self._look([place for place, job in enumerate(self.jobs) if job.held])
        while active := [place for place, job in enumerate(self.jobs) if job.live]:
            self._step(active)
            yield sum(job.passed for job in self.jobs)

    def results(self) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """(number, parameters) of each job; a copy, so that no one's result holds the wave in memory."""
        for place, job in enumerate(self.jobs):
            yield job.number, job.kept or {name: value.clone() for name, value in self._own(place).items()}

    def _step(self, active: Sequence[int]) -> None:
        self._backward([(place, example) for place in active for example in self.jobs[place].schedule[self.jobs[place].step]])
        rates = torch.zeros(len(self.jobs))
        for place in active:
            job = self.jobs[place]
            rates[place] = job.plan.rate(job.step, job.steps)
        for place in self.optimizer.step(rates):
            job = self.jobs[place]
            job.stopped = True
            log.warning("job %d: the loss is not finite at step %d; it keeps the parameters it had", job.number, job.step)
        for place in active:
            self.jobs[place].step += 1
        self._look([place for place in active if self.jobs[place].held and self.jobs[place].step % self.jobs[place].epoch == 0])

    def _backward(self, chosen: Rows) -> None:
        """Gradients of the sum over jobs of each job's mean loss."""
        sizes = self._sizes(chosen)
        with torch.enable_grad():
            for rows, losses in self._losses(chosen):
                share = torch.tensor([1.0 / max(sizes[place], 1) for place, _ in rows], device=losses.device)
                loss = (losses * share).sum()
                if loss.requires_grad:
                    loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    @torch.no_grad()
    def _look(self, places: Sequence[int]) -> None:
        """Take the loss of the pairs held out, of these jobs."""
        chosen = [(place, example) for place in places for example in self.jobs[place].held]
        totals, sizes = dict.fromkeys(places, 0.0), self._sizes(chosen)
        for rows, losses in self._losses(chosen):
            for (place, _), loss in zip(rows, losses.tolist(), strict=True):
                totals[place] += loss / max(sizes[place], 1)
        for place, total in totals.items():
            job = self.jobs[place]
            if not math.isfinite(total):
                log.warning("job %d: the loss of what it holds out is not finite at step %d", job.number, job.step)
            job.saw(total, self._own(place))

    @torch.no_grad()
    def _compare(self) -> None:
        """Log-probabilities without what is trained: once for all, because they never change."""
        examples = {id(example): example for job in self.jobs for step in (*job.schedule, job.held) for example in step}
        for rows in self._parts([(0, example) for example in examples.values()]):
            logp = self._logprobs(rows, lambda rows: self.lm.bends([example.request for _, example in rows]))
            for (_, example), own in zip(rows, logp, strict=True):
                example.reference = own

    def _losses(self, chosen: Rows) -> Iterator[tuple[Rows, Tensor]]:
        """`chosen` in parts, each with its losses (examples,), not averaged yet."""
        for rows in self._parts(chosen):
            yield rows, loss_of(self.objective, [example for _, example in rows], self._logprobs(rows, self._bends))

    def _bends(self, rows: Rows) -> Bends:
        """The bends of these rows: the requests' own, and what is trained."""
        jobs, places = torch.tensor([place for place, _ in rows]), torch.tensor([example.place for _, example in rows])
        return self.learner.bend(self.lm.bends([example.request for _, example in rows]), self.parameters, jobs, places)

    def _logprobs(self, rows: Rows, bends: Callable[[Rows], Bends]) -> Tensor:
        """(examples, answers): one row for each example where its answers can share one, else a row for each answer."""
        engine, examples = self.lm.engine, [example for _, example in rows]
        answers = len(examples[0].rows)
        branched = answers > 1 and branches(engine)
        made = bends(rows if branched else [row for row in rows for _ in range(answers)])
        with engine.lock, products(engine.model, self.precision):
            return logprobs(engine, examples, made, branched)

    def _parts(self, chosen: Rows) -> list[Rows]:
        if not chosen:
            return []
        before = [0 if example.request.prefix is None else len(example.request.prefix.vectors) for _, example in chosen]
        lengths = [self.learner.ahead + n + example.length for n, (_, example) in zip(before, chosen, strict=True)]
        scored = [int(self.scored * sum(row.answer for row in example.rows)) for _, example in chosen]
        return [[chosen[place] for place in part] for part in parts(lengths, self.tokens, scored, self.room)]

    def _sizes(self, chosen: Rows) -> dict[int, int]:
        """What each job's losses are divided by."""
        sizes: dict[int, int] = {}
        for place, example in chosen:
            sizes[place] = sizes.get(place, 0) + self.objective.size(example)
        return sizes

    def _own(self, place: int) -> dict[str, Tensor]:
        return {name: value[place].detach() for name, value in self.parameters.items()}


def _room(lm: LocalLM, plan: Plan) -> tuple[int, int, float]:
    """Tokens of one forward pass, how many its memory holds, and how many of them a scored token weighs besides, for its logits.

    A rough estimate of what a backward pass holds: 1.5 times every linear module's inputs and outputs, 2.5 times the logits, 4 bytes each.
    """
    passing = 6 * sum(inputs + outputs for inputs, outputs in linears(lm.model).values())
    logits = 10 * int(lm.engine.embedding.weight.shape[0])
    tokens = plan.tokens or (TOKENS_CPU if lm.engine.device.type == "cpu" else TOKENS_GPU)
    return tokens, plan.memory // max(passing, 1), logits / max(passing, 1)
