"""What the training benchmarks train on: people's pairs of exactly so many tokens, and a tight PEFT loop to compare with."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from people import QV, RANK, SCALE, question

from idiolect.models.local import LocalLM
from idiolect.training.sft import LoRA
from idiolect.types import Request

PROMPT, ANSWER = 48, 16  # tokens of one example, the end token with the answer
LR, DECAY, CLIP = 2e-3, 0.01, 1.0
WORDS = "fix add test date parse file list name user page time read write open close and of the a in to for".split()


def answer(lm: LocalLM, seed: int, tokens: int) -> str:
    """Random words that are so many tokens, the end token among them."""
    random, text = np.random.default_rng(seed), ""
    while True:
        for word in (*random.permutation(WORDS), *"abcdefghij"):
            longer = f"{text} {word}".strip()
            length = len(lm.encoder.answer(longer)[0]) + 1
            text = longer if length <= tokens else text
            if length == tokens:
                return text


def pairs(lm: LocalLM, person: int, count: int, prompt: int = PROMPT) -> list[tuple[Request, str]]:
    """A person's pairs, `prompt` tokens asked and ANSWER answered."""
    asked = [question(lm, 1000 * person + i, prompt) for i in range(count)]
    return [(request, answer(lm, 1000 * person + i, ANSWER)) for i, request in enumerate(asked)]


def tensors(lm: LocalLM, taught: Sequence[tuple[Request, str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, tokens) ids, and labels that are -100 where the prompt stands."""
    rows = [lm.encode(request, text, end=True) for request, text in taught]
    ids = torch.tensor([row.ids for row in rows])
    labels = ids.clone()
    labels[:, : rows[0].prompt] = -100
    return ids, labels


@contextmanager
def wrapped(lm: LocalLM, model: Any) -> Iterator[Any]:
    """`model` in PEFT's hands with a fresh LoRA on q and v, which starts where ours does; the model alone again afterwards."""
    import peft

    made = peft.get_peft_model(model, peft.LoraConfig(r=RANK, lora_alpha=RANK * SCALE, target_modules=list(QV), lora_dropout=0.0))
    begun = LoRA(lm, lm.linear_paths(QV), RANK, SCALE, 0).start(1)
    for path in lm.linear_paths(QV):
        made.base_model.model.get_submodule(path).lora_A["default"].weight.data.copy_(begun[f"{path}|A"][0])
    yield made
    made.unload()
    model.requires_grad_(False)


def descend(model: Any, steps: int, loss: Callable[[], torch.Tensor]) -> list[float]:
    """torch's AdamW, clipped, its rate falling linearly to zero; the loss of each step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    adamw, seen = torch.optim.AdamW(trained, lr=LR, weight_decay=DECAY), []
    for step in range(steps):
        adamw.param_groups[0]["lr"] = LR * (1 - step / steps)
        adamw.zero_grad()
        made = loss()
        made.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        adamw.step()
        seen.append(float(made.detach()))
    return seen


def peak(way: Callable[[], object]) -> float:
    """MB of resident memory that `way` takes at its highest, beyond what was held before; 0 where the system does not say (not Linux)."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return 0.0
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not hide what is taken now
    clear.write_text("5", encoding="ascii")  # forget the highest so far
    before = _kilobytes(status, "VmRSS")
    way()
    return (_kilobytes(status, "VmHWM") - before) / 1024


def _kilobytes(status: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text(encoding="utf-8").splitlines() if line.startswith(field))
