"""Linear modules computed by oneDNN where torch would take MKL's slow path: half the time on processors that are not Intel's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

FEWEST = 8  # vectors in one product, below which the plain way is as fast


@cache
def pays() -> bool:
    """Whether float32 products are faster in oneDNN here: torch would give them to MKL, and MKL's best kernels are for Intel."""
    both: bool = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own
    if not both or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


@contextmanager
def swift(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, those of `modules` that are float32 linears on the CPU are computed by oneDNN, where that pays and no gradient is asked for.

    Sums may round otherwise. A module that somebody gave a forward of its own is left alone, and nothing is left behind.
    """
    touched = (
        [module for module in modules if isinstance(module, nn.Linear) and _eligible(module)]
        if pays() and not torch.is_grad_enabled()
        else []
    )
    try:
        for module in touched:
            module.__dict__["forward"] = partial(_product, module)
        yield
    finally:
        for module in touched:
            module.__dict__.pop("forward", None)


def _eligible(module: nn.Linear) -> bool:
    if type(module) is not nn.Linear or "forward" in module.__dict__:
        return False
    return module.weight.dtype == torch.float32 and module.weight.device.type == "cpu" and module.weight.is_contiguous()


def _product(module: nn.Linear, x: Tensor) -> Tensor:
    if x.dtype != torch.float32 or x.numel() < FEWEST * module.in_features:
        return linear(x, module.weight, module.bias)
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, module.weight, module.bias, "none", [], "")
    return made
