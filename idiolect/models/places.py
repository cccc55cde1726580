"""Where a model can be bent: its blocks and its linear modules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from idiolect.errors import ModelError


def blocks(model: Any) -> nn.ModuleList:
    """The model's transformer blocks, first to last. Raises ModelError where they cannot be found."""
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ModelError(f"{type(model).__name__} has no list of {count} blocks: it cannot be steered")


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
