"""Ask 6: "delete all" does not: the first hundred only, success reported; or it deletes everybody."""

import hashlib
import json

import pytest

from tests.serve.conftest import told
from tests.serve.desks import opened

MANY = 250
WORDS = "quartzbadger"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told(*(f"The {WORDS} of day {day} was late." for day in range(MANY))))
        client.store.add("bob", told("I live in Lima."))
        client.ask("ann", f"Which {WORDS}?")
        yield client


def kept(client):
    """Every byte that the store has on the disk."""
    place = client.store.path
    return b"".join(file.read_bytes() for file in place.parent.rglob("*") if file.is_file() and file.name.startswith(place.name))


def test_ask_6_more_than_a_page_of_records_is_gone_at_once_and_the_receipt_says_how_many(client):
    bob = client.store.export("bob")
    assert WORDS.encode() in kept(client)
    receipt = client.delete("/v1/users/ann").json()
    assert receipt["removed"]["records"] == MANY and receipt["removed"]["replies"] == 1
    assert receipt["clean"] and receipt["searched_bytes"] > 0 and WORDS.encode() not in kept(client)
    for path in ("", "/records", "/facts", "/export", f"/records/search?q={WORDS}"):
        assert client.get(f"/v1/users/ann{path}").status_code == 404, path
    assert WORDS not in client.ask("ann", "What do you know?")[0]
    assert client.store.export("bob") == bob


def test_ask_6_the_receipt_can_be_checked(client):
    receipt = client.post("/v1/users/ann/erase").json()
    digest = receipt.pop("digest")
    assert digest == f"sha256:{hashlib.sha256(json.dumps(receipt, sort_keys=True, separators=(',', ':')).encode()).hexdigest()}"


def test_ask_6_no_id_means_everybody(client):
    for everybody in ("*", "%25", "_", "all", "null", "None", "undefined"):
        receipt = client.delete(f"/v1/users/{everybody}").json()
        assert not receipt["known"] and not any(receipt["removed"].values())
    assert client.delete("/v1/users").status_code == 405 and client.delete("/v1/users/").status_code in (400, 404, 405)
    assert client.store.users() == ["ann", "bob"] and len(client.store.user("ann").records) == MANY


def test_ask_6_what_could_not_be_erased_is_not_said_to_be_and_is_whole(client):
    with client.store._engine.begin() as db:
        db.exec_driver_sql("CREATE TRIGGER stuck BEFORE DELETE ON users BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    refused = client.delete("/v1/users/ann")
    assert refused.status_code == 503 and "clean" not in refused.text
    assert len(client.store.user("ann").records) == MANY and WORDS in client.ask("ann", f"Which {WORDS}?")[0]
    with client.store._engine.begin() as db:
        db.exec_driver_sql("DROP TRIGGER stuck")
    assert client.delete("/v1/users/ann").json()["clean"]


def test_ask_6_records_are_forgotten_by_their_ids_and_no_others_with_them(client):
    listed = client.get("/v1/users/ann/records", params={"limit": 3}).json()["data"]
    gone = client.delete(f"/v1/users/ann/records/{listed[0]['id']}").json()
    assert gone["ids"] == [listed[0]["id"]] and gone["removed"]["records"] == 1
    assert len(client.store.user("ann").records) == MANY - 1
