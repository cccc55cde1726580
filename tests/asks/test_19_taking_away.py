"""Ask 19: take my data with me: an export behind a locked page, or one that nobody can bring back; and no way in from elsewhere."""

import io
import json
import zipfile

import pytest

from tests.data.test_rivals import history, letta, mem0, said
from tests.serve.conftest import told
from tests.serve.desks import opened


@pytest.fixture
def pair(tmp_path):
    """Two servers that share nothing."""
    with opened(tmp_path / "here" / "people.db") as here, opened(tmp_path / "there" / "people.db") as there:
        here.store.add("ann", told("I live in Ghent.", "Meine Katze heißt Mühle 🐈.", "I like green tea."))
        yield here, there


def exported(client, user="ann"):
    answered = client.get(f"/v1/users/{user}/export")
    assert answered.status_code == 200
    return answered.content


def test_ask_19_a_person_takes_all_of_it_with_their_own_token_and_reads_it_with_nothing_but_a_zip_and_json(pair):
    here, _ = pair
    answered = here.get("/v1/users/ann/export", headers={"x-as": "/person/ann"})
    with zipfile.ZipFile(io.BytesIO(answered.content)) as packed:
        lines = [json.loads(line) for line in packed.read("records.jsonl").splitlines()]
        facts = json.loads(packed.read("facts.json"))["known"]
        assert json.loads(packed.read("export.json"))["format"] == "idiolect.export.1"
        assert b"POST this file to" in packed.read("README.txt")
    assert [line["answer"] for line in lines] == ["I live in Ghent.", "Meine Katze heißt Mühle 🐈.", "I like green tea."]
    assert "I live in Ghent" in {fact["text"] for fact in facts}


def test_ask_19_brought_to_another_server_everything_is_as_it_was_and_the_answers_too(pair):
    here, there = pair
    here.post("/v1/users/ann/facts", json={"text": "My key is blue"})
    here.put("/v1/users/ann/preferences", json={"weights": {"length": -0.5}})
    here.put("/v1/users/ann/consent", json={"kinds": {"choice": False}})
    brought = there.post("/v1/users/ann/records/import", content=exported(here)).json()
    assert brought["records"] == 3 and not brought["problems"]
    for path in ("facts", "preferences", "consent"):
        assert there.get(f"/v1/users/ann/{path}").json() == here.get(f"/v1/users/ann/{path}").json(), path
    assert list(there.store.user("ann").records) == list(here.store.user("ann").records)
    assert there.ask("ann", "Which tea do I like?")[0] == here.ask("ann", "Which tea do I like?")[0]
    assert there.post("/v1/users/ann/records/import", content=exported(here)).json()["records"] == 0, "twice adds nothing"


def test_ask_19_memories_come_in_from_mem0_by_its_api_and_by_its_history_and_from_lettas_agent_file(pair, tmp_path):
    _, there = pair
    mem0s = {"results": [mem0("Loves cricket"), mem0("I bowl on Sundays.", role="user"), mem0("Bob's secret", user="bob")]}
    files = {
        "all.json": json.dumps(mem0s).encode(),
        "history.db": history(tmp_path / "history.db", [("m1", "Keeps bees", "ADD", None)]).read_bytes(),
        "sam.af": json.dumps(letta(said("user", "I row on Sundays."))).encode(),
    }
    made = {
        name: there.post("/v1/users/ann/records/import", params={"alone": True}, files={"file": (name, raw)}).json()
        for name, raw in files.items()
    }
    assert {name: (one["records"], one["facts"]) for name, one in made.items()} == {
        "all.json": (1, 1),
        "history.db": (0, 1),
        "sam.af": (1, 2),
    }
    assert made["all.json"]["skipped"] == {"is somebody else's": 1}
    assert {"Loves cricket", "Keeps bees", "Plays the cello"} <= set(there.facts("ann"))
    text = there.ask("ann", "What do I do on Sundays, cricket or the cello?")[0]
    assert "I bowl on Sundays." in text and "I row on Sundays." in text and "Plays the cello" in text and "secret" not in text


def test_ask_19_what_is_somebody_elses_is_not_brought_in_with_it(pair):
    _, there = pair
    rows = [{"user": "bob", "answer": "I live in Lima.", "time": 1}, {"user": "eve", "answer": "I live in Rome.", "time": 2}]
    refused = there.post("/v1/users/ann/records/import", content="\n".join(map(json.dumps, rows)), params={"name": "rows.jsonl"})
    assert refused.status_code == 400 and "'bob'" in refused.json()["error"]["message"]
    brought = there.post(
        "/v1/users/ann/records/import", content=json.dumps({"results": [mem0("Loves tea"), mem0("Hates tea", user="bob")]})
    )
    assert brought.json()["skipped"] == {"is somebody else's": 1} and "Hates tea" not in there.ask("ann", "Do I love tea?")[0]
