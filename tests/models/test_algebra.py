"""Sums, shares and truncations of adapters are those of the changes they make, on cases whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.models.algebra import added, delta, factorwise, mixture, scaled, singular_values, subtracted, truncated
from idiolect.types import Adapter


def random(seed, rank=3, inputs=11, outputs=7, scale=1.0, paths=("q", "v")):
    draw = np.random.default_rng(seed)
    modules = {p: (draw.normal(size=(rank, inputs)).astype("f4"), draw.normal(size=(outputs, rank)).astype("f4")) for p in paths}
    return Adapter(modules, scale, f"person {seed}")


def dense(adapter, paths=("q", "v")):
    shape = next((b.shape[0], a.shape[1]) for a, b in adapter.modules.values())
    return np.stack([delta(adapter, path) if path in adapter.modules else np.zeros(shape) for path in paths])


def near(x, y):
    return np.abs(x - y).max() <= 1e-6 * max(1.0, np.abs(y).max())


adapters = st.builds(
    random,
    st.integers(0, 10**6),
    st.integers(1, 9),
    st.just(11),
    st.just(7),
    st.floats(-4, 4),
    st.sampled_from([("q",), ("v",), ("q", "v")]),
)
shares = st.floats(-3, 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(adapters, shares), min_size=1, max_size=4))
def test_a_mixture_changes_the_weights_by_the_sum_of_shares(parts):
    mixed = mixture(parts)
    assert near(dense(mixed), sum(share * dense(one) for one, share in parts))
    for path, (a, _) in mixed.modules.items():
        assert len(a) == sum(len(one.modules[path][0]) for one, _ in parts if path in one.modules)
    assert mixed.scale == 1 and all(factor.dtype == np.float32 for pair in mixed.modules.values() for factor in pair)


@settings(max_examples=30, deadline=None)
@given(adapters, adapters, shares)
def test_sum_difference_and_scale_are_those_of_the_changes(one, other, share):
    assert near(dense(added([one, other])), dense(one) + dense(other))
    assert near(dense(subtracted(one, other)), dense(one) - dense(other))
    assert near(dense(scaled(one, share)), share * dense(one))
    assert near(dense(subtracted(added([one, other]), other)), dense(one))
    assert scaled(one, 2.0).modules is one.modules and scaled(one, 2.0).name == one.name


@settings(max_examples=30, deadline=None)
@given(adapters, st.integers(1, 9))
def test_what_a_truncation_loses_is_the_singular_values_it_drops(adapter, rank):
    small = truncated(adapter, rank)
    for path, values in singular_values(adapter).items():
        assert np.allclose(values, np.linalg.svd(delta(adapter, path), compute_uv=False)[: len(values)], atol=1e-9 * values.max(initial=1))
        lost = np.linalg.norm(delta(adapter, path) - delta(small, path))
        assert abs(lost - np.sqrt((values[rank:] ** 2).sum())) <= 1e-6 * max(1, values.max(initial=0))
        assert len(small.modules[path][0]) == min(rank, len(values))


def test_no_other_adapter_of_that_rank_is_nearer():
    adapter = random(1, rank=6)
    best = np.linalg.norm(delta(adapter, "q") - delta(truncated(adapter, 2), "q"))
    others = [Adapter({"q": (a[[i, j]], b[:, [i, j]])}) for a, b in [adapter.modules["q"]] for i in range(6) for j in range(i)]
    others += [scaled(random(seed, 2), 0.1) for seed in range(20)]
    assert all(np.linalg.norm(delta(adapter, "q") - delta(one, "q")) > best for one in others)


def test_a_truncation_to_a_known_diagonal():
    """diag(5, 3, 1) as B @ A with scale 2: rank 2 leaves diag(5, 3, 0) and loses 1."""
    half = np.eye(3, dtype=np.float32) * np.float32([2.5, 1.5, 0.5])
    small = truncated(Adapter({"q": (half, np.eye(3, dtype=np.float32))}, 2.0, "ann's"), 2)
    assert np.allclose(delta(small, "q"), np.diag([5, 3, 0]), atol=1e-6) and small.name == "ann's"
    a, b = small.modules["q"]
    assert np.allclose(np.linalg.norm(a, axis=1), np.sqrt([5, 3])) and np.allclose(np.linalg.norm(b, axis=0), np.sqrt([5, 3]))


def test_a_sum_of_two_truncates_back_to_what_both_are():
    one = random(3, rank=2)
    assert near(dense(truncated(added([one, one]), 2)), 2 * dense(one))


def test_a_truncation_needs_no_memory_of_the_weights_size():
    import tracemalloc

    wide = random(0, rank=4, inputs=4000, outputs=4000, paths=("q",))
    tracemalloc.start()
    truncated(wide, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000 * 4000 * 8 / 20


def test_averaging_by_factor_is_not_averaging_and_is_done_on_demand_only():
    """B @ A of the two are 1 and 1; their mean is 1. Averaged apart, (1 + 2)/2 * (1 + 1/2)/2 = 1.125."""
    one = Adapter({"q": (np.float32([[1]]), np.float32([[1]]))})
    other = Adapter({"q": (np.float32([[0.5]]), np.float32([[2]]))})
    halves = {one: 0.5, other: 0.5}
    assert delta(mixture(halves), "q") == 1.0
    assert delta(factorwise(halves, strict=True), "q") == 1.125
    with pytest.raises(RequestError, match="mixture"):
        factorwise(halves)


def test_averaging_by_factor_refuses_what_has_no_average():
    for other in (random(1, rank=4), random(1, paths=("q",)), random(1, scale=2.0)):
        with pytest.raises(RequestError, match="2 shapes or scales"):
            factorwise([(random(0), 0.5), (other, 0.5)], strict=True)
    with pytest.raises(RequestError, match="0 adapters"):
        factorwise({}, strict=True)


def test_a_bottleneck_is_scaled_and_nothing_else_because_it_changes_no_weights():
    linear, behind = random(0, inputs=8), Adapter(random(1, inputs=8).modules, 0.5, "ann's", "relu")
    halved = scaled(behind, 0.5)
    assert (halved.scale, halved.activation, halved.name) == (0.25, "relu", "ann's")
    refusals = [
        lambda: mixture({linear: 1.0, behind: 1.0}),
        lambda: subtracted(linear, behind),
        lambda: truncated(behind, 1),
        lambda: singular_values(behind),
        lambda: delta(behind, "q"),
        lambda: factorwise([(behind, 1.0)], strict=True),
    ]
    for refused in refusals:
        with pytest.raises(RequestError, match="ann's is a bottleneck with relu and changes no weights"):
            refused()


def test_adapters_of_different_models_are_not_mixed():
    with pytest.raises(RequestError, match="different models"):
        added([random(0), random(0, inputs=12)])
    with pytest.raises(RequestError, match="rank 0"):
        truncated(random(0), 0)


def test_of_nothing_there_is_a_mixture_that_changes_nothing():
    assert dict(mixture({}).modules) == {} and dict(truncated(mixture({}), 1).modules) == {}
    zero = Adapter({"q": (np.ones((2, 5), np.float32), np.zeros((4, 2), np.float32))})
    assert not delta(truncated(zero, 1), "q").any()


def test_the_engine_gives_a_mixture_what_it_gives_the_parts():
    import torch

    from idiolect.types import ask
    from tests.tiny_models import tiny_llama

    bench = tiny_llama()
    parts = {bench.adapter(1, scale=2.0): 0.7, bench.adapter(2, rank=2): -0.4}
    given = []
    for bent in (parts, {mixture(parts): 1.0}, {truncated(mixture(parts), 6): 1.0}, {}):
        asked = ask("Tell me of the fox").bent(adapters=bent)
        with torch.no_grad():
            given += bench.lm.engine.answer_logits([bench.lm.encode(asked, "the dog sleeps")], bench.lm.bends([asked]))
    assert all(torch.allclose(given[0], other, atol=1e-5) for other in given[1:3])
    assert not torch.allclose(given[0], given[3], atol=1e-2)
