"""A store full of people learnt: who is done stays done, what hangs on what is known, and a kill at any moment loses nobody."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from idiolect.errors import ModelError, StoreError
from idiolect.fleet import Local, Processes, learn
from idiolect.store import Store
from idiolect.types import Record
from tests.fleet.marked import Drawn, Marked, people, work, written

ROOT = Path(__file__).parents[2]
CONFIG = {"model": "scripted"}

LEARNER = """
import sys
from idiolect.fleet import Local, Processes, learn
from idiolect.store import Store
from tests.fleet.marked import Drawn, work
if __name__ == "__main__":
    folder, on = sys.argv[1:]
    with Store(folder + "/p.db") as store:
        crew = Local() if on == "local" else Processes(2)
        tell = lambda what, done, of: print(what.split()[-1], done, flush=True)
        learn(store, "drawn", {"model": "scripted"}, work(folder, Drawn, slow=0.02), crew, tell=tell)
"""


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "p.db") as opened:
        for user in people(6):
            opened.add(user.id, user.records)
        yield opened


def texts(store):
    return {user_id: store.load(user_id, "m", CONFIG).text for user_id in store.users() if store.provenance(user_id)}


def go(store, folder, crew=None, kind=Marked, again=False, **settings):
    return learn(store, "m", CONFIG, work(folder, kind, **settings), crew or Local(), again=again)


def test_everybody_is_kept_with_the_digest_of_their_records(store, tmp_path):
    made = go(store, tmp_path)
    assert (made.people, made.learnt, made.kept, made.failed) == (6, 6, 0, [])
    assert texts(store)["p03"] == "p03: says 3.0 says 3.1"
    assert store.provenance("p03")[0].history == store.user("p03").records.digest
    assert store.load_shared("m", CONFIG).numbers == {}


def test_processes_keep_what_this_process_would(store, tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    go(store, tmp_path / "a")
    here = texts(store)
    made = go(store, tmp_path / "b", Processes(2), again=True, kills={"p02": 1})
    assert texts(store) == here and made.learnt == 6 and made.lost == ["killed by SIGKILL"]


def test_who_is_kept_is_not_learnt_again_and_no_model_is_opened_for_nothing(store, tmp_path):
    go(store, tmp_path)
    made = go(store, tmp_path)
    assert (made.learnt, made.kept) == (0, 6) and written(tmp_path)["opened"] == 1
    store.add("p03", [Record("Q?", "says more", 9)])
    store.add("new", [Record("Q?", "is new", 1)])
    made = go(store, tmp_path)
    assert (made.learnt, made.kept) == (2, 5)
    assert written(tmp_path)["enrolled p03"] == 2 and written(tmp_path)["enrolled p02"] == 1
    assert texts(store)["p03"].endswith("says more") and texts(store)["new"] == "new: is new"


def test_another_model_or_setting_is_learnt_beside(store, tmp_path):
    go(store, tmp_path)
    made = learn(store, "m", {"model": "other"}, work(tmp_path), Local())
    assert (made.learnt, made.kept) == (6, 0) and len(store.provenance("p00")) == 2


def test_what_people_teach_together_is_learnt_once_and_then_taken_up(store, tmp_path):
    go(store, tmp_path, kind=Drawn)
    drawn = store.load_shared("m", CONFIG).numbers["drawn"]
    store.add("new", [Record("Q?", "is new", 1)])
    made = go(store, tmp_path, Processes(2), kind=Drawn)
    assert (made.learnt, made.kept, made.shared_was_kept) == (1, 6, True)
    assert store.load_shared("m", CONFIG).numbers["drawn"] == drawn == store.load("new", "m", CONFIG).numbers["shared"]
    assert written(tmp_path)["fitted 6"] == 1 and written(tmp_path)["fitted 7"] == 0


def test_again_learns_together_and_everybody_anew(store, tmp_path):
    go(store, tmp_path, kind=Drawn)
    made = go(store, tmp_path, kind=Drawn, again=True)
    assert (made.learnt, made.kept, made.shared_was_kept) == (6, 0, False) and written(tmp_path)["fitted 6"] == 2


def test_states_that_hang_on_what_was_learnt_together_before_are_learnt_again(store, tmp_path):
    """A run with `again` that stopped after two people: the others' states are of the first shared state."""
    go(store, tmp_path, kind=Drawn)
    again = work(tmp_path, Drawn)
    count = []

    def stop(what, done, of):
        count.append(what.startswith("What each"))
        if sum(count) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(store, "m", CONFIG, again, Local(), again=True, tell=stop)
    made = go(store, tmp_path, kind=Drawn)
    assert (made.learnt, made.kept) == (4, 2)
    now = store.load_shared("m", CONFIG).numbers["drawn"]
    assert {store.load(user_id, "m", CONFIG).numbers["shared"] for user_id in store.users()} == {now}


def test_who_fails_is_told_of_and_tried_again_next_time(store, tmp_path):
    made = go(store, tmp_path, fails=("p01",))
    assert made.learnt == 5 and [one.user_id for one in made.failed] == ["p01"] and made.done == 6
    made = go(store, tmp_path)
    assert (made.learnt, made.kept, made.failed) == (1, 5, [])


def test_who_is_erased_while_being_learnt_does_not_come_back(store, tmp_path):
    def erase(what, done, of):
        if what.startswith("What each") and done == 1:
            store.erase("p04")

    made = learn(store, "m", CONFIG, work(tmp_path), Local(), tell=erase)
    assert (made.people, made.learnt, made.failed) == (5, 5, []) and "p04" not in store.users()


def test_a_store_that_fails_ends_the_run_and_keeps_what_was_told(store, tmp_path, monkeypatch):
    save, saved = store.save, []

    def full(user_id, *what):
        if len(saved) == 2:
            raise StoreError("the disk is full")
        save(user_id, *what)
        saved.append(user_id)

    monkeypatch.setattr(store, "save", full)
    before = threading.active_count()
    with pytest.raises(StoreError, match="the disk is full"):
        go(store, tmp_path, Processes(2))
    assert set(texts(store)) == set(saved) and threading.active_count() <= before + 1


def test_a_model_that_cannot_is_told_of_before_anybody_is_tried(store, tmp_path):
    needy = work(tmp_path)
    needy.method.__class__ = type("Needy", (Marked,), {"needs": frozenset({"train"})})
    with pytest.raises(ModelError, match="Needy needs train"):
        learn(store, "m", CONFIG, needy, Local())
    assert texts(store) == {}


@pytest.mark.parametrize(("on", "acknowledged"), [("local", 1), ("local", 23), ("processes", 7)])
def test_killed_at_any_moment_everyone_acknowledged_is_whole_and_the_rest_follows(tmp_path, on, acknowledged):
    with Store(tmp_path / "p.db") as opened:
        for user in people(40):
            opened.add(user.id, user.records)
    command = [sys.executable, "-c", LEARNER, str(tmp_path), on]
    if on == "processes":  # a spawned worker reads its parent's file again
        (tmp_path / "learner.py").write_text(LEARNER)
        command = [sys.executable, str(tmp_path / "learner.py"), str(tmp_path), on]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    for line in run.stdout:
        if line.split() == ["alone", str(acknowledged)]:
            break
    run.send_signal(signal.SIGKILL)
    told = [line for line in run.stdout.read().split("\n")[:-1] if line.startswith("alone")]
    run.wait()
    told_of = int(told[-1].split()[1]) if told else acknowledged
    with Store(tmp_path / "p.db") as opened:
        whole = {user_id: opened.load(user_id, "drawn", CONFIG) for user_id in opened.users() if opened.provenance(user_id)}
        assert told_of <= len(whole) <= told_of + 1
        drawn = opened.load_shared("drawn", CONFIG).numbers["drawn"]
        made = learn(opened, "drawn", CONFIG, work(tmp_path, Drawn), Local())
        assert (made.kept, made.learnt, made.shared_was_kept) == (len(whole), 40 - len(whole), True)
        for user in people(40):
            state = opened.load(user.id, "drawn", CONFIG)
            assert state.text.startswith(f"{user.id}: says") and state.numbers["shared"] == drawn
    assert written(tmp_path)["fitted 40"] == 1
