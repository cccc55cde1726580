"""The products with a model's frozen weights while it trains what bends it: in bf16, or in fp32 by oneDNN; all else stays fp32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idiolect.models.kernels import pays
from idiolect.models.places import outputs_first, sizes

_HALVES: WeakKeyDictionary[nn.Module, tuple[int, Tensor]] = WeakKeyDictionary()  # module -> version of its weight, its bf16 copy


def resolved(precision: str, device: torch.device) -> str:
    """What "auto" means on this device: "bf16" or "fp32"."""
    if precision != "auto":
        return precision
    return "bf16" if device.type != "cpu" or _multiplies_bf16() else "fp32"


@contextmanager
def products(model: nn.Module, precision: str) -> Iterator[None]:
    """Inside, forward passes of `model` (and the backward passes of what they made) take products with fp32 weights in `precision`.

    Where oneDNN does not pay (`models.kernels`), fp32 is left to torch. The weights are never touched: modules get another `forward`, and
    keep nothing of it afterwards. Other threads must not use the model meanwhile: hold the engine's lock.
    """
    half = precision == "bf16"
    changed: list[nn.Module] = []
    try:
        for module in model.modules() if half or pays() else ():
            if sizes(module) is not None and _is_frozen_fp32(module, half) and "forward" not in module.__dict__:
                changed.append(module)
                module.__dict__["forward"] = _in_bf16(module) if half else _by_onednn(module)
        yield
    finally:
        for module in changed:
            module.__dict__.pop("forward", None)


class _Product(torch.autograd.Function):
    """x W^T + b with a frozen W: the gradient goes to x alone, and nothing is kept for it but W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _onednn(grads[0].contiguous(), ctx.weight.t(), None), None, None


class _HalfProduct(torch.autograd.Function):
    """The same with x, W and the gradient rounded to bf16, and fp32 results."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        made = F.linear(x.to(weight.dtype), weight).to(x.dtype)
        return made if bias is None else made.add_(bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return (grads[0].to(ctx.weight.dtype) @ ctx.weight).to(grads[0].dtype), None, None


def _by_onednn(module: Any) -> Any:
    weight = outputs_first(module)
    return lambda x: _Product.apply(x, weight, module.bias)  # type: ignore[no-untyped-call]  # torch's own


def _in_bf16(module: Any) -> Any:
    version, half = _HALVES.get(module, (-1, module.weight))
    if version != module.weight._version:
        version, half = module.weight._version, outputs_first(module).to(torch.bfloat16)
        _HALVES[module] = version, half
    return lambda x: _HalfProduct.apply(x, half, module.bias)  # type: ignore[no-untyped-call]  # torch's own


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return made


def _is_frozen_fp32(module: Any, half: bool) -> bool:
    weight = module.weight
    return weight.dtype == torch.float32 and not weight.requires_grad and (half or weight.device.type == "cpu")


def _multiplies_bf16() -> bool:
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask() for ask in asked if ask)
