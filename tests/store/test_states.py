"""A State becomes bytes and comes back the same, to the bit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import StoreError
from idiolect.store import states
from idiolect.types import Adapter, Record, State


def same(a: State, b: State) -> bool:
    arrays = a.arrays.keys() == b.arrays.keys() and all(
        a.arrays[k].dtype == b.arrays[k].dtype and a.arrays[k].shape == b.arrays[k].shape and a.arrays[k].tobytes() == b.arrays[k].tobytes()
        for k in a.arrays
    )
    adapters = a.adapter == b.adapter and (a.adapter is None or a.adapter.name == b.adapter.name)
    plain = (a.text, a.records, repr(dict(a.numbers))) == (b.text, b.records, repr(dict(b.numbers)))
    return arrays and adapters and plain and len(a.parts) == len(b.parts) and all(map(same, a.parts, b.parts))


def a_state(seed: int = 0) -> State:
    draw = np.random.default_rng(seed)
    module = (draw.standard_normal((2, 8)).astype(np.float32), draw.standard_normal((6, 2)).astype(np.float32))
    inner = State("inner", numbers={"k": 3, "nan": math.nan, "inf": -math.inf}, arrays={"half": draw.standard_normal(5).astype(np.float16)})
    return State(
        'Writes short. \U0001f600 \x00 שלום\n"quoted"',
        [Record("p", "a", 1.5), Record("q", "b", 2, "../x")],
        {"mean": 0.1 + 0.2, "minus zero": -0.0},
        {"": np.empty((0, 3)), "one": np.array(7.0), "odd/../name": draw.integers(0, 9, (2, 3, 4))},
        Adapter({"model.layers.0.q_proj": module}, 0.5, "ann's"),
        (inner, State(parts=(State("deep"),))),
    )


def test_everything_comes_back_to_the_bit():
    assert same(states.load(states.dump(a_state())), a_state())
    assert same(states.load(states.dump(State())), State())


def test_the_same_state_gives_the_same_bytes():
    assert states.dump(a_state()) == states.dump(a_state())


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters()), st.dictionaries(st.text(), st.floats()), st.lists(st.text(), max_size=3))
def test_any_text_and_any_number_comes_back(text, numbers, answers):
    state = State(text, [Record(text, answer) for answer in answers], numbers)
    assert same(states.load(states.dump(state)), state)


def test_lone_surrogates_come_back():
    state = State("\ud800 half", [Record("\udfff", "a\ud83d")])
    assert same(states.load(states.dump(state)), state)


def test_arrays_that_are_strided_or_big_endian_keep_their_values():
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    back = states.load(
        states.dump(State(arrays={"t": grid.T, "s": grid[:, ::2], "f": np.asfortranarray(grid), "b": grid.astype(">f4")}))
    ).arrays
    assert all(np.array_equal(back[name], value) for name, value in {"t": grid.T, "s": grid[:, ::2], "f": grid, "b": grid}.items())


def test_the_bytes_are_safetensors():
    from safetensors.numpy import load

    assert set(load(states.dump(State(arrays={"v": np.ones(3)})))) == {"state", "0"}


def test_loaded_arrays_are_read_only_views():
    raw = states.dump(State(arrays={"v": np.ones(3)}))
    with pytest.raises(ValueError, match="read-only"):
        states.load(raw).arrays["v"][0] = 2


def test_a_file_is_mapped_and_not_copied(tmp_path):
    import mmap

    (tmp_path / "x").write_bytes(states.dump(State(arrays={"v": np.arange(1000.0)})))
    array = states.load(states.map_file(tmp_path / "x")).arrays["v"]
    assert isinstance(array.base, mmap.mmap) and np.array_equal(array, np.arange(1000.0))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(StoreError, match="empty"):
        states.map_file(tmp_path / "x")


def test_an_array_that_safetensors_does_not_have_is_refused():
    with pytest.raises(StoreError, match="complex128 cannot be kept"):
        states.dump(State(arrays={"c": np.ones(2, complex)}))
    with pytest.raises(StoreError, match="object cannot be kept"):
        states.dump(State(arrays={"o": np.array([{}])}))


@pytest.mark.parametrize("cut", [0, 4, 8, 40, -1, -20])
def test_cut_bytes_are_refused(cut):
    with pytest.raises(StoreError, match="not a whole saved state"):
        states.load(states.dump(a_state())[:cut])


def test_other_bytes_are_refused():
    import pickle

    from safetensors.numpy import save

    for raw in (pickle.dumps([1]), b"\xff" * 64, b"{}", save({"state": np.ones(3)})):
        with pytest.raises(StoreError, match="not a whole saved state"):
            states.load(raw)


def test_texts_are_found_at_any_depth():
    found = list(states.texts(states.dump(a_state())))
    assert {"inner", "deep", "p", "b"} <= set(found)
