"""People learnt in the background: wanted by a call, done by a worker, and wanted still after a restart."""

import time

from idiolect.models.scripted import ScriptedLM
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.learning import Lessons
from idiolect.store import lessons as kept_lessons
from tests.serve.conftest import Serving, gateway_of, said, told


def until(serving, user, status):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = serving.http.get(f"/v1/users/{user}/lessons").json()["data"]
        if found and found[0]["status"] == status:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(found)


def test_a_summary_that_asks_the_model_is_learnt_and_told(tmp_path):
    lm = ScriptedLM(lambda request: "Likes boats." if "Describe" in request.question else said(request), can=(), name="echo")
    gateway = gateway_of(tmp_path / "people.db", lm, method="pag")
    gateway.store.add("ann", told("I sail.", "The harbour at dawn."))
    with Serving(gateway, create(gateway)) as serving:
        assert "Likes boats" not in serving.ask("ann", "What do I like?")
        wanted = serving.http.post("/v1/users/ann/lessons", json={"method": "pag"})
        assert wanted.status_code == 202 and wanted.json()["status"] == "wanted"
        until(serving, "ann", "done")
        assert "Likes boats" in serving.ask("ann", "What do I like?")


def test_what_failed_says_why_and_can_be_wanted_again(tmp_path):
    gateway = gateway_of(tmp_path / "people.db", ScriptedLM([], can=(), name="echo"), method="pag")
    gateway.store.add("ann", told("I sail."))
    with Serving(gateway, create(gateway)) as serving:
        serving.http.post("/v1/users/ann/lessons", json={})
        assert "script" in until(serving, "ann", "failed")["why"]
        assert serving.http.post("/v1/users/ann/lessons", json={}).status_code == 202


def test_nobody_unknown_and_no_unknown_method_is_learnt(serving):
    assert serving.http.post("/v1/users/zoe/lessons", json={}).status_code == 404
    assert serving.http.post("/v1/users/ann/lessons", json={"method": "oppu"}).status_code == 404
    assert serving.http.post("/v1/users/ann/lessons", json={"methud": "rag"}).status_code == 400


def test_what_was_wanted_before_a_kill_is_learnt_after_it(tmp_path, monkeypatch):
    before = gateway_of(tmp_path / "people.db")
    before.store.add("ann", told("I sail."))
    queue = Lessons(before.store._session)
    queue.want("ann", "echo", "long_term")
    taken = queue.take()
    assert taken.user == "ann" and queue.take() is None  # it is one's at a time
    monkeypatch.setattr(kept_lessons, "LEASE", 0.0)
    queue.hold(taken)  # the lease of a process that was killed
    before.close()
    gateway = gateway_of(tmp_path / "people.db")
    assert isinstance(gateway, Gateway)
    with Serving(gateway, create(gateway)) as serving:
        assert until(serving, "ann", "done")["method"] == "long_term"


def test_lessons_go_with_the_person(serving):
    queue = Lessons(serving.store._session)
    queue.want("ann", "echo", "rag")
    serving.store.erase("ann")
    assert queue.counts() == {}
