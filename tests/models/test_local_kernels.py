"""Linear modules computed by oneDNN: the same products, and modules that are as they were."""

import pytest
import torch
from torch import nn

from idiolect.models import kernels
from idiolect.models.kernels import pays, swift

SHAPES = [(64, 1, 37), (5, 7, 37), (40, 37), (1, 37), (0, 37)]


@pytest.fixture
def swiftly(monkeypatch):
    """As on a processor where oneDNN pays."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise") or not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(kernels, "pays", lambda: True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_the_same_product(swiftly, shape, bias):
    module, x = nn.Linear(37, 53, bias=bias), torch.randn(shape)
    for given in (x, torch.randn(*shape[:-1], 74)[..., ::2]):
        with torch.no_grad(), swift([module]):
            made = module(given)
        assert torch.allclose(made, module(given), atol=1e-5)


def test_it_is_used_where_there_is_no_gradient_and_nothing_is_left(swiftly, monkeypatch):
    calls = []
    monkeypatch.setattr(kernels, "_product", lambda module, x: calls.append(module) or x)
    module, own = nn.Linear(3, 3), nn.Linear(3, 3)
    own.forward = lambda x: x + 1
    with torch.no_grad(), pytest.raises(ZeroDivisionError), swift([module, own, nn.LayerNorm(3), nn.Linear(3, 3).bfloat16()]):
        assert module(torch.ones(9, 3)).sum() == 27 and own(torch.ones(1)) == 2
        raise ZeroDivisionError
    assert calls == [module] and "forward" not in module.__dict__ and "forward" in own.__dict__
    with swift([module]):
        assert module(torch.ones(9, 3)).requires_grad
    assert calls == [module]


def test_it_pays_only_where_torch_would_take_mkl(monkeypatch):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    pays.cache_clear()
    assert not pays()
    pays.cache_clear()
