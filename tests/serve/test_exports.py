"""Taking everything away, and bringing it back: nothing is lost, nothing is twice, and nobody else's comes along."""

import io
import json
import zipfile

import pytest

from idiolect.types import Record, State
from tests.data.test_rivals import history, letta, mem0, said
from tests.serve.conftest import told
from tests.serve.desks import opened

RECORDS = "/v1/users/ann/records"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", [*told("I live in Ghent.", "Meine Katze heißt Mühle 🐈."), Record("Q", "4", 5.0, kind="rating", other="R")])
        client.store.add("bob", told("I live in Lima."))
        yield client


def lived(client):
    """Somebody who did everything that can be done."""
    home = client.facts("ann")["I live in Ghent"]["id"]
    client.patch(f"/v1/users/ann/facts/{home}", json={"text": "I live in Bruges"})
    client.post("/v1/users/ann/facts", json={"text": "My key is blue", "sensitivity": "local"})
    cat = client.facts("ann")["Meine Katze heißt Mühle 🐈"]["id"]
    client.delete(f"/v1/users/ann/facts/{cat}")
    client.patch(f"{RECORDS}/{client.store.user('ann').records[0].id}", json={"sensitivity": "never", "pinned": True})
    client.put("/v1/users/ann/preferences", json={"weights": {"length": -0.5}})
    client.put("/v1/users/ann/consent", json={"kinds": {"choice": False}, "methods": {"oppu": False}})
    client.gateway.assistant(client.gateway.served("rag")).update("ann")
    client.store.usage.add("ann", "echo", 20_000, 1, 2, 3)
    client.ask("ann", "Where do I live?")


def zipped(client, user="ann"):
    answered = client.get(f"/v1/users/{user}/export")
    assert answered.status_code == 200 and answered.headers["content-type"] == "application/zip"
    return answered.content


def unzipped(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def send(client, raw, **params):
    return client.post(f"{RECORDS}/import", content=raw, params=params)


def test_an_export_holds_everything_and_can_be_read(client):
    lived(client)
    held = unzipped(zipped(client))
    assert {
        "README.txt",
        "records.jsonl",
        "facts.json",
        "profile.txt",
        "replies.jsonl",
        "preferences.json",
        "consent.json",
        "usage.json",
    } <= set(held)
    assert "Meine Katze heißt Mühle 🐈.".encode() in held["records.jsonl"] and b"Everything that is kept of ann" in held["README.txt"]
    assert [json.loads(line)["kind"] for line in held["records.jsonl"].splitlines() if b"kind" in line] == ["rating"]
    assert json.loads(held["preferences.json"])["weights"] == {"length": -0.5} and json.loads(held["usage.json"])[0]["tokens"] == 3
    assert [json.loads(held[name])["method"] for name in held if name.startswith("states/")] == ["rag"]
    assert (
        b"Where do I live?" in held["replies.jsonl"] and b"users.read" not in held["audit.jsonl"] and b"facts.edit" in held["audit.jsonl"]
    )
    assert b"Lima" not in b"".join(held.values())


def test_what_is_erased_and_brought_back_is_as_it_was(client):
    lived(client)
    before = unzipped(zipped(client))
    wished, records, answer = client.desk.of("ann").wished, list(client.store.user("ann").records), client.ask("ann", "Where?")[0]
    whole = zipped(client)
    client.delete("/v1/users/ann")
    made = send(client, whole).json()
    assert made["records"] == 3 and made["facts"] == 2 and made["states"] == 1 and made["replies"] == 2
    assert client.desk.of("ann").wished == wished and list(client.store.user("ann").records) == records
    assert client.ask("ann", "Where?")[0] == answer
    after = unzipped(zipped(client))
    for name in ("records.jsonl", "facts.json", "profile.txt", "preferences.json", "consent.json", "states/01-rag.json"):
        assert after[name] == before[name], name
    assert send(client, whole).json()["records"] == 0


def test_a_persons_own_token_brings_no_states(client):
    lived(client)
    whole = zipped(client)
    client.delete("/v1/users/ann")
    made = client.post(f"{RECORDS}/import", content=whole, headers={"x-as": "/person/ann"}).json()
    assert made["records"] == 3 and made["states"] == 0 and client.store.provenance("ann") == []


def test_the_stores_own_export_and_lines_and_tables_and_chats_are_read(client):
    client.store.save("bob", "x", {}, State("text"))
    exported = client.store.export("bob")
    assert send(client, json.dumps(exported)).json()["records"] == 1
    lines = "\n".join(
        json.dumps(row) for row in ({"answer": "a line", "time": 7}, {"answer": "5", "kind": "rating", "time": 8, "other": "R"})
    )
    assert send(client, lines).json()["records"] == 2
    assert client.store.user("ann").records.of({"rating"})[-1].answer == "5"
    assert send(client, "text;date\nGuten Tag;2024-03-01\n", name="notes.csv").json()["records"] == 1
    chat = {"messages": [{"role": "assistant", "content": "Tea?"}, {"role": "user", "content": "Coffee, please."}]}
    assert send(client, json.dumps(chat)).json()["records"] == 1
    assert send(client, json.dumps({"records": [{"answer": "one of a list"}]})).json()["records"] == 1
    texts = {record.answer for record in client.store.user("ann").records}
    assert {"I live in Lima.", "a line", "Guten Tag", "Coffee, please.", "one of a list"} <= texts


def test_of_a_file_with_several_people_only_theirs_is_taken(client):
    rows = [{"user": "ann", "answer": "mine", "time": 1}, {"user": "eve", "answer": "hers", "time": 2}]
    made = send(client, "\n".join(map(json.dumps, rows))).json()
    assert made["records"] == 1 and made["skipped"] == {"is somebody else's": 1}
    assert "hers" not in str(client.get(RECORDS).json())
    refused = send(client, json.dumps(rows[1]))
    assert refused.status_code == 400 and "'eve'" in refused.json()["error"]["message"]
    assert send(client, json.dumps(rows[1]), of="eve").json()["records"] == 1


def test_what_a_rivals_model_noted_becomes_facts_and_never_the_persons_words(client, tmp_path):
    got = json.dumps({"results": [mem0("Loves cricket on Sundays"), mem0("I bowl.", role="user"), mem0("Bob's", user="bob")]})
    made = send(client, got).json()
    assert (made["records"], made["facts"]) == (1, 1)
    fact = client.facts("ann")["Loves cricket on Sundays"]
    assert fact["source"] == "mem0" and fact["pinned"] is False
    assert "Known: Loves cricket on Sundays" in client.ask("ann", "Do I like cricket?")[0]
    assert "cricket" not in client.ask("ann", "Do I like cricket?", model="echo+plain")[0].replace("Do I like cricket?", "")
    assert all("cricket" not in record.answer for record in client.store.user("ann").records)
    place = history(tmp_path / "history.db", [("m1", "Likes rainy walks", "ADD", None)])
    assert send(client, place.read_bytes()).status_code == 400
    assert send(client, place.read_bytes(), alone=True).json()["facts"] == 1
    upload = {"file": ("sam.af", json.dumps(letta(said("user", "On the Isis."))).encode())}
    made = client.post(f"{RECORDS}/import", files=upload).json()
    assert (made["records"], made["facts"]) == (1, 2) and send(client, got).json() == {**send(client, got).json(), "records": 0, "facts": 0}


def test_what_cannot_be_read_is_refused_and_nothing_is_kept(client):
    count = len(client.store.user("ann").records)
    broken = zipped(client)[:-40]
    for raw in (b"", b"no table at all", broken, b"\x00\x01\x02", b"SQLite format 3\x00" + b"\x00" * 100):
        refused = send(client, raw)
        assert refused.status_code == 400 or refused.json()["records"] == 0, raw[:20]
    assert len(client.store.user("ann").records) == count and client.get("/v1/users/nobody/export").status_code == 404


def test_an_import_against_what_the_person_allows_is_refused(client):
    client.put("/v1/users/ann/consent", json={"kinds": {"message": False, "correction": False}})
    assert send(client, json.dumps({"answer": "a line"})).status_code == 409
    assert send(client, json.dumps([mem0("Loves cricket")])).status_code == 409
