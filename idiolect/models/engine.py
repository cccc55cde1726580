"""One forward pass of a Hugging Face model over rows each bent in their own way; generation, scores and training stand on it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from idiolect.models.batches import Padded, padded
from idiolect.models.bends import Bends, bent, listening, listening_before_head
from idiolect.models.encode import Encoded
from idiolect.models.kernels import swift
from idiolect.models.lean import Lean
from idiolect.models.tail import tail


class Engine:
    """A model and the lock around it: bends hang on the model only during a forward pass, and passes of other threads wait."""

    def __init__(self, model: Any) -> None:
        self.model, self.lock = model, threading.RLock()
        self.embedding = model.get_input_embeddings()
        self.device: torch.device = self.embedding.weight.device
        self.dtype: torch.dtype = self.embedding.weight.dtype
        self.linears = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
        self.lean = Lean(model)
        self.keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def padded(self, rows: Sequence[Encoded], bends: Bends) -> Padded:
        """The rows as one input, prefixes and all."""
        return padded(rows, bends.prefixes, self.embedding)

    def logits(self, batch: Padded, bends: Bends, keep: int, cache: DynamicCache | None = None) -> Tensor:
        """(rows, keep, vocabulary): what the last `keep` positions say of their next tokens."""
        with self.lock:
            if cache is not None and self.lean.fits(batch, cache):
                return self._step(batch, bends, cache)[0]
        given = {"input_ids": batch.ids} if batch.embeds is None else {"inputs_embeds": batch.embeds}
        asked = {"logits_to_keep": keep} if self.keeps else {}
        with self.lock, swift(self.linears), bent(self.model, bends, batch.scope):
            made = self.model(
                **given,
                **asked,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        kept: Tensor = made.logits[:, -keep:]
        return kept

    def _step(self, batch: Padded, bends: Bends, cache: DynamicCache) -> tuple[Tensor, Tensor]:
        steering = dict(bends.everywhere)
        for layer, vectors in bends.decoding.items():
            steering[layer] = steering[layer] + vectors if layer in steering else vectors
        inside = Bends(bends.lora, bends.jobs, bottleneck=bends.bottleneck, inner=bends.inner)
        with swift(self.linears), bent(self.model, inside, batch.scope):
            return self.lean.step(batch, steering, cache)

    def logits_and_states(self, batch: Padded, bends: Bends, keep: int, cache: DynamicCache | None = None) -> tuple[Tensor, Tensor]:
        """`logits`, and the states of all positions as the head would be given them: (rows, tokens, width)."""
        with self.lock:
            if cache is not None and self.lean.fits(batch, cache):
                return self._step(batch, bends, cache)
            with listening_before_head(self.model) as heard:
                logits = self.logits(batch, bends, keep, cache)
        return logits, heard[-1]

    def answer_logits(self, rows: Sequence[Encoded], bends: Bends) -> Tensor:
        """(rows, longest answer, vocabulary): the logits that each answer token was predicted from, aligned at the end."""
        keep = max(row.answer for row in rows) + 1
        return self.logits(self.padded(rows, bends), bends, keep)[:, :-1]

    def answer_states(self, rows: Sequence[Encoded], bends: Bends, keep: int = 1) -> tuple[Tensor, list[Tensor]]:
        """The logits of the last `keep` positions, and the states that each answer token was predicted from: (answer tokens, width)."""
        logits, states = self.logits_and_states(self.padded(rows, bends), bends, keep)
        return logits, [own[len(own) - 1 - row.answer : -1] for own, row in zip(states, rows, strict=True)]

    def answer_logprobs(self, rows: Sequence[Encoded], bends: Bends) -> tuple[Tensor, Tensor]:
        """Log-probabilities in nats (rows, longest answer), aligned at the end, and a mask that is 1 where a token was scored.

        Gradients flow to the tensors of `bends`. Padding has log-probability 0, and the vocabulary is not asked about it.
        """
        batch, (targets, mask) = self.padded(rows, bends), self.targets(rows)
        row, column = mask.nonzero(as_tuple=True)
        before = batch.ids.shape[1] - mask.shape[1] - 1  # what a token was predicted from stands one to its left
        chosen = self.logprobs_at(batch, bends, (row, column + before), targets[row, column])
        return torch.zeros_like(mask).masked_scatter(mask.bool(), chosen), mask

    def logprobs_at(self, batch: Padded, bends: Bends, at: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
        """Log-probability in nats of each of `targets` (n,) as the token after position `at` (rows, columns; (n,) each): (n,).

        Only these positions go through the last block, and to the vocabulary, where the model's architecture lets them.
        """
        if not len(targets):
            return torch.zeros(0, device=self.device)
        rows, columns = at[0], at[1] - batch.ids.shape[1]  # columns counted from the end
        keep, head = int(-columns.min()), self.model.get_output_embeddings()
        with self.lock, tail(self.model, keep), _only(head, self._bent_paths(bends), rows, columns) as selected:
            logits = self.logits(batch, bends, keep)
        logits = logits[:, 0] if selected else logits[rows, columns]
        made: Tensor = _Chosen.apply(logits.float(), targets)  # type: ignore[no-untyped-call]  # torch's own
        return made

    def _bent_paths(self, bends: Bends) -> list[Any]:
        return [self.model.get_submodule(path) for path in (*bends.lora, *bends.bottleneck)]

    def targets(self, rows: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
        """Answer tokens (rows, longest answer), aligned at the end, and a float mask that is 1 where there is one."""
        longest = max(row.answer for row in rows)
        ids, mask = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest)
        for i, row in enumerate(rows):
            start = longest - row.answer
            ids[i, start:] = torch.tensor(row.ids[row.prompt :], dtype=torch.long)
            mask[i, start:] = 1.0
        return ids.to(self.device), mask.to(self.device)

    def stream_at_answers(self, rows: Sequence[Encoded], bends: Bends, layer: int) -> list[Tensor]:
        """The residual stream after block `layer` where the input is an answer token: one (answer tokens, width) for each row."""
        with self.lock, listening(self.model, layer) as heard:
            self.logits(self.padded(rows, bends), bends, 1)
        return [stream[len(stream) - row.answer :] for stream, row in zip(heard[-1], rows, strict=True)]


class _Chosen(torch.autograd.Function):
    """Log-probability of one token each: logits (n, vocabulary), targets (n,) -> (n,). One pass over the vocabulary each way."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        total = logits.logsumexp(dim=-1)
        ctx.save_for_backward(logits, targets, total)
        return logits.gather(-1, targets[:, None])[:, 0] - total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, targets, total = ctx.saved_tensors
        made = (logits - total[:, None]).exp_().mul_(-grads[0][:, None])
        return made.scatter_add_(-1, targets[:, None], grads[0][:, None]), None


@contextmanager
def _only(head: Any, bent: Sequence[Any], rows: Tensor, columns: Tensor) -> Iterator[list[bool]]:
    """Inside, the head is given these positions alone, each as a row of one token; the list is empty if it was not asked or is bent."""
    selected: list[bool] = []

    def select(module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor]:
        selected.append(True)
        return (args[0][rows, columns][:, None],)

    if head is None or head._forward_hooks or any(head is module for module in bent):  # a bent head must be able to tell rows apart
        yield selected
        return
    handle = head.register_forward_pre_hook(select)
    try:
        yield selected
    finally:
        handle.remove()
