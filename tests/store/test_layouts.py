"""An adapter becomes a row of bytes and comes back: to the bit in fp32, near in fp16 and int8."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import StoreError
from idiolect.store.layouts import BLOCK, HEADER, Layout, takes
from idiolect.types import Adapter


def an_adapter(seed=0, rank=8, width=256, scale=0.5, spread=0.05, name="ann's"):
    """q of a rank, v of half of it, and sizes that fill no block."""
    draw = np.random.default_rng(seed)

    def pair(rank, inputs, outputs):
        return draw.normal(0, 1, (rank, inputs)).astype("f4"), draw.normal(0, spread, (outputs, rank)).astype("f4")

    return Adapter({"l.0.q": pair(rank, width, width), "l.0.v": pair(max(1, rank // 2), width, 7)}, scale, name)


def there_and_back(adapter, precision):
    layout = Layout.of(adapter, precision)
    return Adapter(layout.factors(bytes(HEADER) + layout.encode(adapter)), adapter.scale, adapter.name)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 5))
def test_in_fp32_every_bit_comes_back(rank, width, seed):
    adapter = an_adapter(seed, rank, width)
    back = there_and_back(adapter, "fp32")
    assert back == adapter and list(back.modules) == list(adapter.modules)
    for path, pair in adapter.modules.items():
        assert all(a.tobytes() == b.tobytes() and a.shape == b.shape for a, b in zip(back.modules[path], pair, strict=True))


def test_in_fp32_what_is_no_number_comes_back_too():
    odd = np.array([[np.nan, -np.inf, -0.0, 1e-45]], np.float32)
    assert there_and_back(Adapter({"q": (odd, odd.T.copy())}), "fp32") == Adapter({"q": (odd, odd.T.copy())})


@pytest.mark.parametrize("width", [24, 256])  # factors that end inside a block, and at its end
def test_int8_is_off_by_half_a_step_of_its_own_block_at_most(width):
    adapter = an_adapter(spread=1e-4, width=width)  # B is 10,000 times smaller than A: one scale for both would leave nothing of it
    for path, pair in there_and_back(adapter, "int8").modules.items():
        for back, factor in zip(pair, adapter.modules[path], strict=True):
            flat, near = factor.reshape(-1), back.reshape(-1)
            for at in range(0, len(flat), BLOCK):
                step = np.abs(flat[at : at + BLOCK]).max() / 127
                assert np.abs(flat - near)[at : at + BLOCK].max() <= step * 0.5001
            assert 0 < np.abs(flat - near).max()


def test_int8_takes_zeros_and_the_smallest_numbers():
    tiny = np.array([[0, 1e-45, -3e-44, 1e-38]], np.float32)
    back = there_and_back(Adapter({"q": (tiny, np.zeros((5, 1), np.float32))}), "int8").modules["q"]
    assert np.isfinite(back[0]).all() and np.abs(back[0] - tiny).max() < 1e-39 and not back[1].any()


def test_fp16_is_near():
    adapter = an_adapter()
    for path, pair in there_and_back(adapter, "fp16").modules.items():
        assert all(np.allclose(back, factor, rtol=1e-3, atol=1e-7) for back, factor in zip(pair, adapter.modules[path], strict=True))


def test_a_row_of_int8_is_a_quarter_of_one_of_fp32():
    """64 and 32 thousand numbers: a scale for each 256 numbers adds one part in 64."""
    sizes = {name: Layout((("q", 8, 256, 256), ("v", 8, 256, 256)), name).size for name in ("fp32", "fp16", "int8")}
    assert sizes == {"fp32": 4 * 8192, "fp16": 2 * 8192, "int8": 8192 + 4 * 32}


@pytest.mark.parametrize(("precision", "value"), [("fp16", 70_000), ("fp16", np.nan), ("int8", np.inf), ("int8", np.nan)])
def test_a_number_that_the_precision_cannot_hold_is_refused(precision, value):
    adapter = Adapter({"q": (np.full((1, 4), value, np.float32), np.ones((4, 1), np.float32))}, name="ann's")
    with pytest.raises(StoreError, match=f"ann's.*{precision} cannot hold.*fp32"):
        Layout.of(adapter, precision).encode(adapter)


def test_factors_are_read_only_views_of_one_buffer():
    adapter = an_adapter()
    for precision in ("fp32", "fp16", "int8"):
        layout = Layout.of(adapter, precision)
        factors = layout.factors(bytes(HEADER) + layout.encode(adapter))
        a, b = factors["l.0.q"]
        assert len(factors) == 2 and not a.flags.writeable and not b.flags.writeable and not a.flags.owndata and not b.flags.owndata
        with pytest.raises(KeyError):
            factors["l.1.q"]


def test_what_is_not_float32_or_empty_lies_in_no_row():
    one = np.ones((1, 1))
    assert takes(an_adapter())
    assert (
        not takes(Adapter({}))
        and not takes(Adapter({"q": (one, one)}))
        and not takes(Adapter({"q": (one.astype(">f4"), one.astype("f4"))}))
    )
    assert not takes(Adapter(an_adapter().modules, float("nan")))


def test_a_layout_is_read_back_from_its_text_and_damage_is_told():
    layout = Layout.of(an_adapter(), "int8")
    assert Layout.read(layout.text) == layout and Layout.read(layout.text).name == layout.name
    assert layout.name != Layout.of(an_adapter(), "fp32").name
    for text in ("", "[]", "{}", layout.text[:-3], layout.text.replace("int8", "int4")):
        with pytest.raises(StoreError, match="no head"):
            Layout.read(text)
