"""Where a model can be bent: its blocks, their attention heads and gates, and its linear modules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from idiolect.errors import ModelError

JOINS = ("o_proj", "out_proj", "c_proj", "dense", "wo")  # what a model may call the projection behind its attention heads
GATES = ("act_fn", "act", "activation_fn", "activation")  # and the nonlinearity of its feed-forward part
_FOUND: WeakKeyDictionary[nn.Module, dict[str, str | None]] = WeakKeyDictionary()  # block -> the paths of its sites


def blocks(model: Any) -> nn.ModuleList:
    """The model's transformer blocks, first to last. Raises ModelError where they cannot be found."""
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ModelError(f"{type(model).__name__} has no list of {count} blocks: it cannot be steered")


def at_site(model: Any, site: str, layer: int) -> nn.Module:
    """The module where `site` of block `layer` is bent or read: the block itself, the linear module that its attention heads are given
    to, side by side, or the nonlinearity of its feed-forward part, which gives the activations of the gate's neurons.

    Raises ModelError where this model has no such place.
    """
    block = blocks(model)[layer]
    path = "" if site == "residual" else _paths(block)[site]
    if path is None:
        raise ModelError(f"{type(model).__name__} has no {site} that is known in block {layer}: it cannot be steered or read there")
    return block.get_submodule(path)


def widths(model: Any) -> dict[str, list[int]]:
    """By site, how many numbers each block has there; 0 where this model has no such site that is known."""
    stack, made = blocks(model), {"residual": [int(model.get_input_embeddings().weight.shape[1])] * len(blocks(model))}
    made["heads"] = [_inputs(block, _paths(block)["heads"]) for block in stack]
    return made | {"gate": [_inputs(block, _behind_gate(block)) for block in stack]}


def _paths(block: nn.Module) -> dict[str, str | None]:
    """By site inside a block, the path of its module; found once, because a bent model is looked up at every token."""
    if block not in _FOUND:
        names = [(path, path.rpartition(".")[2]) for path, _ in block.named_modules()]
        attention = [path for path, name in names if name in JOINS and ("attn" in path.lower() or "attention" in path.lower())]
        gates = [path for path, name in names if name in GATES and "mlp" in path.lower()]
        heads = (path for path in attention if sizes(block.get_submodule(path)) is not None)
        _FOUND[block] = {"heads": next(heads, None), "gate": next(iter(gates), None)}
    return _FOUND[block]


def _behind_gate(block: nn.Module) -> str | None:
    """The path of the last linear module beside the gate's nonlinearity: it is given as many numbers as there are neurons."""
    gate = _paths(block)["gate"]
    if gate is None:
        return None
    parent = gate.rpartition(".")[0]
    beside = [name for name, module in block.get_submodule(parent).named_children() if sizes(module) is not None]
    return f"{parent}.{beside[-1]}" if beside else None


def _inputs(block: nn.Module, path: str | None) -> int:
    found = None if path is None else sizes(block.get_submodule(path))
    return 0 if found is None else found[0]


def sizes(module: nn.Module) -> tuple[int, int] | None:
    """(inputs, outputs) of a linear module, of either layout; None for any other module."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):  # GPT-2's: the weight is stored (inputs, outputs)
        return int(module.weight.shape[0]), int(module.weight.shape[1])
    return None


def outputs_first(module: Any) -> Tensor:
    """A linear module's weight as (outputs, inputs), a view of it."""
    weight: Tensor = module.weight.detach()
    return weight if isinstance(module, nn.Linear) else weight.t()  # GPT-2's is stored (inputs, outputs)


def linears(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Every linear module that an adapter can bend: path -> (inputs, outputs)."""
    found = ((path, sizes(module)) for path, module in model.named_modules())
    return {path: size for path, size in found if size is not None}


def linear_paths(model: nn.Module, suffixes: Collection[str]) -> list[str]:
    """Paths of the linear modules whose last name is one of `suffixes`, in model order.

    Raises ModelError where a suffix names nothing, with the names there are.
    """
    paths = list(linears(model))
    names = {path.rpartition(".")[2] for path in paths}
    if missing := sorted(set(suffixes) - names):
        raise ModelError(f"the model has no linear module named {', '.join(missing)}; it has: {', '.join(sorted(names))}")
    return [path for path in paths if path.rpartition(".")[2] in suffixes]
