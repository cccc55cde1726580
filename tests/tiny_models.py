"""The random little Llama of the model tests, for tests elsewhere, and models that watch, that can less, or that break down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from idiolect.models.lm import check
from idiolect.models.local import LocalLM
from tests.models.conftest import Bench, make_model, make_tokenizer

__all__ = ["Bench", "Watched", "failing", "make_model", "make_tokenizer", "snapshot", "tiny_llama", "unchanged"]


def tiny_llama(window: int = 256) -> Bench:
    """Hidden 32, 2 layers, some 400 tokens, random weights that are always the same."""
    return Bench("llama", window)


class Watched(LocalLM):
    """The same model behind a list of what it can, which keeps every request that was put to it, with the answer where one was given.

    More is refused here than by a LocalLM: likelihoods without "logprobs", training without "train", activations without "steering".
    """

    def __init__(self, lm: LocalLM, can: Iterable[str] | None = None) -> None:
        super().__init__(lm.model, lm.tokenizer, "watched", window=lm.window)
        self.can = LocalLM.can if can is None else frozenset(can)
        self.seen: list[tuple] = []

    def encode(self, request, answer=None, **options):
        self.seen.append((request, answer))
        return super().encode(request, answer, **options)

    def score(self, requests, answers):
        check(self, frozenset({"logprobs"}), "score")
        return super().score(requests, answers)

    def hidden(self, requests, answers, layer):
        check(self, frozenset({"steering"}), "hidden")
        return super().hidden(requests, answers, layer)

    def answer_logprobs(self, rows, bends):
        check(self, frozenset({"train"}), "training")
        return super().answer_logprobs(rows, bends)


@contextmanager
def failing(lm: LocalLM, after: int) -> Iterator[None]:
    """Inside, the model breaks down in the middle of every forward pass but the first `after`, with its bends in place."""
    passes = 0

    def breaks(module, args):
        nonlocal passes
        passes += 1
        if passes > after:
            raise RuntimeError("the model broke down")

    handle = list(lm.model.children())[0].norm.register_forward_pre_hook(breaks)
    try:
        yield
    finally:
        handle.remove()


def snapshot(lm: LocalLM) -> dict[str, torch.Tensor]:
    """The model's weights and buffers, copied."""
    return {name: value.clone() for name, value in lm.model.state_dict().items()}


def unchanged(lm: LocalLM, before: dict[str, torch.Tensor]) -> str:
    """What is not as it was: "" if the weights are equal to the bit and nothing hangs on the model or is left in it."""
    after = lm.model.state_dict()
    moved = [name for name in before if name not in after or not torch.equal(before[name], after[name])]
    hooks = [name for name, module in lm.model.named_modules() if module._forward_hooks or module._forward_pre_hooks]
    open_ = [name for name, value in lm.model.named_parameters() if value.requires_grad or value.grad is not None]
    more = [name for name in after if name not in before]
    found = {"weights moved": moved, "new weights": more, "hooks left": hooks, "gradients left": open_}
    found["training mode"] = ["yes"] if lm.model.training else []
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items() if names)
