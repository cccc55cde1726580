"""What people allow, over HTTP: what is withdrawn is refused, hidden from every method at once, and forgotten where that is asked for."""

import pytest

from idiolect.types import Record
from tests.serve.conftest import told
from tests.serve.desks import opened

ANN, RECORDS = "/v1/users/ann/consent", "/v1/users/ann/records"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", [*told("I live in Oslo."), Record("Q", "I live in Narvik. Too long.", 5e6, kind="correction", other="R")])
        yield client


def put(client, **body):
    return client.put(ANN, json=body)


def test_where_nothing_was_said_everything_but_conversations_is_allowed(client):
    said = {"message": True, "rating": True, "edit": True, "choice": True, "correction": True, "conversation": False}
    assert client.get(ANN).json() == {"object": "consent", "kinds": said, "methods": {}}
    assert client.get("/v1/users/eve/consent").json()["kinds"] == said
    assert client.put("/v1/users/eve/consent", json={"kinds": {"message": False}}).json()["kinds"]["message"] is False
    assert client.post("/v1/users/eve/records", json={"answer": "x"}).status_code == 409


@pytest.mark.parametrize("body", [{"kinds": {"thought": True}}, {"methods": {"opu": False}}, {"kinds": {"message": "maybe"}}, {"else": 1}])
def test_what_does_not_exist_is_refused(client, body):
    assert client.put(ANN, json=body).status_code in (400, 404)
    assert client.get(ANN).json()["methods"] == {}


def test_a_kind_without_consent_is_refused_and_says_so(client):
    assert put(client, kinds={"rating": False}).json()["kinds"]["rating"] is False
    refused = client.post(RECORDS, json={"records": [{"answer": "fine"}, {"answer": "4", "kind": "rating"}]})
    assert refused.status_code == 409 and "did not consent" in refused.json()["error"]["message"]
    assert len(client.store.user("ann").records) == 2
    put(client, kinds={"rating": True})
    assert client.post(RECORDS, json={"answer": "4", "kind": "rating"}).status_code == 200


def test_what_is_withdrawn_is_hidden_from_every_method_at_once_and_comes_back_when_it_is_allowed_again(client):
    for method in ("long_term", "teach_me"):
        client.gateway.assistant(client.gateway.served(method)).update("ann")
    asked = [client.ask("ann", "Where do I live? Q", model=method)[0] for method in ("long_term", "teach_me")]
    assert all("Narvik" in text for text in asked)
    put(client, kinds={"correction": False})
    assert client.store.provenance("ann") == [] and "I live in Narvik" not in client.facts("ann", ended=True)
    asked = [client.ask("ann", "Where do I live? Q", model=method)[0] for method in ("long_term", "teach_me")]
    assert not any("Narvik" in text for text in asked) and "Oslo" in asked[0]
    assert len(client.store.user("ann").records) == 2  # hidden, not forgotten
    put(client, kinds={"correction": True})
    assert "Narvik" in client.ask("ann", "Where do I live?")[0]


def test_what_is_withdrawn_is_forgotten_where_that_is_asked_for(client, tmp_path):
    done = client.put(ANN, params={"erase": True}, json={"kinds": {"correction": False}}).json()
    assert done["forgotten"]["removed"]["records"] == 1 and done["forgotten"]["clean"] and len(done["forgotten"]["ids"]) == 1
    assert [record.kind for record in client.store.user("ann").records] == ["message"]
    assert client.put(ANN, params={"erase": True}, json={}).json()["forgotten"] is None


def test_a_method_without_consent_is_not_used_and_what_it_learnt_is_let_go_of(client):
    client.gateway.assistant(client.gateway.served("rag")).update("ann")
    assert client.desk.allowed("ann", "rag") and client.desk.allowed("eve", "rag")
    assert put(client, methods={"rag": False}).json()["methods"] == {"rag": False}
    assert not client.desk.allowed("ann", "rag") and client.desk.allowed("ann", "long_term") and client.desk.allowed("eve", "rag")
    assert client.store.provenance("ann") == []
    assert put(client, methods={"rag": True}).json()["methods"] == {} and client.desk.allowed("ann", "rag")


def test_questions_of_a_chat_are_kept_only_with_consent_and_go_with_it(client):
    learn = client.desk.learn
    assert not learn("ann", "My boat is called Skua.", "Hello.", "chatcmpl-1") and not learn("eve", "x")
    put(client, kinds={"conversation": True})
    assert learn("ann", "My boat is called Skua.", "Hello.", "chatcmpl-1") and not learn("ann", "again", asked=False)
    assert not learn("ann", "My boat is called Skua.", "Hello.", "chatcmpl-1")  # the same reply
    kept = client.store.user("ann").records[-1]
    assert (kept.prompt, kept.answer, kept.kind) == ("Hello.", "My boat is called Skua.", "message")
    assert "Skua" in client.ask("ann", "My boat?", idiolect={"learn": False})[0]
    put(client, kinds={"conversation": False})
    assert "Skua" not in client.ask("ann", "My boat?", idiolect={"learn": False})[0] and len(client.store.user("ann").records) == 3
    done = client.put(ANN, params={"erase": True}, json={}).json()
    assert done["forgotten"]["removed"]["records"] == 1 and len(client.store.user("ann").records) == 2


def test_without_consent_to_messages_no_question_is_kept_either(client):
    put(client, kinds={"conversation": True, "message": False})
    assert not client.desk.learn("ann", "My boat is called Skua.")
