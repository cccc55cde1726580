"""A sealed store: no byte of it says what a person said, and of an erased person no copy of it can be read any more."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from idiolect.assistant import Assistant, Kept, configured
from idiolect.errors import StoreError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.retrieval.encoding import HashedWords
from idiolect.retrieval.index import Index
from idiolect.store import Store
from idiolect.store.keys import KeyGone, Keys
from idiolect.store.lessons import Lessons
from idiolect.store.paging import Pages
from idiolect.store.replies import Given, Replies
from idiolect.store.wishes import Gone, Noted, Wishes, gone, noted
from idiolect.types import Adapter, Fact, Record, State, ask

SECRET = "the tide comes in at nine"
CANARY = "xylophagous wombats of Quetzaltenango"
RECORDS = [
    Record("What do you keep?", f"I keep {CANARY}.", 1.0, "r1"),
    Record("", "Rain \ud800 and \0 wind", 2.0, "r2"),
    Record("Better?", f"{CANARY} are better", 3.0, "r3", "edit", f"the {CANARY} draft"),
]
WEIGHTS = np.frombuffer(CANARY.encode()[:36], np.float32)
ADAPTER = Adapter({"m.q_proj": (np.tile(WEIGHTS, (2, 1)), np.tile(WEIGHTS[:4, None], (1, 2)).astype(np.float32))}, 0.5, "own")
BIG = np.resize(np.frombuffer(CANARY.encode()[:36], np.float32), 20_000)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys", SECRET)


def filled(place, keys):
    """A store in which everything that is kept of ann says the canary."""
    store = Store(place, keys=keys)
    store.add("ann", RECORDS)
    store.add("bob", [Record("", "Something else entirely", 1.0, "r1")])
    state = State(CANARY, RECORDS, {"n": 1.0}, {"v": BIG}, ADAPTER, facts=(Fact(CANARY, ("r1",), 1.0),))
    store.save("ann", "oppu", {"k": 1}, state, "h")
    store.save_shared("cfrag", {}, State("of all", people={"ann": State(CANARY, arrays={"v": WEIGHTS}), "bob": State("bob's")}))
    index = Index(store, HashedWords())
    index.complete()
    replies = Replies(store._session)
    replies.add([Given("reply-1", "ann", 1.0, "m", "rag", f"{CANARY}?", f"{CANARY}!", (f"profile:{CANARY}",))], 10)
    Wishes(store._session).put("ann", [noted(Noted("f1", CANARY, 1.0, "added")), gone(Gone(f"no {CANARY}"))])
    lessons = Lessons(store._session)
    lessons.want("ann", "m", "oppu")
    lessons.finish(lessons.take(), f"could not learn {CANARY}")
    return store


def search(store, name, query):
    index = Index(store, HashedWords())
    return [record.id for record in index.search(name, query, 3)]


def everything(store):
    with store._reading() as db:
        return b"".join(block for _, blocks in store._database.kept(db, [*store._files, *store._adapters]) for block in blocks)


def test_no_byte_of_a_sealed_store_says_what_a_person_said(places, keys):
    with filled(places(), keys) as store:
        raw = everything(store)
        assert CANARY.encode() not in raw and CANARY.encode()[:36] not in raw and b"Something else" not in raw
    with filled(places("plain"), None) as store:
        assert CANARY.encode() in everything(store)  # so that the search could have found it


def test_everything_reads_back_as_it_was_put_in_also_after_it_was_opened_again(places, keys, tmp_path):
    place = places()
    filled(place, keys).close()
    with Store(place, keys=Keys(tmp_path / "keys", SECRET)) as store:
        assert list(store.user("ann").records) == RECORDS and store.records("ann").records == RECORDS
        state = store.load("ann", "oppu", {"k": 1})
        assert state.text == CANARY and state.adapter == ADAPTER and (state.arrays["v"] == BIG).all() and state.facts[0].text == CANARY
        assert store.adapters("oppu", {"k": 1}).load("ann") == ADAPTER
        shared = store.load_shared("cfrag", {})
        assert shared.people["ann"].text == CANARY and shared.people["bob"].text == "bob's"
        given = Replies(store._session).get("reply-1")
        assert (given.question, given.text, given.because) == (f"{CANARY}?", f"{CANARY}!", (f"profile:{CANARY}",))
        wished = Wishes(store._session).of("ann")
        assert wished.facts[0].text == CANARY and wished.gone[0].text == f"no {CANARY}"
        assert CANARY in Lessons(store._session).of("ann")[0].why
        assert search(store, "ann", "wombats")[0] in ("r1", "r3")
        pages = Pages(store._session)
        assert (
            pages.named("ann", ["r1"])["r1"] == RECORDS[0]
            and pages.same("ann", RECORDS[2]) == "r3"
            and pages.same("bob", RECORDS[2]) is None
        )
        assert [user.id for user in map(store.user, store.users())] == ["ann", "bob"]


def test_what_one_exports_another_sealed_store_takes(places, keys, tmp_path):
    with filled(places(), keys) as store, Store(places("other"), keys=Keys(tmp_path / "others", SECRET)) as other:
        assert other.import_(store.export("ann")) == 3
        assert list(other.user("ann").records) == RECORDS and other.load("ann", "oppu", {"k": 1}).adapter == ADAPTER


def test_a_copy_made_before_an_erasure_cannot_be_read_afterwards(tmp_path, keys):
    filled(tmp_path / "people.db", keys).close()
    shutil.copytree(tmp_path, tmp_path / "backup", ignore=shutil.ignore_patterns("keys"))
    with Store(tmp_path / "backup" / "people.db", keys=keys) as copy:
        assert copy.user("ann").records[0] == RECORDS[0]  # as long as nobody was erased
    with Store(tmp_path / "people.db", keys=keys) as store:
        receipt = store.erase("ann")
        assert receipt.clean and receipt.beyond == ("backups of the keys",)
    with Store(tmp_path / "backup" / "people.db", keys=Keys(tmp_path / "keys", SECRET)) as copy:
        assert copy.user("bob").records[0].answer == "Something else entirely"
        for read in (
            lambda: copy.user("ann"),
            lambda: copy.load("ann", "oppu", {"k": 1}),
            lambda: copy.adapters("oppu", {"k": 1}).load("ann"),
            lambda: search(copy, "ann", "wombats"),
            lambda: Replies(copy._session).get("reply-1"),
            lambda: Wishes(copy._session).of("ann"),
            lambda: copy.add("ann", [Record("", "more", 9.0)]),
        ):
            with pytest.raises(KeyGone, match="erase"):
                read()
        assert "ann" not in copy.load_shared("cfrag", {}).people and "bob" in copy.load_shared("cfrag", {}).people
        assert copy.erase("ann").records == 3 and copy.users() == ["bob"]
        copy.add("ann", RECORDS[:1])
        assert list(copy.user("ann").records) == RECORDS[:1]


def test_who_was_erased_and_comes_again_starts_anew_in_every_process(places, keys, tmp_path):
    place = places()
    with filled(place, keys) as store, Store(place, keys=Keys(tmp_path / "keys", SECRET)) as other:
        assert len(other.user("ann").records) == 3
        assert store.erase("ann").clean
        store.add("ann", [Record("", "back again", 5.0)])
        assert [record.answer for record in other.user("ann").records] == ["back again"]
        other.add("ann", [Record("", "and on", 6.0)])
        assert [record.answer for record in store.user("ann").records] == ["back again", "and on"]


def test_an_erasure_that_was_cut_short_after_the_key_went_is_finished_by_another(places, keys, monkeypatch):
    with filled(places(), keys) as store:
        destroy = Keys.destroy

        def and_then_the_power_fails(self, user_id):
            destroy(self, user_id)
            raise StoreError("the power failed")

        monkeypatch.setattr(Keys, "destroy", and_then_the_power_fails)
        with pytest.raises(StoreError, match="power"):
            store.erase("ann")
        monkeypatch.undo()
        with pytest.raises(KeyGone):
            store.user("ann")
        receipt = store.erase("ann")
        assert receipt.records == 3 and receipt.states == 1 and receipt.clean and store.users() == ["bob"]
        assert list(store.load_shared("cfrag", {}).people) == ["bob"]


def test_of_what_is_forgotten_the_vector_goes_and_the_others_stay_right(places, keys):
    with filled(places(), keys) as store:
        before = search(store, "ann", "rain wind")
        assert store.forget("ann", ["r1"]).records == 1
        assert [one for one in before if one != "r1"] == search(store, "ann", "rain wind")[:2]
        assert [record.id for record in store.user("ann").records] == ["r2", "r3"]


def test_a_store_says_which_keys_it_wants(places, keys, tmp_path):
    place = places()
    filled(place, keys).close()
    with pytest.raises(StoreError, match="is sealed: say where its keys are"):
        Store(place)
    with pytest.raises(StoreError, match="sealed with other keys"):
        Store(place, keys=Keys(tmp_path / "others", SECRET))
    with Store(places("plain")) as plain:
        plain.add("ann", RECORDS)
    with pytest.raises(StoreError, match="export"):
        Store(places("plain"), keys=keys)


def test_what_happens_is_kept_and_used_as_in_a_store_without_keys(places, keys):
    with Store(places(), keys=keys) as store:
        echo = ScriptedLM(lambda request: request.messages[0].content, name="echo")
        kept = Kept(store, "rag", configured("echo", RAG()))
        Assistant(echo, RAG(), kept).observe("ann", RECORDS[0])
        (told,) = Assistant(echo, RAG(), kept).replies(["ann"], [ask("What do you keep?")])
        assert CANARY in told.text


def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path, keys):
    code = (
        "import sys; from idiolect.store import Store; from idiolect.store.keys import Keys; from idiolect.types import Record\n"
        "store = Store(sys.argv[1], keys=Keys(sys.argv[2], sys.argv[3]))\n"
        "for n in range(10**6):\n store.add(f'u{n % 7}', [Record('', f'text {n}', n)]); print(n, flush=True)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "p.db"), str(tmp_path / "keys"), SECRET]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as writer:
        said = [int(writer.stdout.readline()) for _ in range(40)]
        writer.kill()
        said += [int(line) for line in writer.stdout.read().split()]
    with Store(tmp_path / "p.db", keys=keys) as store:
        kept = {record.answer for user in store.users() for record in store.user(user).records}
    assert {f"text {n}" for n in said} <= kept
