"""How a job is trained: rate, epochs, what is held out to know when to stop, and what a pass may take in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.errors import RequestError

PRECISIONS = ("auto", "fp32", "bf16")
PASS_FIELDS = ("wave", "tokens", "memory", "precision")  # of a whole pass: jobs trained together cannot differ in them


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate warms up over `warmup` of a job's steps and falls linearly to zero.

    With `held`, that share of a job's own pairs (drawn by `seed`, one at least, never all) is not trained on: after every epoch their
    loss is taken, the job stops after `patience` epochs without a better one, and its result is the best there was, the start included.

    `precision` is that of the products with the model's frozen weights; all else, the adapters first, stays in fp32. "fp32", the
    default, gives the same adapters on every machine but for rounding of 1e-6, and a person the same alone as in company.
    "bf16" rounds what goes into those products to 8 bits: 1.5 to 2 times as fast where the processor multiplies bf16 itself, slower
    where it does not, and company changes a person's adapter by as much as that rounding does. "auto" is "bf16" where the processor
    does (AVX512-BF16, AMX, a GPU) and "fp32" elsewhere, so that results depend on the machine. A model loaded in bf16 stays as it is.
    """

    lr: float = 1e-3
    epochs: int = 3
    batch: int = 4  # examples of one job in a step
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0  # of a job's own gradient norm
    seed: int = 0
    held: float = 0.0
    patience: int = 1
    wave: int = 16  # jobs trained together, fewer where `memory` holds fewer
    tokens: int | None = None  # of one forward pass, padding included; None: 1,024, which stay in a processor's cache, or 16,384 on a GPU
    memory: int = 2 << 30  # bytes for the parameters and optimizer of a wave, and as many again for a forward pass and its gradients
    precision: str = "fp32"

    def __post_init__(self) -> None:
        positive = min(self.batch, self.wave, self.patience, self.memory, 1 if self.tokens is None else self.tokens) >= 1
        if not positive or min(self.lr, self.epochs, self.clip) < 0 or not 0 <= self.warmup <= 1 or not 0 <= self.held < 1:
            raise RequestError(
                "a plan out of range (batch, wave, tokens, memory, patience >= 1; lr, epochs, clip >= 0; 0 <= warmup <= 1; "
                f"0 <= held < 1): {self}"
            )
        if self.precision not in PRECISIONS:
            raise RequestError(f"no precision is named {self.precision!r}: take one of {', '.join(PRECISIONS)}")

    def split(self, pairs: int) -> tuple[list[int], list[int]]:
        """Which of a job's pairs are trained on, and which are held out."""
        count = min(max(1, round(self.held * pairs)), pairs - 1) if self.held and pairs > 1 else 0
        held = set(random.Random(f"{self.seed}/held").sample(range(pairs), count))
        return [place for place in range(pairs) if place not in held], sorted(held)

    def steps(self, pairs: int) -> int:
        """How many steps a job of so many pairs takes, if it does not stop early."""
        return self.epochs * self.steps_an_epoch(pairs)

    def steps_an_epoch(self, pairs: int) -> int:
        """How many steps see every pair that is trained on once."""
        return -(-len(self.split(pairs)[0]) // self.batch)

    def schedule(self, pairs: int) -> list[list[int]]:
        """The pairs of each step: every epoch a new order, drawn from the seed alone."""
        made: list[list[int]] = []
        for epoch in range(self.epochs):
            shuffled, _ = self.split(pairs)
            random.Random(f"{self.seed}/{epoch}").shuffle(shuffled)
            made += [shuffled[at : at + self.batch] for at in range(0, len(shuffled), self.batch)]
        return made

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step among so many."""
        warm = self.warmup * steps
        rising = (step + 1) / warm if step + 1 < warm else 1.0
        return self.lr * min(rising, (steps - step) / max(steps - warm, 1.0))


def of_each(plan: Plan | Sequence[Plan], jobs: int) -> list[Plan]:
    """A plan for each job. Raises RequestError where their number is another, or where they differ in what belongs to the whole pass."""
    plans = [plan] * jobs if isinstance(plan, Plan) else list(plan)
    if len(plans) != jobs:
        raise RequestError(f"{len(plans)} plans for {jobs} jobs: give one for all, or one for each")
    for name in PASS_FIELDS:
        if len(found := {getattr(one, name) for one in plans}) > 1:
            raise RequestError(f"jobs trained together share their {name}, and these plans say {sorted(found, key=str)}: train them apart")
    return plans
