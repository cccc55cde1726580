"""One forward pass of a Hugging Face model over rows each bent in their own way; generation, scores and training stand on it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from idiolect.models.batches import Padded, padded
from idiolect.models.bends import Bends, bent, listening
from idiolect.models.encode import Encoded


class Engine:
    """A model and the lock around it: bends hang on the model only during a forward pass, and passes of other threads wait."""

    def __init__(self, model: Any) -> None:
        self.model, self.lock = model, threading.RLock()
        self.embedding = model.get_input_embeddings()
        self.device: torch.device = self.embedding.weight.device
        self.dtype: torch.dtype = self.embedding.weight.dtype
        self.keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def padded(self, rows: Sequence[Encoded], bends: Bends) -> Padded:
        """The rows as one input, prefixes and all."""
        return padded(rows, bends.prefixes, self.embedding)

    def logits(self, batch: Padded, bends: Bends, keep: int, cache: DynamicCache | None = None) -> Tensor:
        """(rows, keep, vocabulary): what the last `keep` positions say of their next tokens."""
        given = {"input_ids": batch.ids} if batch.embeds is None else {"inputs_embeds": batch.embeds}
        asked = {"logits_to_keep": keep} if self.keeps else {}
        with self.lock, bent(self.model, bends, batch.scope):
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

    def answer_logits(self, rows: Sequence[Encoded], bends: Bends) -> Tensor:
        """(rows, longest answer, vocabulary): the logits that each answer token was predicted from, aligned at the end."""
        keep = max(row.answer for row in rows) + 1
        return self.logits(self.padded(rows, bends), bends, keep)[:, :-1]

    def answer_logprobs(self, rows: Sequence[Encoded], bends: Bends) -> tuple[Tensor, Tensor]:
        """Log-probabilities in nats (rows, longest answer), aligned at the end, and a mask that is 1 where a token was scored.

        Gradients flow to the tensors of `bends`. Padding has log-probability 0.
        """
        logits = self.answer_logits(rows, bends).float()
        targets, mask = self.targets(rows)
        chosen = logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(dim=-1)
        return chosen * mask, mask

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
