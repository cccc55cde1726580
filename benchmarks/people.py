"""What the decoding benchmarks run on: the bundled model and a random one, prompts of one length, and a LoRA for each of many people."""

from __future__ import annotations

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from idiolect.models.local import LocalLM, load
from idiolect.models.places import linears
from idiolect.types import Adapter, Request, ask

QV = ("q_proj", "v_proj")
ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
TARGETS = {"q,v": QV, "all linear": ALL}
RANK, SCALE = 8, 2.0


def model(name: str) -> LocalLM:
    """ "tiny" (4 M parameters, trained) or "random" (25 M, random weights, the bundled tokenizer). Nothing ends an answer early."""
    tiny = load("tiny")
    lm = tiny if name == "tiny" else LocalLM(_random(), tiny.tokenizer, "random 25 M")
    lm.ends = frozenset()
    return lm


def _random() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 12_000, "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 6, "num_attention_heads": 8}
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    return LlamaForCausalLM(LlamaConfig(**sizes, **ends, max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.05))


def question(lm: LocalLM, seed: int, prompt: int, **sampling: int) -> Request:
    """A question of random words that makes a prompt of exactly `prompt` tokens, template and all."""
    words = np.random.default_rng(seed).permutation("fix add test date parse file list name user page time read write open close".split())
    text = ""
    for word in (*words, *words, *words, *"abcdefghij"):
        longer = f"{text} {word}".strip()
        if len(lm.encode(ask(longer)).ids) <= prompt:
            text = longer
    request = ask(text, **sampling)
    if len(lm.encode(request).ids) != prompt:
        raise SystemExit(f"no question of {prompt} tokens was found: {text!r} makes {len(lm.encode(request).ids)}")
    return request


def adapter(lm: LocalLM, seed: int, targets: tuple[str, ...]) -> Adapter:
    """A random LoRA whose B is not zero, so that people's answers differ."""
    random, shapes = np.random.default_rng(seed), linears(lm.model)

    def pair(path: str) -> tuple[np.ndarray, np.ndarray]:
        inputs, outputs = shapes[path]
        return random.normal(0, inputs**-0.5, (RANK, inputs)).astype("f4"), random.normal(0, 0.05, (outputs, RANK)).astype("f4")

    return Adapter({path: pair(path) for path in lm.linear_paths(targets)}, SCALE, f"person{seed}")
