"""Which space vectors lie in: known again by what its embedder makes of the probes, and replaced only when the next is whole."""

import numpy as np
import pytest

from idiolect.store import Store, chunks, spaces
from idiolect.store.spaces import COMING, CURRENT, LEAVING, Space
from idiolect.types import Record


def a_space(seed=0, width=8, name="m"):
    probe = np.random.default_rng(seed).normal(size=(6, width)).astype(np.float32)
    return Space(name, probe / np.linalg.norm(probe, axis=1, keepdims=True))


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        opened.add("ann", [Record("", "tea", 1)])
        yield opened


def test_a_model_is_known_again_by_its_probes_and_not_by_its_name():
    space = a_space()
    near = Space("elsewhere", space.probe + np.float32(1e-4))
    assert space.same(near) and near.same(space) and space.same(Space("m", space.probe.astype(np.float16).astype(np.float32)))
    assert not space.same(a_space(1)) and not space.same(a_space(width=16)) and a_space(1).fingerprint != space.fingerprint
    changed = space.probe.copy()
    changed[3] = -changed[3]
    assert not space.same(Space("m", changed)), "one probe is enough to tell"
    assert str(space) == f"'m' (8 wide, fingerprint {space.fingerprint[:8]})"


def test_roles_change_in_order_and_keys_are_never_used_twice(store):
    with store._writing() as db:
        first = spaces.begin(db, a_space(1))
        assert first.role == CURRENT and spaces.begin(db, a_space(1)).key == first.key
        second = spaces.begin(db, a_space(2))
        assert second.role == COMING and not spaces.finish(db, second.key), "somebody has no vector in it yet"
        third = spaces.begin(db, a_space(3))
        assert [one.role for one in spaces.kept(db)] == [CURRENT, LEAVING, COMING]
        assert spaces.begin(db, a_space(3)).key == third.key
        back = spaces.begin(db, a_space(2))
        assert back.key > third.key, "what was left is not taken up again"
        db.exec_driver_sql("DELETE FROM stale")
        assert spaces.finish(db, back.key)
        for one in spaces.kept(db):
            if one.role == LEAVING:
                assert spaces.sweep(db, one.key, 0) == 0
        assert [(one.key, one.role) for one in spaces.kept(db)] == [(back.key, CURRENT)]
        assert spaces.kept(db)[0].space.same(a_space(2)) and spaces.make(db, a_space(4), COMING).key > back.key


def test_a_new_space_waits_for_everybody_with_records_and_for_those_who_come(store):
    store.add("without records", [])
    with store._writing() as db:
        key = spaces.begin(db, a_space()).key
        assert spaces.waiting(db, key) == 1
    store.add("bob", [Record("", "coffee", 1)])
    store.add("bob", [Record("", "water", 2)])
    with store._reading() as db:
        assert spaces.waiting(db, key) == 2


def test_a_space_that_leaves_goes_a_few_chunks_at_a_time(store, monkeypatch):
    monkeypatch.setattr(spaces, "SWEPT", 2)
    with store._writing() as db:
        kept, gone = spaces.make(db, a_space(1), CURRENT).key, spaces.make(db, a_space(2), LEAVING).key
        for number in range(5):
            row = (1, kept if number % 2 else gone, f",{number + 1:011d}", bytes(16), None)
            store._database.fetching(db)(chunks.PUT, row)
        after, turns = spaces.sweep(db, gone, 0), 1
        while after:
            after, turns = spaces.sweep(db, gone, after), turns + 1
        assert turns == 4 and [row[0] for row in db.exec_driver_sql("SELECT space FROM vectors")] == [kept, kept]
