"""The network that writes adapters: what it makes of some numbers, and that order, number and padding of records do not matter."""

import numpy as np
import pytest
import torch

from idiolect.training.encoder import drawn
from idiolect.training.hypernetwork import Hypernetwork, averaged, shapes
from idiolect.types import ask

PATHS = {"one": (32, 16), "two": (8, 32)}


@pytest.fixture(scope="module")
def net():
    """Random throughout, where a fresh one has zeros in every B."""
    made = drawn(lambda: Hypernetwork(32, PATHS, 2, 3), 0).requires_grad_(False)
    for up in made.up:
        up.copy_(torch.randn(up.shape, generator=torch.Generator().manual_seed(1)))
    return made


def test_the_adapter_of_some_numbers_is_everybodys_and_as_much_of_each_ones_own(net):
    made = net.factors(torch.tensor([[0.5, -1.0, 0.25]]))
    for (a, b), down, up in zip(made.values(), net.down, net.up, strict=True):
        assert torch.equal(a[0], down)
        assert torch.allclose(b[0], up[0] + 0.5 * up[1] - up[2] + 0.25 * up[3], atol=1e-6)


def test_the_adapter_that_requests_carry_has_the_factors_of_the_row(net):
    traits = torch.tensor([[0.5, -1.0, 0.25], [0.0, 1.0, 0.0]])
    adapter, rows = net.adapter(traits[1], "own"), net.factors(traits)
    for path, (a, b) in adapter.modules.items():
        assert np.allclose(a, rows[path][0][1]) and np.allclose(b, rows[path][1][1].T)
    assert adapter.name == "own" and adapter.scale == 1.0


def test_order_number_and_padding_of_records_do_not_matter(net):
    history, there = torch.randn(1, 6, 2, 32, generator=torch.Generator().manual_seed(2)), torch.ones(1, 6, dtype=torch.bool)
    one = net.traits(history, there)
    assert torch.allclose(one, net.traits(history.flip(1), there), atol=1e-6)
    assert torch.allclose(one, net.traits(torch.cat([history, history], dim=1), torch.cat([there, there], dim=1)), atol=1e-6)
    padded = torch.cat([history, torch.full((1, 2, 2, 32), 9.0)], dim=1), torch.cat([there, ~there[:, :2]], dim=1)
    assert torch.allclose(one, net.traits(*padded), atol=1e-6) and one.abs().max() < 1


def test_of_nobody_nothing_is_known(net):
    history, there = torch.full((1, 1, 2, 32), 7.0), torch.zeros(1, 1, dtype=torch.bool)
    assert not averaged(history, there).any() and not net.traits(history, there).any()


def test_a_fresh_network_writes_adapters_that_change_nothing(llama):
    fresh = drawn(lambda: Hypernetwork(4, shapes(llama.lm, ("q_proj", "v_proj")), 2, 3), 0).requires_grad_(False)
    bent = ask("Of foxes?").bent(adapters={fresh.adapter(torch.ones(3), "own"): 1.0})
    one, other = llama.lm.score([bent, ask("Of foxes?")], ["the fox sleeps"] * 2)
    assert one.nats == pytest.approx(other.nats, abs=1e-5)
