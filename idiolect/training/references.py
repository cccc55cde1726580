"""What answers are compared with: log-probabilities under an adapter or under another model, and numbers kept for each example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from idiolect.errors import ModelError, RequestError
from idiolect.models.batches import batches
from idiolect.models.local import LocalLM
from idiolect.training.branches import logprobs
from idiolect.training.loop import Item
from idiolect.training.objective import Example, Key, encoded
from idiolect.types import Adapter


@torch.no_grad()
def references(lm: LocalLM, jobs: Sequence[Sequence[Item]], adapter: Adapter | None = None, by: LocalLM | None = None) -> dict[Key, Tensor]:
    """For each example of the jobs, the log-probabilities (answers,) of its answers, end tokens included; its request's bends hold.

    They are those of `lm`, with `adapter` added where one is given; or of another model `by`, which is put the same token ids. Raises
    ModelError for a model whose tokenizer is another, or whose window is too small: its numbers would be those of other texts.
    """
    model = lm if by is None else _alike(lm, by)
    examples = list(_examples(lm, jobs, ahead=0))
    bent = {adapter: 1.0} if adapter else {}
    if by is not None and (longest := max((len(row.ids) for one in examples for row in one.rows), default=0)) > by.window:
        raise ModelError(
            f"{by.name!r} reads {by.window} tokens, and a row has {longest}: take a model with a window as large as {lm.name!r}'s"
        )
    made: dict[Key, Tensor] = {}
    costs = [(len(example.rows), max(len(row.ids) for row in example.rows)) for example in examples]
    for places in batches(costs, lm.token_budget):
        part = [examples[place] for place in places]
        requests = [example.request.bent(adapters=bent) for example in part for _ in example.rows]
        said = logprobs(model.engine, part, model.bends(requests), branched=False)
        made |= {example.key: own.cpu() for example, own in zip(part, said, strict=True)}
    return made


def noted(lm: LocalLM, jobs: Sequence[Sequence[Item]], numbers: Sequence[Sequence[float]], ahead: int = 0) -> dict[Key, Tensor]:
    """A number for each item of each job, kept as an objective finds it. `ahead`: vectors that the learner puts before every row.

    Raises RequestError for items that are equal and have different numbers: nothing tells which is which, so train them apart.
    """
    made: dict[Key, Tensor] = {}
    flat = [number for own in numbers for number in own]
    for example, number in zip(_examples(lm, jobs, ahead), flat, strict=True):
        if float(made.setdefault(example.key, torch.tensor(float(number)))) != float(torch.tensor(float(number))):
            raise RequestError(f"one and the same item has the numbers {float(made[example.key])} and {number}: train its jobs apart")
    return made


def _examples(lm: LocalLM, jobs: Sequence[Sequence[Item]], ahead: int) -> Iterator[Example]:
    for items in jobs:
        for place, (request, *answers) in enumerate(items):
            yield Example(request, encoded(lm, request, answers, ahead), place)


def _alike(lm: LocalLM, by: LocalLM) -> LocalLM:
    if lm.tokenizer.get_vocab() != by.tokenizer.get_vocab():
        raise ModelError(
            f"{by.name!r} cannot be the reference of {lm.name!r}: its tokenizer is another, so that the same token ids are other texts; "
            "take a model of the same family"
        )
    return by
