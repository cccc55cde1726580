"""Log-probabilities of several answers to one prompt, read once: the answers stand behind it in one row, unseen by each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from idiolect.models.batches import Padded
from idiolect.models.bends import Bends
from idiolect.models.encode import Encoded
from idiolect.models.engine import Engine
from idiolect.training.objective import Example
from idiolect.types import ask

_EXACT: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # model -> whether a row with branches says what rows apart say


def logprobs(engine: Engine, examples: Sequence[Example], bends: Bends, branched: bool) -> Tensor:
    """(examples, answers) in nats. `bends` has a row for each example where they are `branched`, else one for each answer in turn."""
    answers = len(examples[0].rows)
    if branched:
        batch, at, targets, owner = _branched(engine, examples, bends)
        chosen = engine.logprobs_at(batch, bends, at, targets)
        return torch.zeros(len(examples) * answers, device=engine.device).index_add(0, owner, chosen).view(-1, answers)
    rows = [row for example in examples for row in example.rows]
    return engine.answer_logprobs(rows, bends)[0].sum(dim=1).view(-1, answers)


@torch.no_grad()
def branches(engine: Engine) -> bool:
    """Whether this model can be given branches and says of them exactly what it says of rows apart: tried out once, on a few tokens."""
    model = engine.model
    if model not in _EXACT:
        with engine.lock:
            _EXACT[model] = _sees_all(model.config.get_text_config()) and _agrees(engine)
    return _EXACT[model]


def _agrees(engine: Engine) -> bool:
    size = int(engine.embedding.weight.shape[0])
    ids = [(7 * i + 3) % size for i in range(20)]
    examples = [_example(ids[:6], (ids[6:9], ids[9:11])), _example(ids[11:14], (ids[14:15], ids[15:20]))]
    try:
        one = logprobs(engine, examples, Bends(), branched=True)
    except (RuntimeError, ValueError, TypeError, IndexError):  # an architecture that makes its own mask
        return False
    allowed = 1e-4 if engine.dtype == torch.float32 else 5e-2
    return bool(torch.allclose(one, logprobs(engine, examples, Bends(), branched=False), rtol=allowed, atol=allowed))


def _example(prompt: list[int], answers: Sequence[list[int]]) -> Example:
    return Example(ask(""), tuple(Encoded((*prompt, *answer), len(answer)) for answer in answers), 0)


def _sees_all(config: Any) -> bool:
    """Whether every layer sees the whole row: a sliding window would count an answer that is hidden."""
    kinds = getattr(config, "layer_types", None)
    return all(kind == "full_attention" for kind in kinds) if kinds else not getattr(config, "sliding_window", None)


def _branched(engine: Engine, examples: Sequence[Example], bends: Bends) -> tuple[Padded, tuple[Tensor, Tensor], Tensor, Tensor]:
    """The rows, where their answers' tokens are predicted from (rows, columns), these tokens, and whose they are (example, answer)."""
    rows = [_one_row(example) for example in examples]
    batch = engine.padded(rows, bends)
    length = batch.ids.shape[1]
    branch, back = torch.zeros_like(batch.ids), torch.zeros_like(batch.ids)  # which answer a token is of, 0 for the prompt
    scored: list[tuple[int, int, int, int]] = []  # row, column, token, answer counted over all examples
    for i, example in enumerate(examples):
        first = start = length - rows[i].answer
        for j, row in enumerate(example.rows):
            end = start + row.answer
            branch[i, start:end], back[i, start:end] = j + 1, start - first
            columns = [first - 1, *range(start, end - 1)] if row.answer else []
            scored += [(i, at, token, i * len(example.rows) + j) for at, token in zip(columns, row.ids[row.prompt :], strict=True)]
            start = end
    row_, column, targets, owner = torch.tensor(scored, dtype=torch.long, device=engine.device).reshape(-1, 4).T
    mask = _mask(batch.mask.bool(), branch, engine.dtype)
    return replace(batch, mask=mask, positions=batch.positions - back), (row_, column), targets, owner


def _one_row(example: Example) -> Encoded:
    answers = tuple(token for row in example.rows for token in row.ids[row.prompt :])
    return Encoded(example.prompt + answers, len(answers))


def _mask(there: Tensor, branch: Tensor, dtype: torch.dtype) -> Tensor:
    """(rows, 1, tokens, tokens), to be added: a token sees itself and what is before it of the prompt and of its own answer."""
    before = torch.ones(branch.shape[1], branch.shape[1], dtype=torch.bool, device=branch.device).tril()
    own = (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    itself = torch.eye(branch.shape[1], dtype=torch.bool, device=branch.device)  # padding too must see something
    seen = (before & own & there[:, None, :]) | itself
    return torch.zeros(seen.shape, dtype=dtype, device=branch.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
