"""The store keeps what it is given, whatever the ids and texts, and opens only what is its own."""

import json
import sqlite3
import stat
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from idiolect.errors import DataError, StoreError
from idiolect.method import Chain, Method
from idiolect.store import Store
from idiolect.types import History, Record, State
from tests.store.test_states import a_state, same

ODD_IDS = [
    "x" * 300,
    "../../etc/passwd",
    "emoji \U0001f600",
    "nul\x00id",
    "nul\x00other",
    "",
    " ",
    "%s'; DROP TABLE users",
    "\ud800",
    "שלום",
    "a/b",
]
BIG = State("big", arrays={"v": np.arange(40_000, dtype=np.float32)})


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        yield opened


def records(n, who="ann"):
    return [Record(f"{who} was asked {i}", f"{who} said {i}", float(i)) for i in range(n)]


def test_records_come_back_in_order_and_whole(store):
    given = [
        Record("p", "late", 5),
        Record("p", "first of equals", 1),
        Record("p", "second of equals", 1),
        Record("", "x\x00y \U0001f600 \u202e", 2),
    ]
    assert store.add("ann", given) == 4
    assert store.user("ann").records == History(given)
    assert [r.answer for r in store.user("ann").records][:2] == ["first of equals", "second of equals"]


def test_adding_twice_adds_nothing(store):
    assert store.add("ann", records(3)) == 3
    assert store.add("ann", records(5)) == 2
    assert store.add("ann", [Record("other", "text", 0, records(1)[0].id), *records(1), *records(1)]) == 0
    assert store.add("bob", records(3)) == 3
    assert len(store.user("ann").records) == 5 and store.user("ann").records[0].answer == "ann said 0"


def test_a_user_without_records_is_known(store):
    assert store.add("ann", []) == 0
    assert store.users() == ["ann"] and len(store.user("ann").records) == 0


def test_any_id_is_kept_apart_from_any_other(store, places, tmp_path):
    for i, name in enumerate(ODD_IDS):
        store.add(name, [Record("p", f"answer {i}", i)])
        store.save(name, "M", {"k": 1}, State(str(i), arrays=BIG.arrays))
    assert store.users() == ODD_IDS
    for i, name in enumerate(ODD_IDS):
        assert store.user(name).records[0].answer == f"answer {i}" and store.load(name, "M", {"k": 1}).text == str(i)
    assert all(path.parent == tmp_path / "p.db.states" for path in tmp_path.rglob("*.safetensors"))
    assert len(list(tmp_path.rglob("*.safetensors"))) == (len(ODD_IDS) if places.in_files else 0)


def test_lone_surrogates_are_kept_without_loss(store):
    record = Record("\ud800 p", "a \udfff", 1, "id\udc00")
    store.add("u", [record])
    assert store.add("u", [record]) == 0
    assert store.user("u").records[0] == record


def test_an_unknown_user_is_an_error(store):
    for call in (store.user, store.provenance, store.export, lambda u: store.load(u, "M", {}), lambda u: store.save(u, "M", {}, State())):
        with pytest.raises(StoreError, match="'nobody' is not in the store"):
            call("nobody")


@pytest.mark.parametrize("when", [float("nan"), 10**400, "yesterday"])
def test_a_time_that_is_no_number_is_refused_before_anything_is_written(store, when):
    bad = Record("p", "a", 0.0, "bad")
    object.__setattr__(bad, "time", when)
    with pytest.raises(DataError, match="'bad' has the time"):
        store.add("ann", [*records(2), bad])
    assert store.users() == []


@pytest.mark.parametrize("state", [a_state(), BIG, State()], ids=["small", "big", "empty"])
def test_states_come_back(store, state):
    store.add("ann", [])
    store.save("ann", "PAG", {"k": 4}, state, "digest")
    store.save_shared("PAG", {"k": 4}, state)
    assert same(store.load("ann", "PAG", {"k": 4}), state) and same(store.load_shared("PAG", {"k": 4}), state)


def test_a_state_belongs_to_a_user_a_method_and_a_configuration(store):
    for user in ("ann", "bob"):
        store.add(user, [])
        for k in (1, 2):
            store.save(user, "PAG", {"k": k, "z": None}, State(f"{user} {k}"))
    assert store.load("ann", "PAG", {"z": None, "k": 2}).text == "ann 2"
    with pytest.raises(StoreError, match="has no state of RAG"):
        store.load("ann", "RAG", {"k": 1, "z": None})
    with pytest.raises(StoreError, match="has no state of PAG"):
        store.load("ann", "PAG", {"k": 3, "z": None})
    with pytest.raises(StoreError, match="fit it first"):
        store.load_shared("PAG", {"k": 1})


def test_saving_again_replaces_and_leaves_no_file(store, places, tmp_path):
    store.add("ann", [])
    for state in (BIG, a_state(), BIG, BIG, State("last", arrays=BIG.arrays)):
        store.save("ann", "M", {}, state)
    assert store.load("ann", "M", {}).text == "last"
    assert [path.parent.name for path in tmp_path.rglob("*.safetensors")] == ["p.db.states"] * places.in_files


def test_provenance_says_where_a_state_comes_from(store):
    store.add("ann", records(2))
    store.save("ann", "PAG", {"k": 4}, State("t"), store.user("ann").records.digest)
    (one,) = store.provenance("ann")
    assert (one.method, one.config, one.history) == ("PAG", {"k": 4}, History(records(2)).digest)
    assert abs(one.created - time.time()) < 60 and one.bytes > 0


def test_a_chain_of_methods_is_a_configuration(store):
    @dataclass(frozen=True)
    class Told(Method):
        k: int = 4

    store.add("ann", [])
    store.save("ann", "Chain", Chain(Told(1), Told()).config, State("1 4"))
    assert store.load("ann", "Chain", Chain(Told(1), Told(4)).config).text == "1 4"
    assert store.provenance("ann")[0].config == {"links": [{"class": "Told", "k": 1}, {"class": "Told", "k": 4}]}
    with pytest.raises(StoreError):
        store.load("ann", "Chain", Chain(Told(4), Told(1)).config)


def test_a_configuration_that_is_not_json_is_refused(store):
    store.add("ann", [])
    with pytest.raises(StoreError, match="cannot be kept"):
        store.save("ann", "M", {"lm": object()}, State())


def test_ten_thousand_records_are_quick(store):
    given = records(10_000)
    start = time.process_time()
    assert store.add("ann", given) == 10_000
    assert store.user("ann").records == History(given)
    assert store.add("ann", given) == 0
    assert time.process_time() - start < 5


def test_reopening_finds_everything(places):
    with Store(places()) as store:
        store.add("ann", records(3))
        store.save("ann", "M", {}, BIG)
        store.save_shared("M", {}, State("shared"))
    url = f"sqlite:///{places()}" if places.in_files else str(places()).replace("postgresql:", "postgresql+psycopg:")
    with Store(url) as store:
        assert store.user("ann").records == History(records(3))
        assert same(store.load("ann", "M", {}), BIG) and store.load_shared("M", {}).text == "shared"


def test_a_state_that_is_open_outlives_its_replacement(store):
    store.add("ann", [])
    store.save("ann", "M", {}, BIG)
    old = store.load("ann", "M", {})
    store.save("ann", "M", {}, State(arrays={"v": np.zeros(40_000)}))
    assert same(old, BIG)


def test_orphans_are_cleaned_at_opening(tmp_path):
    with Store(tmp_path / "p.db") as store:
        store.add("ann", [])
        store.save("ann", "M", {}, BIG)
        store.save_shared("M", {}, BIG)
    folder = tmp_path / "p.db.states"
    for name in ("0123456789abcdef.safetensors", "x.safetensors.half"):
        (folder / name).write_bytes(b"left by a crash")
    with Store(tmp_path / "p.db") as store:
        assert len(list(folder.iterdir())) == 2
        assert same(store.load("ann", "M", {}), BIG) and same(store.load_shared("M", {}), BIG)


def test_a_missing_or_damaged_state_file_is_told(tmp_path):
    with Store(tmp_path / "p.db") as store:
        store.add("ann", [])
        store.save("ann", "M", {}, BIG)
        (path,) = (tmp_path / "p.db.states").iterdir()
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(StoreError, match="not a whole saved state"):
            store.load("ann", "M", {})
        path.unlink()
        with pytest.raises(StoreError, match="is gone"):
            store.load("ann", "M", {})


def test_two_threads_write_and_read_at_once(store):
    failed = []

    def work(who):
        try:
            for i in range(25):
                store.add("both", [Record(who, str(i), i)])
                store.add(who, [Record(who, str(i), i)])
                store.save(who, "M", {}, State(str(i), arrays=BIG.arrays))
                assert store.load(who, "M", {}).text == str(i)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.user("both").records) == 50 and len(store.user("ann").records) == 25


def test_what_is_kept_is_for_its_owner_alone(tmp_path):
    with Store(tmp_path / "p.db") as store:
        store.add("ann", [])
        store.save("ann", "M", {}, BIG)
        for path in tmp_path.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_database_is_set_up_to_lose_nothing(tmp_path):
    with Store(tmp_path / "p.db") as store, store._reading() as db:
        said = {
            name: db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_newer_store_is_refused_and_untouched(tmp_path):
    Store(tmp_path / "p.db").close()
    with sqlite3.connect(tmp_path / "p.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreError, match=r"newer idiolect \(schema 99"):
        Store(tmp_path / "p.db")


def test_a_database_of_something_else_is_refused_and_untouched(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t (a)")
    db.close()
    before = (tmp_path / "x.db").read_bytes()
    with pytest.raises(StoreError, match="something else"):
        Store(tmp_path / "x.db")
    (tmp_path / "text").write_text("not a database at all, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "text")
    assert (tmp_path / "x.db").read_bytes() == before


@pytest.mark.parametrize("place", [":memory:", "sqlite://", "", "mysql://host/db", "not a url://"])
def test_what_is_not_a_file_is_refused(place):
    with pytest.raises(StoreError, match="give a path"):
        Store(place)


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)


def test_a_closed_store_says_so(places):
    store = Store(places())
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.users()


def test_folders_on_the_way_are_made(tmp_path):
    with Store(tmp_path / "deep" / "er" / "p.db") as store:
        assert store.users() == [] and store.path == tmp_path / "deep" / "er" / "p.db" and store.place == str(store.path)


def test_an_export_is_json_and_comes_back_elsewhere(store, places):
    store.add("ann", [*records(3), Record("\ud800", "x\x00", 9)])
    store.save("ann", "PAG", {"k": 4}, a_state(), "digest")
    store.save("ann", "OPPU", {}, BIG)
    exported = json.loads(json.dumps(store.export("ann")))
    assert exported["user"] == "ann" and exported["records"][0]["answer"] == "ann said 0"
    assert exported["states"][0]["state"]["parts"][0]["text"] == "inner"
    with Store(places("other")) as other:
        assert other.import_(exported) == 4 and other.import_(exported) == 0
        assert other.user("ann").records == store.user("ann").records
        assert same(other.load("ann", "PAG", {"k": 4}), a_state()) and same(other.load("ann", "OPPU", {}), BIG)
        assert other.provenance("ann") == store.provenance("ann")
        assert other.export("ann") == store.export("ann") or "nan" in json.dumps(exported).lower()


def test_an_export_of_a_chain_can_be_loaded_by_the_chain(store, places):
    config = {"links": [{"class": "PAG", "k": 1}], "tags": frozenset({"b", "a"})}
    store.add("ann", [])
    store.save("ann", "Chain", config, State("x"))
    with Store(places("other")) as other:
        other.import_(store.export("ann"))
        assert other.load("ann", "Chain", config).text == "x"


def test_a_damaged_export_is_refused_before_anything_is_written(store, places):
    store.add("ann", records(2))
    store.save("ann", "M", {}, State(arrays={"v": np.ones(4)}))
    whole = json.dumps(store.export("ann"))
    with Store(places("other")) as other:
        for old, new in (
            ('"records"', '"recs"'),
            ('"base64": "', '"base64": "!'),
            ('"shape": [4]', '"shape": [5]'),
            ('"ann"', "7"),
            ("F64", "F65"),
        ):
            with pytest.raises(DataError, match="damaged"):
                other.import_(json.loads(whole.replace(old, new, 1)))
        for nothing in ({}, {"format": "x"}, [], None):
            with pytest.raises(DataError, match="not an exported user"):
                other.import_(nothing)
        assert other.users() == []
