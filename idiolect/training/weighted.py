"""LoRA adapters trained on questions as well as answers, each kind with its own weight in the loss: the primitive of PLUM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.training.loop import Learner, Pair, Plan, local, train
from idiolect.training.sft import PLAN, LoRA, lora
from idiolect.types import Adapter, ask

OPENING = "What does this person ask?"  # asked where the question is what is to be learnt


def weighted(
    lm: LM,
    jobs: Sequence[Sequence[Pair]],
    *,
    question: float,
    answer: float,
    rank: int = 8,
    modules: Sequence[str] = ("q_proj", "v_proj"),
    plan: Plan = PLAN,
) -> list[Adapter]:
    """One adapter for each job, trained on its pairs: a token of an answer weighs `answer` in the loss, one of a question `question`.

    A question is learnt as the answer to `OPENING`, so that nothing of the wording around it weighs anything. Weights of 0 and 1 are
    `sft`. Raises RequestError for weights below 0.
    """
    if not (question >= 0 and answer >= 0):
        raise RequestError(f"weights of {question} for questions and {answer} for answers: neither can be below 0")
    kinds = [weight for weight in (question, answer) if weight > 0]
    rows = [[row for pair in pairs for row in _rows(pair, question, answer)] for pairs in jobs]
    inner = lora(lm, 1, rank, rank, modules, plan)
    trained = train(local(lm, "fine-tuning"), rows, Weighted(inner, kinds or [0.0]), plan)
    return [inner.adapter(parameters, "") for parameters in trained]


class Weighted(Learner):
    """A LoRA for each job, whose pairs weigh, by their places, `weights` in turn, over and over."""

    def __init__(self, inner: LoRA, weights: Sequence[float]) -> None:
        self.inner, self.weights = inner, torch.tensor(weights, device=inner.device)

    def start(self, jobs: int) -> dict[str, Tensor]:
        return self.inner.start(jobs)

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        rows = self.inner.bend(bends, parameters, jobs, places).rows(torch.arange(len(jobs), device=self.inner.device))
        weight = self.weights[places.to(self.inner.device) % len(self.weights)]
        return replace(rows, lora={path: (_weighing(a, weight), _weighing(b, weight)) for path, (a, b) in rows.lora.items()})


def _weighing(stack: Tensor, weight: Tensor) -> Tensor:
    """A copy for each row, whose gradient is the row's times its weight: as if the row's loss were multiplied by it."""
    rows = stack.expand(len(weight), -1, -1).clone()
    if rows.requires_grad:
        rows.register_hook(lambda grad: grad * weight[:, None, None])  # type: ignore[no-untyped-call]  # torch's own
    return rows


def _rows(pair: Pair, question: float, answer: float) -> list[Pair]:
    asked = [(ask(OPENING), pair[0].question)] if question > 0 else []
    return [*asked, pair] if answer > 0 else asked
