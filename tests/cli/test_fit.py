"""`idiolect fit`: the same people whoever does the learning, taken up where it was stopped, and who fails is named."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from idiolect.cli import fit as command
from idiolect.prompting.stats_profile import StatsProfile
from idiolect.store import Store, states
from tests.fleet.marked import Marked

ROOT = Path(__file__).parents[2]
KIND = "soft_prompt:length=2:epochs=1:seed=3"


def kept(path, method):
    """Every person's state of a method, as bytes."""
    with Store(path) as store:
        done = {user_id: store.provenance(user_id) for user_id in store.users()}
        return {user_id: states.dump(store.load(user_id, method, has[0].config)) for user_id, has in done.items() if has}


def test_processes_keep_what_this_process_keeps_and_again_is_not_redone(run, small, history, columns, tmp_path):
    words = (history, *columns, "--method", KIND, "--model", small)
    assert run("fit", *words, "--store", "here.db").code == 0
    said = run("fit", *words, "--store", "there.db", "--on", "processes", "--workers", 2, "--json")
    told = json.loads(said.out)
    assert said.code == 0 and said.err == ""
    assert {name: told[name] for name in ("on", "workers", "people", "learnt", "kept", "failed", "lost")} == {
        "on": "processes",
        "workers": 2,
        "people": 3,
        "learnt": 3,
        "kept": 0,
        "failed": [],
        "lost": [],
    }
    assert kept("here.db", "soft_prompt").keys() == kept("there.db", "soft_prompt").keys() == {"ann", "bob", "cyd"}
    said = run("fit", *words, "--store", "there.db")
    assert "0 users learnt" in said.out and "3 users kept as they were" in said.out and "idiolect ask ann" in said.err


def test_a_newcomer_is_learnt_on_what_was_learnt_together_and_again_starts_over(run, small, history, columns, tmp_path):
    words = ("--method", KIND, "--model", small, "--store", "people.db")
    assert run("fit", history, *columns, *words).code == 0
    before = kept("people.db", "soft_prompt")
    (tmp_path / "more.jsonl").write_text('{"user": "dee", "time": 1, "prompt": "Title?", "answer": "Of streets"}\n')
    said = run("fit", "more.jsonl", *words)
    assert "1 user learnt" in said.out and "3 users kept" in said.out and "--again learns it from everybody" in said.err
    assert {user_id: raw for user_id, raw in kept("people.db", "soft_prompt").items() if user_id != "dee"} == before
    said = run("fit", "more.jsonl", *words, "--again")
    assert "4 users learnt" in said.out and "kept as" not in said.out
    assert kept("people.db", "soft_prompt")["ann"] != before["ann"]


def test_who_fails_is_named_with_the_reason_and_the_exit_code_says_so(run, small, history, columns, monkeypatch):
    enroll = StatsProfile.enroll

    def fails(self, users, lm):
        if any(user.id == "bob" for user in users):
            raise ValueError("no profile of bob")
        return enroll(self, users, lm)

    monkeypatch.setattr(StatsProfile, "enroll", fails)
    words = ("fit", history, *columns, "--method", "stats_profile", "--model", small, "--store", "people.db")
    said = run(*words)
    assert said.code == 1 and "2 users learnt" in said.out and "Traceback" not in said.err
    assert "bob: ValueError: no profile of bob" in said.err and "1 user could not be learnt" in said.err
    said = run(*words, "--json")
    told = json.loads(said.out)
    assert said.code == 1 and told["failed"] == [{"user_id": "bob", "reason": "ValueError: no profile of bob"}] and told["kept"] == 2


def test_a_worker_that_died_is_told_of_and_its_people_are_there(run, history, columns, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "open_method", lambda spec: Marked(str(tmp_path), kills={"bob": 1}))
    monkeypatch.setattr(command, "open_model", open_nothing)
    said = run("fit", history, *columns, "--store", "people.db", "--on", "processes", "--workers", 2)
    assert said.code == 0 and "3 users learnt" in said.out and "1 worker died (killed by SIGKILL)" in said.err
    assert len(kept("people.db", "rag")) == 3


def open_nothing(name):
    from idiolect.models.scripted import ScriptedLM

    return ScriptedLM()


@pytest.mark.parametrize("words", [("--address", "auto"), ("--on", "processes", "--workers", 0), ("--workers", 2), ("--on", "moon")])
def test_options_that_do_not_go_together_are_wrong_usage(run, history, columns, words):
    assert run("fit", history, *columns, *words).code == 2


def test_a_model_that_cannot_is_told_of_before_anything_is_kept(run, history, columns, tmp_path):
    said = run("fit", history, *columns, "--method", "oppu", "--model", "http://127.0.0.1:9/v1#m", "--store", "people.db")
    assert said.code == 1 and "OPPU needs" in said.err and not (tmp_path / "people.db").exists()


@pytest.mark.parametrize("on", ["local", "processes"])
def test_killed_in_the_middle_the_same_command_goes_on_where_it_was(run, tmp_path, on):
    """With an endpoint that nobody asks anything: quoting needs no model before there is a question."""
    lines = [
        json.dumps({"user": f"p{i:03}", "time": day, "prompt": "Q?", "answer": f"{i} says {day}"}) for i in range(400) for day in (1, 2)
    ]
    (tmp_path / "h.jsonl").write_text("\n".join(lines))
    words = ("fit", "h.jsonl", "--model", "http://127.0.0.1:9/v1#m", "--store", "people.db", "--on", on)
    more = ("--workers", "2") if on == "processes" else ()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([sys.executable, "-m", "idiolect", *words, *more], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while learnt(tmp_path / "people.db") < 5 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    had = kept("people.db", "rag")
    assert 5 <= len(had) < 400
    told = json.loads(run(*words, *more, "--json").out)
    assert (told["people"], told["kept"], told["learnt"]) == (400, len(had), 400 - len(had))
    with Store(tmp_path / "people.db") as store:
        assert all(
            store.load(user_id, "rag", store.provenance(user_id)[0].config).records == store.user(user_id).records for user_id in had
        )


def learnt(path):
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as db:
        there = db.execute("select count(*) from sqlite_master where name = 'states'").fetchone()[0]
        return db.execute("select count(*) from states").fetchone()[0] if there else 0
