"""Erasing a person leaves no byte of theirs, and every byte of everybody else's."""

import time

import numpy as np
import pytest

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.store.scan import Traces
from idiolect.types import Adapter, Record, State
from tests.store.test_states import same

CANARY = "the heron of quixotic Vauxhall ate nineteen saffron buns"
LONG = " ".join(f"word{i * 7919} of a long canary" for i in range(4000))  # many pages of the database
ANN = "ann-\U0001f600-\x00-" + "z9" * 140


def filled(place):
    """A store in which ann and bob share texts, and ann's canaries stand in records, states of every size, and their parts."""
    store = Store(place)
    store.add(
        ANN,
        [
            Record("What did you see?", CANARY, 1),
            Record(LONG, f'"{CANARY}"\n\tagain', 2),
            Record("shared question", "shared answer, said by both", 3),
        ],
    )
    store.add("bob", [Record("What did you see?", "A heron.", 1), Record("shared question", "shared answer, said by both", 3)])
    weights = {"q": (np.ones((4, 300), np.float32), np.ones((300, 4), np.float32))}
    inner = State(f"inner \u2028{CANARY}\nline", [Record("quoted", CANARY[::-1], 1)])
    for who, what in ((ANN, inner), ("bob", State("of bob"))):
        store.save(who, "PAG", {}, State(parts=(what,)), "h")
        store.save(who, "OPPU", {}, State(adapter=Adapter(weights), arrays={"v": np.arange(40_000.0)}, parts=(what,)), "h")
    store.save_shared("OPPU", {}, State("learnt from all"))
    return store


def test_no_byte_is_left_of_the_erased_and_every_one_of_the_others(places, tmp_path):
    store = filled(places())
    before = store.export("bob")
    receipt = store.erase(ANN)
    assert receipt.clean and receipt.found == ()
    assert (receipt.records, receipt.states, receipt.files, receipt.shared) == (3, 2, int(places.in_files), ("OPPU",))
    assert receipt.adapters == 1 and "backups" in receipt.beyond[-1]
    assert store.users() == ["bob"] and store.export("bob") == before
    with pytest.raises(StoreError, match="not in the store"):
        store.user(ANN)
    store.close()  # only now: closing a file that SQLite holds would take its locks away
    left = places.raw()
    assert receipt.searched_bytes > 10_000
    if places.in_files:
        assert receipt.searched_bytes >= len(left)
    pieces = [ANN, "z9z9z9", CANARY, CANARY[::-1], *(f"word{i * 7919} of" for i in range(4000))]
    names = " ".join(map(str, tmp_path.rglob("*"))).encode()
    assert not [piece for piece in pieces if piece.encode() in left or piece.encode() in names]
    assert b"shared answer, said by both" in left


def test_the_canaries_were_there_before(places):
    filled(places()).close()
    together = places.raw()
    assert all(text.encode() in together for text in (ANN, CANARY, CANARY[::-1], "word79190 of"))


def test_what_was_replaced_or_never_checkpointed_is_gone_too(places):
    with filled(places()) as store:
        store.save(ANN, "PAG", {}, State("a second profile, unlike the first"))
        store.save(ANN, "OPPU", {}, State("small now"))
        with Store(places()) as other:
            other.add(ANN, [Record("later", "a late zygote canary", 9)])
        assert store.erase(ANN).clean
    together = places.raw()
    assert not any(text in together for text in (CANARY.encode(), b"a second profile", b"zygote canary"))


def test_two_users_with_the_same_texts_do_not_disturb_each_other(places):
    with Store(places()) as store:
        twins = [Record(LONG, CANARY, i) for i in range(3)]
        for who in ("first twin", "second twin"):
            store.add(who, twins)
            store.save(who, "M", {}, State(LONG, twins, arrays={"v": np.arange(40_000.0)}))
        before = store.export("second twin")
        assert store.erase("first twin").clean
        assert store.export("second twin") == before
        assert same(store.load("second twin", "M", {}), State(LONG, twins, arrays={"v": np.arange(40_000.0)}))
        assert store.erase("second twin").clean
    assert CANARY.encode() not in places.raw()


def test_a_trace_in_what_users_share_is_found(places):
    with filled(places()) as store:
        store.save_shared("PersonaDB", {}, State(f"somebody said {CANARY}"))
        receipt = store.erase(ANN)
        assert receipt.found == (("p.db",) if places.in_files else ("table shared", "file of shared"))
        assert not receipt.clean and receipt.shared == ("OPPU", "PersonaDB")
        store.save_shared("PersonaDB", {}, State(f"somebody said {CANARY}", arrays={"v": np.arange(40_000.0)}))
        store.add(ANN, [Record("", CANARY)])
        found = store.erase(ANN).found
        assert len(found) == (1 if places.in_files else 2) and found[0].endswith(".safetensors" if places.in_files else "shared")


def test_a_name_in_what_another_wrote_is_the_others(places):
    with Store(places()) as store:
        store.add("ann-the-first", [Record("", "hello")])
        store.add("ann-the-first-of-many", [Record("", "I met ann-the-first and she said hello")])
        receipt = store.erase("ann-the-first")
        assert receipt.clean and receipt.unsearched == 1
        assert len(store.user("ann-the-first-of-many").records) == 1


def test_erasing_nobody_is_no_error_and_can_be_repeated(places):
    with filled(places()) as store:
        store.erase(ANN)
        receipt = store.erase(ANN)
        assert (receipt.records, receipt.states, receipt.clean) == (0, 0, True)
        assert store.erase("a stranger").clean and store.users() == ["bob"]


def test_an_erased_user_may_come_back_and_starts_from_nothing(places):
    with filled(places()) as store:
        store.erase(ANN)
        store.add(ANN, [])
        assert len(store.user(ANN).records) == 0 and store.provenance(ANN) == []


def test_a_save_under_way_does_not_bring_the_erased_back(places):
    with filled(places()) as store:
        store.erase(ANN)
        with pytest.raises(StoreError, match="not in the store"):
            store.save(ANN, "PAG", {}, State(CANARY))
        assert store.users() == ["bob"]


def test_a_user_whose_state_is_damaged_can_be_erased(tmp_path):
    with filled(tmp_path / "p.db") as store:
        for path in (tmp_path / "p.db.states").iterdir():
            path.write_bytes(b"damaged")
        assert store.erase(ANN).states == 2
        for path in (tmp_path / "p.db.states").iterdir():
            path.unlink()
        assert store.erase("bob").states == 2


def test_files_are_overwritten_before_they_are_unlinked(tmp_path):
    with filled(tmp_path / "p.db") as store:
        mapped = store.load(ANN, "OPPU", {}).arrays["v"]
        assert mapped[7] == 7
        store.erase(ANN)
        assert not mapped.any()


def test_a_search_finds_a_text_at_any_offset_across_blocks_and_escaped():
    traces = Traces("user-17", ['a "quoted" text of some length\nand another line é', "short"])
    assert traces.unsearched == 1
    raw = b'..a \\"quoted\\" text of some length\\nand another line'
    for offset in range(9):
        for cut in (3, 20, 40):
            stream = b"x" * offset + raw
            assert traces.within([stream[:cut], stream[cut : cut + 1], b"", stream[cut + 1 :]])
    assert traces.within([b"...user", b"-17..."]) == {b"user-17"}
    assert traces.within([b"nothing of the kind is to be seen here " * 100]) == set()
    assert traces.within([]) == set()


def test_erasing_one_of_many_who_share_texts_is_quick(places):
    asked = "Write the title of the paper with this abstract, of which this is the beginning: "
    with Store(places()) as store:
        for who in range(10):
            store.add(f"user number {who}", [Record(f"{asked}{who} {i} " * 5, f"title {i} of {who}", i) for i in range(600)])
        start = time.process_time()
        assert store.erase("user number 7").clean
        assert time.process_time() - start < 6


def test_padding_is_no_trace():
    assert Traces("\x00" * 40, [" " * 40, "\x00" * 100]).within([bytes(1000) + b" " * 1000]) == set()
