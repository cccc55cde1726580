"""Which attention heads tell a person's own texts from others: a linear probe for each head, and the direction in which the two lie apart.

After Zhu, Weng, Yang, Zhang. Personality Alignment of Large Language Models (PAS). ICLR 2025, arXiv:2408.11779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from idiolect.models.activations import activations
from idiolect.models.lm import LM
from idiolect.training.loop import local
from idiolect.training.steering_pairs import held_out
from idiolect.types import Floats, Ints, Request, Steering

STEPS = 12  # of Newton's method: from zero, with the ridge, more change nothing


def last_heads(lm: LM, requests: Sequence[Request], answers: Sequence[str]) -> Floats:
    """What each attention head gives at the last token of each answer: (answers, blocks, heads, head width); zeros without tokens.

    Raises ModelError for a model whose activations are out of reach.
    """
    model = local(lm, "reading activations")
    heads, wide = int(model.model.config.get_text_config().num_attention_heads), model.widths["heads"]
    made = np.zeros((len(answers), len(wide), max(wide)), dtype=np.float32)
    for place, heard in activations(model, requests, answers, "heads"):
        if heard.shape[1]:
            made[place] = heard[:, -1].cpu().numpy()
    return made.reshape(len(answers), len(wide), heads, max(wide) // heads)


def accuracies(seen: Floats, own: Ints, records: Sequence[int], seed: int = 0, trained: float = 0.6) -> Floats:
    """(blocks, heads): the mean of a probe's accuracy on the share of records it learnt from and on the rest.

    `seen` is (texts, blocks, heads, head width), `own` 1 for the person's texts and 0 for others; texts of one record stay together.
    """
    rest = held_out(records, 1 - trained, seed)
    learnt = np.array([record not in rest for record in records])
    columns = np.moveaxis(seen.reshape(len(seen), -1, seen.shape[-1]), 1, 0).astype(np.float64)  # (all heads, texts, head width)
    scale = columns[:, learnt].std(axis=(1, 2), keepdims=True)
    columns = (columns - columns[:, learnt].mean(axis=1, keepdims=True)) / np.where(scale > 1e-9, scale, 1.0)
    columns = np.concatenate([columns, np.ones((*columns.shape[:2], 1))], axis=2)
    right = (np.einsum("hnd,hd->hn", columns, logistic(columns[:, learnt], own[learnt])) > 0) == (own > 0)
    parts = [right[:, part].mean(axis=1) for part in (learnt, ~learnt) if part.any()]
    made: Floats = np.mean(parts, axis=0).reshape(seen.shape[1:3])
    return made


def logistic(seen: Floats, own: Ints, ridge: float = 1.0) -> Floats:
    """(heads, features): the weights that make `own` (texts,), 0 or 1, likeliest, each head from its `seen` (heads, texts, features).

    Held to 0 by ridge / 2 times their squares, but for the last feature's, which is the constant.
    """
    weights = np.zeros((seen.shape[0], seen.shape[2]))
    hold = np.diag([*[ridge] * (seen.shape[2] - 1), 1e-6])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(np.einsum("hnd,hd->hn", seen, weights), -30, 30)))
        slope = np.einsum("hnd,hn->hd", seen, chance - own) + weights @ hold
        bend = np.einsum("hnd,hn,hne->hde", seen, chance * (1 - chance), seen, optimize=True) + hold
        weights -= np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
    return weights


def best_heads(right: Floats, most: int) -> Ints:
    """(heads, 2): block and head of the `most` probes that are right most often (blocks, heads), first to last; of equals the earlier."""
    first = np.argsort(-np.round(right.ravel(), 9), kind="stable")[:most]
    made: Ints = np.stack(np.unravel_index(np.sort(first), right.shape), axis=1).astype(np.int32)
    return made


def shifts(seen: Floats, own: Ints, places: Ints) -> Floats:
    """(heads, head width) for the heads at `places`: one standard deviation of the texts along the way from the others' mean to the own."""
    states = seen[:, places[:, 0], places[:, 1]].astype(np.float64)
    apart = states[own > 0].mean(axis=0) - states[own == 0].mean(axis=0)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    unit = np.divide(apart, length, out=np.zeros_like(apart), where=length > 1e-12)
    made: Floats = (np.einsum("nhd,hd->nh", states, unit).std(axis=0)[:, None] * unit).astype(np.float32)
    return made


def moved(lm: LM, arrays: Mapping[str, Floats], times: float, name: str) -> list[Steering]:
    """The heads at "places" (heads, 2) moved by "shift" (heads, head width), `times` over, at all tokens: a steering for each block.

    As a bias of the projection behind them, W times the move, would do; the weights are left alone.
    """
    made: dict[int, Floats] = {}
    wide = local(lm, "steering heads").widths["heads"]
    for (layer, head), shift in zip(arrays["places"].astype(int).tolist(), arrays["shift"], strict=True):
        vector = made.setdefault(layer, np.zeros(wide[layer], dtype=np.float32))
        vector[head * len(shift) : (head + 1) * len(shift)] = times * shift
    return [Steering(layer, vector, "all", name, "heads") for layer, vector in made.items()]
