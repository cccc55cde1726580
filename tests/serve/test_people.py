"""People over HTTP: listed, told in numbers, and erased with a receipt that can be checked."""

import hashlib
import json

import pytest

from idiolect.types import Record
from tests.serve.conftest import told
from tests.serve.desks import opened


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told("I live in Oslo, behind the third lighthouse.", "My dog is called Bodo."))
        client.store.add("bob", told("I live in Lima."))
        yield client


def ids(client, **params):
    return [one["id"] for one in client.get("/v1/users", params=params).json()["data"]]


def test_people_are_listed_by_their_ids_page_by_page_and_by_what_their_ids_begin_with(client):
    for name in ("anna", "an%", "Ann", "*", "émile", "\U0010ffff!"):
        client.store.add(name, [Record("", "x", 1.0)])
    everybody = ["*", "Ann", "an%", "ann", "anna", "bob", "émile", "\U0010ffff!"]
    assert ids(client) == everybody
    seen, after = [], None
    while after or not seen:
        page = client.get("/v1/users", params={"limit": 3, **({"after": after} if after else {})}).json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
    assert seen == everybody
    assert (ids(client, q="ann"), ids(client, q="%"), ids(client, q="*"), ids(client, q="é")) == (["ann", "anna"], [], ["*"], ["émile"])
    assert ids(client, q="\U0010ffff") == ["\U0010ffff!"]


def test_applications_do_not_see_one_anothers_people_and_a_person_lists_nobody(client):
    client.store.add("shop\x1fann", [Record("", "x", 1.0)])
    client.store.add("shop2\x1feve", [Record("", "x", 1.0)])
    assert ids(client) == ["ann", "bob"]
    assert [one["id"] for one in client.get("/v1/users", headers={"x-as": "shop/application"}).json()["data"]] == ["ann"]
    assert client.get("/v1/users", headers={"x-as": "shop/person/ann"}).status_code == 403


def test_a_person_is_told_in_numbers(client):
    client.post("/v1/users/ann/records", json={"answer": "5", "kind": "rating", "time": 5e9})
    client.post("/v1/users/ann/facts", json={"text": "My key is blue"})
    client.gateway.assistant(client.gateway.served("long_term")).update("ann")
    client.ask("ann", "Where?")
    told = client.get("/v1/users/ann").json()
    assert told["records"] == {"message": 2, "rating": 1} and told["facts_by_hand"] == 1 and told["last_activity"] == 5e9
    assert [one["method"] for one in told["states"]] == ["long_term"] and told["kept"]["replies"] == 1
    assert told["consent"]["kinds"]["conversation"] is False and told["consent"]["kinds"]["message"] is True
    assert client.get("/v1/users/eve").status_code == 404


def test_erasing_removes_everything_says_what_and_finds_nothing_of_it(client, tmp_path):
    client.ask("ann", "Where is the third lighthouse?")
    client.post("/v1/users/ann/facts", json={"text": "My daughter is allergic to walnuts"})
    client.put("/v1/users/ann/preferences", json={"weights": {"length": 1}})
    client.gateway.assistant(client.gateway.served("rag")).update("ann")
    receipt = client.post("/v1/users/ann/erase").json()
    removed = receipt["removed"]
    assert (removed["records"], removed["states"], removed["replies"], removed["facts"], removed["settings"]) == (2, 1, 1, 1, 1)
    assert receipt["clean"] and receipt["found"] == [] and receipt["searched_bytes"] > 0 and receipt["known"]
    assert receipt["assistants"] == {"dropped": 1, "left": 0}
    raw = json.dumps({k: v for k, v in receipt.items() if k != "digest"}, sort_keys=True, separators=(",", ":")).encode()
    assert receipt["digest"] == "sha256:" + hashlib.sha256(raw).hexdigest()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"third lighthouse" not in left and b"allergic to walnuts" not in left and b"Lima" in left
    assert client.get("/v1/users/ann").status_code == 404 and ids(client) == ["bob"]
    assert "Oslo" not in client.ask("ann", "Where do I live?")[0]


def test_erasing_can_be_asked_for_again_and_touches_nobody_else(client):
    assert client.delete("/v1/users/ann").json()["removed"]["records"] == 2
    again = client.delete("/v1/users/ann")
    assert again.status_code == 200 and again.json()["known"] is False and again.json()["clean"]
    for user in ("*", "%", "b%"):
        client.delete(f"/v1/users/{user.replace('%', '%25')}")
    assert ids(client) == ["bob"] and client.delete("/v1/users/").status_code in (404, 405, 307)
    assert client.delete("/v1/users/bob", headers={"x-as": "shop/application"}).json()["known"] is False
    assert client.delete("/v1/users/bob", headers={"x-as": "/person/ann"}).status_code == 404
    assert len(client.store.user("bob").records) == 1


def test_who_did_what_is_in_the_audit_log_without_a_word_of_theirs(client):
    client.get("/v1/users/ann/records")
    client.delete("/v1/users/ann")
    from idiolect.store.audit import Audit

    entries = Audit(client.store._session).entries(10)
    assert [one.action for one in entries][:2] == ["users.erase", "records.read"]
    assert "lighthouse" not in str(entries) and "ann" not in str([one.person for one in entries])
