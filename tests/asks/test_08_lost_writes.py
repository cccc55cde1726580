"""Ask 8: writes are acknowledged and then lost in silence, while the health check stays green."""

import threading

import httpx
import pytest

from idiolect.store import Store
from tests.asks.served import Endpoint, Process
from tests.serve.conftest import Serving
from tests.serve.watched import app_of, heard_of


class Writer(threading.Thread):
    """Somebody who has things kept, one after another, until nobody answers; what was acknowledged is in `records` and `facts`."""

    def __init__(self, http, user, enough):
        super().__init__()
        self.http, self.user, self.enough, self.records, self.facts = http, user, enough, [], []
        self.reached = threading.Event()

    def run(self):
        try:
            for number in range(10_000):
                path = f"/v1/users/{self.user}"
                self.records.append(self._post(f"{path}/records", {"answer": f"The number is {number} of {self.user}."})["data"][0]["id"])
                said = {"user": self.user, "question": "?", "text": "!", "words": f"Not {number}, please."}
                self.records.append(self._post("/v1/feedback", said)["record"])
                self.facts.append(self._post(f"{path}/facts", {"text": f"The key {number} is blue"})["id"])
                if number == self.enough:
                    self.reached.set()
        except httpx.HTTPError:
            return

    def _post(self, path, body):
        answered = self.http.post(path, json=body)
        assert answered.status_code == 200, answered.text
        return answered.json()


def test_ask_8_what_was_acknowledged_before_a_kill_is_there_after_it_and_answers_are_made_of_it(tmp_path):
    place = tmp_path / "people.db"
    with Endpoint() as up:
        with Process(place, "--model", up.model) as server:
            writers = [Writer(server.http, user, 4) for user in ("cleo", "dan", "eve")]
            for one in writers:
                one.start()
            assert all(one.reached.wait(60) for one in writers)
            server.kill()
            for one in writers:
                one.join(60)
        with Process(place, "--model", up.model) as server:
            for one in writers:
                with Store(place) as store:
                    kept = {record.id for record in store.user(one.user).records}
                assert len(one.records) >= 10 and set(one.records) <= kept
                told = [fact["id"] for fact in every(server.http, f"/v1/users/{one.user}/facts")]
                assert len(one.facts) >= 5 and set(one.facts) <= set(told)
            assert server.http.get("/readyz").json()["status"] == "ready"


def every(http, path):
    """All of a list, page by page."""
    found, after = [], {}
    while True:
        page = http.get(path, params={"limit": 200, **after}).json()
        found += page["data"]
        if not page["has_more"]:
            return found
        after = {"after": page["next"]}


@pytest.fixture
def serving(tmp_path):
    gateway = heard_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


def refused(store, table, verb="INSERT"):
    """Have a table of the database take nothing any more."""
    with store._engine.begin() as db:
        db.exec_driver_sql(f"CREATE TRIGGER full_disk BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")


def mended(store):
    with store._engine.begin() as db:
        db.exec_driver_sql("DROP TRIGGER full_disk")


def test_ask_8_the_health_check_fails_while_background_writes_fail_and_no_longer(serving):
    refused(serving.store, "replies")
    body = {"messages": [{"role": "user", "content": "Where?"}], "user": "ann"}
    reply = serving.http.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200  # an answer needs no disk
    assert serving.http.get(f"/v1/replies/{reply.json()['id']}/why").status_code == 404
    ready = serving.http.get("/readyz")
    assert ready.status_code == 503 and "replies could not be kept" in ready.json()["parts"]["writing"]
    assert serving.http.get("/healthz").status_code == 200  # or it would be restarted for nothing
    mended(serving.store)
    reply = serving.http.post("/v1/chat/completions", json=body).json()["id"]
    assert serving.http.get(f"/v1/replies/{reply}/why").status_code == 200 == serving.http.get("/readyz").status_code


def test_ask_8_what_could_not_be_written_is_not_acknowledged_and_can_be_sent_again(serving):
    again, body = {"Idempotency-Key": "one"}, {"answer": "My cat is called Mila."}
    refused(serving.store, "records")
    answered = serving.http.post("/v1/users/ann/records", json=body, headers=again)
    assert answered.status_code == 503 and "see to its disk" in answered.json()["error"]["message"]
    assert "Mila" not in serving.ask("ann", "What is my cat called?")
    mended(serving.store)
    assert serving.http.post("/v1/users/ann/records", json=body, headers=again).json()["new"] == 1
    assert "Mila" in serving.ask("ann", "What is my cat called?")


def test_ask_8_what_is_learnt_in_the_background_has_a_state_and_a_reason(serving):
    wanted = serving.http.post("/v1/users/ann/lessons", json={"method": "rag"}).json()
    assert wanted["status"] == "wanted"
    for _ in range(400):
        found = serving.http.get("/v1/users/ann/lessons").json()["data"]
        if found[0]["status"] not in ("wanted", "running"):
            break
        threading.Event().wait(0.05)
    assert [(one["status"], one["why"]) for one in found] == [("done", "")]
