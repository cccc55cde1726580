"""Whether a server is alive and ready: a locked store, a full queue and failing writes are told apart, and nothing of a person."""

import sqlite3
import threading
import time

import pytest

from idiolect.errors import StoreError
from idiolect.models.scripted import ScriptedLM
from tests.serve.conftest import Serving
from tests.serve.watched import app_of, heard_of


@pytest.fixture
def serving(tmp_path):
    gateway = heard_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


def not_ready(serving):
    """The parts that are not ready."""
    answered = serving.http.get("/readyz")
    assert answered.status_code == 503 and answered.json()["status"] == "not ready"
    return {name: why for name, why in answered.json()["parts"].items() if why != "ok"}


def test_a_server_that_can_answer_says_so(serving):
    assert serving.http.get("/healthz").json() == {"status": "ok"}
    ready = serving.http.get("/readyz")
    assert ready.status_code == 200 and ready.json() == {
        "status": "ready", "parts": {"store": "ok", "models": "ok", "queue": "ok", "writing": "ok"},
    }  # fmt: skip


def test_a_store_that_does_not_answer_is_told_within_two_seconds_and_asked_once(serving, monkeypatch):
    go, asked = threading.Event(), []

    def stuck(key):
        asked.append(key)
        go.wait(20)

    monkeypatch.setattr(serving.store, "version", stuck)
    for _ in range(3):
        began = time.monotonic()
        assert "no answer within 1 s" in not_ready(serving)["store"]
        assert time.monotonic() - began < 5
    assert serving.http.get("/healthz").status_code == 200 and len(asked) == 1
    monkeypatch.undo()
    go.set()
    until = time.monotonic() + 10
    while serving.http.get("/readyz").status_code != 200:
        assert time.monotonic() < until


def test_a_locked_store_leaves_the_server_alive_and_not_ready(serving):
    serving.store._engine.dispose()  # a reader that is inside would keep others from locking it whole
    lock = sqlite3.connect(serving.store.path, isolation_level=None, timeout=10)
    for step in ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE", "UPDATE users SET version = version"):
        lock.execute(step)
    try:
        assert "no answer" in not_ready(serving)["store"]
        assert serving.http.get("/healthz").status_code == 200
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert serving.http.get("/readyz").status_code == 200


def test_a_store_that_fails_is_told_without_its_message(serving, monkeypatch):
    def broken(key):
        raise StoreError("the diary of ann is corrupt") from sqlite3.DatabaseError("ann")

    monkeypatch.setattr(serving.store, "version", broken)
    why = not_ready(serving)["store"]
    assert "DatabaseError" in why and "diary" not in why


def test_no_model_and_writes_that_fail_are_told(serving):
    serving.app.state.answers.trouble = StoreError("the diary of ann")
    serving.app.state.learner.failing = "the diary of ann"
    why = not_ready(serving)["writing"]
    assert why.startswith("replies and lessons") and "diary" not in why
    serving.app.state.answers.trouble, serving.app.state.learner.failing = None, ""
    voices, serving.gateway.voices = serving.gateway.voices, {}
    assert "--model" in not_ready(serving)["models"]
    serving.gateway.voices = voices


def test_a_full_queue_is_not_ready(tmp_path):
    go = threading.Event()
    gateway = heard_of(
        tmp_path / "people.db", ScriptedLM(lambda _: go.wait(20) and "ok" or "", can=(), name="echo"), threads=2, most_waiting=1
    )
    with Serving(gateway, app_of(gateway)) as serving:
        asking = [threading.Thread(target=serving.ask, args=(None, "?")) for _ in range(3)]
        for thread in asking:
            thread.start()
        while gateway.voices["echo"].stats().waiting < 1:
            assert any(thread.is_alive() for thread in asking)
            time.sleep(0.01)
        assert "1" in not_ready(serving)["queue"]
        go.set()
        for thread in asking:
            thread.join()
        assert serving.http.get("/readyz").status_code == 200
