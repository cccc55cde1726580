"""One more token for rows of a Llama-like model, without the scaffolding around it: the same modules and products, fewer calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from idiolect.models.batches import Padded
from idiolect.models.cache import RoomyLayer

KNOWN = ("transformers.models.llama.modeling_llama.LlamaForCausalLM", "transformers.models.qwen2.modeling_qwen2.Qwen2ForCausalLM")


class Lean:
    """The way through one model, where it is one that is known here. Whatever is not as usual goes the model's own way."""

    def __init__(self, model: Any) -> None:
        self.model, self.modules = model, list(model.modules())
        self.known = f"{type(model).__module__}.{type(model).__qualname__}" in KNOWN

    def fits(self, batch: Padded, cache: DynamicCache | None) -> bool:
        """Whether this is a single token for each row, behind a cache with room, in a known model on which nobody hung anything."""
        if not self.known or cache is None or batch.embeds is not None or batch.ids.shape[1] != 1 or torch.is_grad_enabled():
            return False
        usual = self.model.config._attn_implementation == "sdpa" and not self.model.training
        return usual and all(type(layer) is RoomyLayer for layer in cache.layers) and not any(map(_touched, self.modules))

    def step(self, batch: Padded, steering: Mapping[int, Tensor], cache: DynamicCache) -> tuple[Tensor, Tensor]:
        """Logits of the next token (rows, 1, vocabulary), and the states that the head made them of (rows, 1, width).

        `steering` is layer -> (rows, width), added after that block.
        """
        body = self.model.model
        x = body.embed_tokens.forward(batch.ids)
        turn = body.rotary_emb.forward(x, position_ids=batch.positions)
        for number, (block, past) in enumerate(zip(body.layers, cache.layers, strict=True)):
            x = x + _attended(block.self_attn, block.input_layernorm.forward(x), turn, past)
            y, mlp = block.post_attention_layernorm.forward(x), block.mlp
            x = x + mlp.down_proj.forward(mlp.act_fn.forward(mlp.gate_proj.forward(y)) * mlp.up_proj.forward(y))
            if number in steering:
                x = x + steering[number][:, None].to(x.dtype)
        states: Tensor = body.norm.forward(x)
        return self.model.lm_head.forward(states), states


def _attended(attention: Any, x: Tensor, turn: tuple[Tensor, Tensor], past: RoomyLayer) -> Tensor:
    """x (rows, 1, width) -> (rows, 1, width)."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    heads = (len(x), -1, 1, attention.head_dim)  # of a single token: no axes need to change places
    query, key = apply_rotary_pos_emb(attention.q_proj.forward(x).view(heads), attention.k_proj.forward(x).view(heads), *turn)
    shared = query.view(len(x), key.shape[1], -1, attention.head_dim)  # queries that share a head of keys stand side by side
    joined = past.attended(shared, key, attention.v_proj.forward(x).view(heads), attention.scaling)
    made: Tensor = attention.o_proj.forward(joined.reshape(len(x), 1, -1))
    return made


def _touched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__)
