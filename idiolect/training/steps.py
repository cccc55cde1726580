"""Steps on examples that are made as one goes: answers drawn from what was just learnt, preferences under weights drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from idiolect.models.bends import Bends
from idiolect.models.local import LocalLM
from idiolect.training.adam import Adam
from idiolect.training.branches import branches, logprobs
from idiolect.training.loop import Learner, Parameters
from idiolect.training.objective import Example
from idiolect.training.parts import parts
from idiolect.training.precision import products
from idiolect.types import Request

Rows = Sequence[tuple[int, Example]]  # a job's number, and an example, whose `place` the learner is told
Loss = Callable[[list[int], Tensor], Tensor]  # places in the rows (n,), log-probabilities (n, answers) -> (n,), to be averaged by job
TOKENS = 2_048  # of a forward pass


class Steps:
    """The parameters of some jobs under way, and the optimizer's state. Nothing here draws anything; `clip` is of a job's gradient norm."""

    def __init__(self, lm: LocalLM, learner: Learner, jobs: int, clip: float = 1.0) -> None:
        self.lm, self.learner, self.jobs = lm, learner, jobs
        self.parameters = learner.start(jobs)
        self.optimizer = Adam(self.parameters, 0.0, clip)

    def own(self, job: int) -> Parameters:
        """The parameters of one job as they are now: a copy."""
        return {name: value[job].detach().clone() for name, value in self.parameters.items()}

    def results(self) -> list[Parameters]:
        """Those of every job."""
        return [self.own(job) for job in range(self.jobs)]

    @torch.no_grad()
    def reference(self, rows: Rows) -> Tensor:
        """(rows, answers): log-probabilities in nats without what is trained; the requests' own bends hold."""
        return self._gathered(rows, lambda requests, _: self.lm.bends(requests))

    @torch.no_grad()
    def now(self, rows: Rows, learner: Learner | None = None) -> Tensor:
        """(rows, answers): log-probabilities in nats with it."""
        own = learner or self.learner
        return self._gathered(rows, lambda requests, chosen: self._bent(own, requests, chosen))

    def step(self, rows: Rows, loss: Loss, rate: float, learner: Learner | None = None) -> None:
        """One step of Adam against the sum over jobs of each job's mean loss. `learner` may be told more of these rows than the first one.

        A job whose gradient is not finite stays where it is.
        """
        own, counts = learner or self.learner, [sum(job == one for one, _ in rows) for job in range(self.jobs)]
        with torch.enable_grad():
            for places in self._parts(rows):
                chosen = [rows[place] for place in places]
                losses = loss(places, self._logprobs(chosen, lambda requests, chosen: self._bent(own, requests, chosen)))
                share = torch.tensor([1.0 / counts[job] for job, _ in chosen], device=losses.device)
                (losses * share).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
        self.optimizer.step(torch.tensor([rate if count else 0.0 for count in counts]))

    def _gathered(self, rows: Rows, bends: Callable[[list[Request], Rows], Bends]) -> Tensor:
        made: dict[int, Tensor] = {}
        for places in self._parts(rows):
            made |= zip(places, self._logprobs([rows[place] for place in places], bends), strict=True)
        return torch.stack([made[place] for place in range(len(rows))])

    def _bent(self, learner: Learner, requests: list[Request], chosen: Rows) -> Bends:
        """`chosen` may be each example once, or once for each of its answers."""
        jobs, places = torch.tensor([job for job, _ in chosen]), torch.tensor([example.place for _, example in chosen])
        return learner.bend(self.lm.bends(requests), self.parameters, jobs, places)

    def _logprobs(self, rows: Rows, bends: Callable[[list[Request], Rows], Bends]) -> Tensor:
        engine, examples = self.lm.engine, [example for _, example in rows]
        branched = len(examples[0].rows) > 1 and branches(engine)
        each = list(rows) if branched else [row for row in rows for _ in row[1].rows]
        with engine.lock, products(engine.model, "fp32"):
            return logprobs(engine, examples, bends([example.request for _, example in each], each), branched)

    def _parts(self, rows: Rows) -> list[list[int]]:
        prefixes = [0 if example.request.prefix is None else len(example.request.prefix.vectors) for _, example in rows]
        lengths = [self.learner.ahead + n + example.length for n, (_, example) in zip(prefixes, rows, strict=True)]
        return parts(lengths, TOKENS, [0] * len(rows), TOKENS * 64)
