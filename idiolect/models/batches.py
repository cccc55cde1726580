"""Work split into batches of like length, and rows padded to one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idiolect.models.encode import Encoded


@dataclass(frozen=True)
class Padded:
    """Rows padded on the left, so that all end together. Every tensor is (rows, tokens) but `embeds` (rows, tokens, width)."""

    ids: Tensor
    mask: Tensor  # 1 where there is a token or a prefix vector
    positions: Tensor
    scope: Tensor  # 1 where the token belongs to the answer
    embeds: Tensor | None  # in place of ids where some row has a prefix


def padded(rows: Sequence[Encoded], prefixes: Sequence[Tensor | None], embedding: torch.nn.Module) -> Padded:
    """`rows` with their prefixes (none, or one entry for each row). Gradients flow to the prefixes."""
    before = [0 if prefix is None else len(prefix) for prefix in prefixes] or [0] * len(rows)
    longest = max(n + len(row.ids) for n, row in zip(before, rows, strict=True))
    ids, mask, scope = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    for i, (n, row) in enumerate(zip(before, rows, strict=True)):
        start = longest - len(row.ids)
        ids[i, start:] = torch.tensor(row.ids)
        mask[i, start - n :] = 1
        scope[i, longest - row.answer :] = 1
    device = next(embedding.parameters()).device
    ids, mask, scope = ids.to(device), mask.to(device), scope.to(device)
    embeds = _with_prefixes(embedding(ids), rows, prefixes) if any(before) else None
    return Padded(ids, mask, (mask.cumsum(dim=-1) - 1).clamp(min=0), scope, embeds)


def _with_prefixes(embeds: Tensor, rows: Sequence[Encoded], prefixes: Sequence[Tensor | None]) -> Tensor:
    made = []
    for row, prefix, own in zip(rows, prefixes, embeds, strict=True):
        start = len(own) - len(row.ids)
        parts = [own] if prefix is None else [own[: start - len(prefix)], prefix.to(own.dtype), own[start:]]
        made.append(torch.cat(parts))
    return torch.stack(made)


def batches(costs: Sequence[tuple[int, int]], budget: int) -> Iterator[list[int]]:
    """Places of `costs`, (rows, longest) each, in batches where all rows times the longest stay within `budget`.

    Longest first, so that whatever does not fit in memory shows at once; what is beyond the budget by itself stands alone.
    """
    batch: list[int] = []
    rows = longest = 0
    for place in sorted(range(len(costs)), key=lambda place: -costs[place][1]):
        more, length = costs[place]
        if batch and (rows + more) * max(longest, length) > budget:
            yield batch
            batch, rows, longest = [], 0, 0
        batch.append(place)
        rows, longest = rows + more, max(longest, length)
    if batch:
        yield batch


def alike(lengths: Sequence[int], spread: float = 0.75) -> list[list[int]]:
    """Places of `lengths` in sets, longest first, where the shortest is at least `spread` of the longest: little padding is computed."""
    sets: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if not sets or lengths[place] < spread * lengths[sets[-1][0]]:
            sets.append([])
        sets[-1].append(place)
    return sets
