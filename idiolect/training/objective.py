"""What a job's loss is: a function of the log-probabilities of each example's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.encode import Encoded
from idiolect.models.local import LocalLM
from idiolect.types import Request

Key = tuple[Request, tuple[tuple[int, ...], ...]]  # an example by its content: what is asked, and the token ids of its rows
Numbers = tuple[float, ...] | Mapping[Key, Tensor]  # of examples: by their places in turn, over and over; or of each by its key


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

    @property
    def key(self) -> Key:
        """Names what it is, wherever it stands."""
        return self.request, tuple(row.ids for row in self.rows)


class Objective:
    """Likelihood of the answer: its negative log-probability, averaged over the answer tokens of a job's step. Others override."""

    compares = False  # with the model as it is without what is trained

    def size(self, example: Example) -> int:
        """How much the example counts in the average over its job's step."""
        return sum(row.answer for row in example.rows)

    def loss(self, logp: Tensor, reference: Tensor | None, tokens: Tensor) -> Tensor:
        """(examples,), to be averaged, from log-probabilities and numbers of tokens, all (examples, answers)."""
        return -logp.sum(dim=1)

    def reference(self, examples: Sequence[Example]) -> Tensor | None:
        """What log-probabilities are compared with, (examples, answers)."""
        references = [example.reference for example in examples if example.reference is not None]
        return torch.stack(references) if self.compares else None

    def losses(self, examples: Sequence[Example], logp: Tensor) -> Tensor:
        """`loss` of these examples. Objectives override this that need more of an example than its log-probabilities."""
        tokens = torch.tensor([[row.answer for row in example.rows] for example in examples], device=logp.device)
        return self.loss(logp, self.reference(examples), tokens)


LIKELIHOOD = Objective()


def encoded(lm: LocalLM, request: Request, answers: Sequence[str], ahead: int) -> tuple[Encoded, ...]:
    """A row for each answer with its end token, after one and the same prompt: where the window cuts it, the one most cut."""
    rows = [lm.encode(request, answer, end=True, reserve=ahead) for answer in answers]
    shared = min(rows, key=lambda row: row.prompt)
    prompt = shared.ids[: shared.prompt]
    return tuple(Encoded(prompt + row.ids[row.prompt :], row.answer, row.chars, shared.dropped) for row in rows)


def loss_of(objective: Objective, examples: Sequence[Example], logp: Tensor) -> Tensor:
    """The objective's (examples,) for these log-probabilities (examples, answers)."""
    return objective.losses(examples, logp)


def numbers_of(numbers: Numbers, examples: Sequence[Example], like: Tensor) -> Tensor:
    """(examples, ...): the numbers of these examples, where `like` is. Raises RequestError for an example that has none."""
    if not isinstance(numbers, Mapping):
        return like.new_tensor([numbers[example.place % len(numbers)] for example in examples])
    found = [numbers.get(example.key) for example in examples]
    if any(one is None for one in found):
        raise RequestError(
            "numbers are kept by what is asked and answered, and an example has none: make them of the jobs that are trained"
        )
    return torch.stack([one for one in found if one is not None]).to(like)
