"""The log is only added to, by whoever writes to the database; each entry proves the one before, and names nobody."""

import json
import threading

import pytest
from sqlalchemy import text

from idiolect.errors import DataError, StoreError
from idiolect.store import Store
from idiolect.store.audit import CLI, REFUSED, Actor, Audit
from idiolect.types import Record

SHOP = Actor("key-1", "shop", "application")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "people.db") as opened:
        yield opened


@pytest.fixture
def log(store):
    return Audit(store._session)


def filled(log, people=("ann", "bob", "ann")):
    return [log.append(SHOP, "records.add", f"shop\x1f{person}", {"records": number}) for number, person in enumerate(people)]


def by_hand(store, *statements):
    """What somebody with the database does."""
    with store._session("BEGIN IMMEDIATE") as db:
        for statement in statements:
            db.execute(text(statement))


def without_triggers(store):
    """What somebody does who also knows of the triggers."""
    kept = [f"DROP TRIGGER audit_{name}" for name in ("changed", "deleted", "skipped")]
    if store._engine.dialect.name == "postgresql":
        kept = [f"DROP TRIGGER audit_{name} ON audit" for name in ("changed", "emptied")]
    by_hand(store, *kept)


def test_entries_say_who_did_what_and_when_and_are_whole(log):
    made = filled(log)
    assert log.entries(10) == made[::-1]
    assert [(one.number, one.key, one.application, one.role, one.action, one.counts) for one in made] == [
        (number + 1, "key-1", "shop", "application", "records.add", {"records": number}) for number in range(3)
    ]
    verified = log.verify()
    assert verified.whole and (verified.entries, verified.head) == (3, made[-1].digest)


def test_an_empty_log_is_whole(log):
    assert log.verify().whole and log.entries(10) == [] and log.entries(10, None, "ann") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET action = 'nothing' WHERE number = 2",
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit",
        "UPDATE audit_seal SET number = 2",
        "DELETE FROM audit_seal",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(log, store, statement):
    filled(log)
    with pytest.raises(StoreError, match=REFUSED):
        by_hand(store, statement)
    assert log.verify().whole and len(log.entries(10)) == 3


REPLACING = (
    "INSERT OR REPLACE INTO audit SELECT 2, at, key, application, role, 'nothing', person, counts, digest FROM audit WHERE number = 2"
)


@pytest.mark.parametrize("statement", [REPLACING, REPLACING.replace("SELECT 2", "SELECT 9"), REPLACING.replace("SELECT 2", "SELECT NULL")])
def test_sqlite_refuses_to_replace_or_to_leave_a_gap(log, store, statement):
    if store._engine.dialect.name != "sqlite":
        pytest.skip("REPLACE is SQLite's own")
    filled(log)
    with pytest.raises(StoreError, match=REFUSED):
        by_hand(store, statement)
    assert log.verify().whole


CHANGES = {
    "a word": ("UPDATE audit SET action = 'nothing' WHERE number = 2", 2),
    "whose": ("UPDATE audit SET person = NULL WHERE number = 2", 2),
    "when": ("UPDATE audit SET at = at + 1 WHERE number = 2", 2),
    "who": ("UPDATE audit SET key = 'key-2' WHERE number = 2", 2),
    "counts": ("UPDATE audit SET counts = '{}' WHERE number = 2", 2),
    "no counts at all": ("UPDATE audit SET counts = 'x' WHERE number = 2", 2),
    "one taken out": ("DELETE FROM audit WHERE number = 2", 2),
    "the first taken out": ("DELETE FROM audit WHERE number = 1", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_past_the_triggers_is_found_at_its_place(log, store, change):
    filled(log)
    without_triggers(store)
    statement, place = CHANGES[change]
    by_hand(store, statement)
    verified = log.verify()
    assert not verified.whole and verified.broken == place


def test_a_log_that_was_cut_off_or_written_anew_differs_from_what_was_noted(log, store):
    made = filled(log)
    without_triggers(store)
    by_hand(store, "DELETE FROM audit WHERE number = 3")
    assert log.verify().whole, "nothing in a log tells that its end is missing"
    noted = (3, made[2].digest)
    assert log.verify(noted).broken == 3
    log.append(SHOP, "records.add")
    assert log.verify().whole and log.verify(noted).broken == 3
    assert log.verify((2, made[1].digest)).whole


def test_of_whom_an_entry_is_is_known_to_who_knows_the_id_alone(log, store, tmp_path):
    store.add("shop\x1fann-of-the-orchard", [Record("p", "a sentence that nobody else wrote", 1.0)])
    log.append(SHOP, "records.add", "shop\x1fann-of-the-orchard", {"records": 1})
    receipt = store.erase("shop\x1fann-of-the-orchard")
    log.append(SHOP, "erase", "shop\x1fann-of-the-orchard", {"records": receipt.records})
    assert receipt.clean
    found = log.entries(10, None, "shop\x1fann-of-the-orchard")
    assert [one.action for one in found] == ["erase", "records.add"], "the log proves it"
    assert log.entries(10, None, "ann-of-the-orchard") == [] == log.entries(10, None, "toys\x1fann-of-the-orchard")
    store.close()
    assert not any(b"ann-of-the-orchard" in file.read_bytes() for file in tmp_path.iterdir() if file.is_file()), "and names nobody"


def test_what_stands_for_a_person_differs_from_store_to_store(log, tmp_path):
    with Store(tmp_path / "another.db") as other:
        assert log.pseudonym("ann") == log.pseudonym("ann") != Audit(other._session).pseudonym("ann")


@pytest.mark.parametrize("person", ["*", "%", "_", "", "ann%", "\ud800", "an\x00n", "x" * 512, "\u0430nn"])
def test_no_id_stands_for_several(log, person):
    filled(log, ("ann", "bob"))
    assert log.entries(10, None, f"shop\x1f{person}") == [] == log.entries(10, None, person)
    made = log.append(SHOP, "export", person)
    assert log.entries(10, None, person) == [made]


def test_no_text_gets_into_the_log(log):
    for action, counts in (
        ("Ann lives in Oslo", {}),
        ("export", {"city": "Oslo"}),
        ("export", {"Ann in Oslo": 1}),
        ("", {}),
        ("a" * 41, {}),
    ):
        with pytest.raises(DataError, match="never a text") as said:
            log.append(SHOP, action, "ann", counts)
        assert "Oslo" not in str(said.value)
    assert log.entries(10) == []


def test_the_log_is_read_in_pieces(log):
    made = filled(log, ["ann"] * 5)
    first = log.entries(2)
    assert [one.number for one in first] == [5, 4]
    assert [one.number for one in log.entries(9, first[-1].number)] == [3, 2, 1]
    assert made[0].follows("0" * 64) and not made[1].follows("0" * 64)


def test_a_long_log_is_verified_whole(log, monkeypatch):
    monkeypatch.setattr("idiolect.store.audit.BATCH", 3)
    filled(log, ["ann"] * 7)
    assert log.verify().whole and log.verify().entries == 7


def test_threads_add_to_one_chain(log, store):
    def adding():
        for _ in range(10):
            Audit(store._session).append(CLI, "keys.add", "ann")

    threads = [threading.Thread(target=adding) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.verify().whole and log.verify().entries == 40
    assert len(log.entries(100, None, "ann")) == 40


def test_an_entry_is_json_as_it_is(log):
    assert json.loads(json.dumps(filled(log)[0].counts)) == {"records": 0}
