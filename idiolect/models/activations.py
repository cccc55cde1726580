"""What a model computes on the way, read: the residual stream, the attention heads, the gates, at the tokens of given answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from idiolect.errors import ModelError, RequestError
from idiolect.models.batches import batches
from idiolect.models.lm import check
from idiolect.models.local import LocalLM
from idiolect.models.places import at_site, blocks
from idiolect.types import Request


def activations(lm: LocalLM, requests: Sequence[Request], answers: Sequence[str], site: str) -> Iterator[tuple[int, Tensor]]:
    """(place, (blocks, answer tokens, size)) for each request: what stands at `site` where the input is an answer token.

    That is what `Steering` of that site moves, in float32, with all that bends the requests in it. Handed out batch by batch, the
    longest rows first, so that whoever reads little of it keeps little. Raises ModelError for a model without such a site or that is not
    to be steered, RequestError for a request with a guide.
    """
    check(lm, frozenset({"steering"}), "reading activations")
    if not all(lm.widths.get(site, ())):
        raise ModelError(f"{lm.name!r} has no {site} that is known: its activations cannot be read there")
    if any(request.guide for request in requests):
        raise RequestError("a guide joins what several rows say and has no activations: ask for those of each companion")
    rows = [lm.encode(request, answer) for request, answer in zip(requests, answers, strict=True)]
    return _read(lm, requests, rows, site)


@torch.no_grad()
def _read(lm: LocalLM, requests: Sequence[Request], rows: Sequence[Any], site: str) -> Iterator[tuple[int, Tensor]]:
    for places in batches([(1, len(row.ids)) for row in rows], lm.token_budget):
        own = [rows[place] for place in places]
        bends = lm.bends([requests[place] for place in places])
        with lm.engine.lock, listening_at(lm.model, site, max(row.answer for row in own)) as heard:
            lm.engine.logits(lm.engine.padded(own, bends), bends, 1)
        for row, place in enumerate(places):
            yield place, torch.stack([layer[row, layer.shape[1] - own[row].answer :] for layer in heard]).float()


@contextmanager
def listening_at(model: Any, site: str, keep: int) -> Iterator[list[Tensor]]:
    """Inside, each forward pass adds, block by block, the last `keep` positions of what stands at `site`: (rows, keep, size)."""
    heard: list[Tensor] = []
    modules = [at_site(model, site, layer) for layer in range(len(blocks(model)))]
    undo = [_given(module, heard, keep) if site == "heads" else _gives(module, heard, keep) for module in modules]
    try:
        yield heard
    finally:
        for back in undo:
            back()


def _gives(module: nn.Module, heard: list[Tensor], keep: int) -> Callable[[], None]:
    """Hear what a module gives, behind whatever bends it."""

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        stream = output[0] if isinstance(output, tuple) else output
        heard.append(stream[:, stream.shape[1] - keep :])

    handle = module.register_forward_hook(hook)
    return handle.remove


def _given(module: nn.Module, heard: list[Tensor], keep: int) -> Callable[[], None]:
    """Hear what a module is given. Its forward and not a hook: what bends it stands around the forward, and comes before this."""
    forward, had = module.forward, "forward" in module.__dict__

    def hearing(x: Tensor) -> Tensor:
        heard.append(x[:, x.shape[1] - keep :])
        made: Tensor = forward(x)
        return made

    module.__dict__["forward"] = hearing

    def back() -> None:
        module.__dict__.update(forward=forward) if had else module.__dict__.pop("forward")

    return back
