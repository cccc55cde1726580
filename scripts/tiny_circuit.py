"""Attention heads drawn by hand before training: one looks at the token before, two look at what followed this token last time.

Together they copy (Olsson et al., In-context Learning and Induction Heads, 2022, arXiv:2209.11895). A model this small, on this
little text, did not find them by itself (docs/LOG.md). Training may change every number of the heads; of the embeddings, the
constant and the slots that the heads write to are held.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

SPREAD = 0.5  # of embeddings: large beside a step of training, which would wash small ones away with all that is drawn here
CONSTANT = 5 * SPREAD  # in coordinate 0 of every embedding: with it a head can attend by distance alone; the tied output cannot see it
SHARP, MATCH, COPY = 5.0, 30.0, 4.0  # logits of the distance, of a match; size of what is written, in embeddings


@torch.no_grad()
def plant(model: LlamaForCausalLM, seed: int = 0) -> None:
    """Writes the heads into blocks 0 and 1 of a freshly initialized Llama with tied embeddings."""
    for block in model.model.layers:  # what a block adds starts at nothing, so that the heads hear each other
        block.self_attn.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()
    config = model.config
    head = config.hidden_size // config.num_attention_heads
    half = head // 2
    drawn = torch.Generator().manual_seed(seed)
    slots, tokens = slice(1, 1 + head), slice(1 + head, config.hidden_size)  # coordinates: previous token | own token
    embedding = model.model.embed_tokens.weight
    embedding.mul_(SPREAD / config.initializer_range)
    embedding[:, 0], embedding[:, slots] = CONSTANT, 0.0
    embedding.register_hook(lambda grad: torch.cat([torch.zeros_like(grad[:, : 1 + head]), grad[:, 1 + head :]], dim=1))
    model.model.norm.weight.fill_(config.initializer_range / SPREAD)  # the tied output then says as little as ever
    rms = embedding.pow(2).mean(dim=1).sqrt().mean()
    constant, unit = CONSTANT / rms, SPREAD / rms  # of the normalized stream
    rates = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)  # radians a token
    features = _orthonormal(head, config.hidden_size - 1 - head, drawn)

    first = model.model.layers[0].self_attn
    fast = 6  # pairs of coordinates that turn fast enough to tell one token's distance from two
    query, key = torch.zeros(head), torch.zeros(head)
    query[:fast], key[:fast], key[half : half + fast] = 1.0, rates[:fast].cos(), rates[:fast].sin()
    size = (SHARP * head**0.5 / constant**2).sqrt()
    for matrix, row in ((first.q_proj.weight, query), (first.k_proj.weight, key)):
        matrix[:head] = 0.0
        matrix[:head, 0] = row * size
    _set(first.v_proj.weight, slice(0, head), tokens, features)
    first.o_proj.weight[slots, :head] = torch.eye(head) * SPREAD / unit

    second = model.model.layers[1].self_attn
    slow = 14  # pairs that hardly turn within the window: what they hold is compared at any distance
    rows = torch.cat([torch.arange(half - slow, half), torch.arange(head - slow, head)])
    size = (MATCH * head**0.5 / (len(rows) * unit**2)).sqrt()
    for number in (0, 1):
        at = number * head
        own = slice(at, at + head)
        copied = _orthonormal(head, config.hidden_size - 1 - head, drawn)
        second.q_proj.weight[own], second.k_proj.weight[own] = 0.0, 0.0
        second.q_proj.weight[at + rows, 1 + head :] = features[: len(rows)] * size
        second.k_proj.weight[at + rows, 1 : 1 + len(rows)] = torch.eye(len(rows)) * size
        _set(second.v_proj.weight, own, tokens, copied)
        second.o_proj.weight[tokens, own] = copied.T * COPY * SPREAD / unit


def _orthonormal(rows: int, columns: int, drawn: torch.Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(columns, rows, generator=drawn))[0].T


def _set(matrix: Tensor, rows: slice, columns: slice, values: Tensor) -> None:
    matrix[rows] = 0.0
    matrix[rows, columns] = values
