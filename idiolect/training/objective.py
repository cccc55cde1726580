"""What a job's loss is: a function of the log-probabilities of each example's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idiolect.models.encode import Encoded
from idiolect.models.local import LocalLM
from idiolect.types import Request


@dataclass
class Example:
    """A request, which says how its rows are bent, and a row for each of its answers; `place` counts the examples of its job."""

    request: Request
    rows: tuple[Encoded, ...]
    place: int
    reference: Tensor | None = None  # (answers,): log-probabilities without what is trained, where the objective asks for them

    @property
    def length(self) -> int:
        """Tokens of the prompt and of all answers."""
        return self.rows[0].prompt + sum(row.answer for row in self.rows)

    @property
    def prompt(self) -> tuple[int, ...]:
        """Token ids before the answers, the same for all."""
        return self.rows[0].ids[: self.rows[0].prompt]


class Objective:
    """Likelihood of the answer: its negative log-probability, averaged over the answer tokens of a job's step. Others override."""

    compares = False  # with the model as it is without what is trained

    def size(self, example: Example) -> int:
        """How much the example counts in the average over its job's step."""
        return sum(row.answer for row in example.rows)

    def loss(self, logp: Tensor, reference: Tensor | None, tokens: Tensor) -> Tensor:
        """(examples,), to be averaged, from log-probabilities and numbers of tokens, all (examples, answers)."""
        return -logp.sum(dim=1)


LIKELIHOOD = Objective()


def encoded(lm: LocalLM, request: Request, answers: Sequence[str], ahead: int) -> tuple[Encoded, ...]:
    """A row for each answer with its end token, after one and the same prompt: where the window cuts it, the one most cut."""
    rows = [lm.encode(request, answer, end=True, reserve=ahead) for answer in answers]
    shared = min(rows, key=lambda row: row.prompt)
    prompt = shared.ids[: shared.prompt]
    return tuple(Encoded(prompt + row.ids[row.prompt :], row.answer, row.chars, shared.dropped) for row in rows)


def loss_of(objective: Objective, examples: Sequence[Example], logp: Tensor) -> Tensor:
    """The objective's (examples,) for these log-probabilities (examples, answers)."""
    references = [example.reference for example in examples if example.reference is not None]
    tokens = torch.tensor([[row.answer for row in example.rows] for example in examples], device=logp.device)
    return objective.loss(logp, torch.stack(references) if objective.compares else None, tokens)
