"""Facts over HTTP: with their sources, put right, pinned, and never remembered again, whatever is learnt afterwards."""

import pytest

from idiolect.store.wishes import Noted, noted
from idiolect.types import Record
from tests.serve.conftest import told
from tests.serve.desks import opened

ANN = "/v1/users/ann/facts"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told("I live in Ghent and I love cycling.", "My dog is called Bodo.", "Please answer briefly."))
        client.store.add("bob", told("I live in Lima."))
        yield client


def heard(client, user="ann", model="echo", method="long_term", question="Where do I live?"):
    return client.ask(user, question, model=f"{model}+{method}")[0]


def test_facts_come_with_their_sources_what_they_are_about_and_since_when(client):
    home = client.facts("ann")["I live in Ghent"]
    first = client.store.user("ann").records[0]
    assert (home["sources"], home["since"], home["until"], home["key"], home["kind"]) == ([first.id], first.time, None, "home", "fact")
    assert home["source"] == "the person's records" and home["method"] == "long_term" and home["sensitivity"] == "allowed"
    assert set(client.facts("ann")) == {"I live in Ghent", "I love cycling", "My dog is called Bodo", "Please answer briefly"}


def test_what_ended_is_told_on_request_alone(client):
    client.store.add("ann", [Record("", "I moved to Oslo.", 9e6)])
    assert "I live in Ghent" not in client.facts("ann")
    assert client.facts("ann", ended=True)["I live in Ghent"]["until"] == 9e6


@pytest.mark.parametrize("method", ["long_term", "rag", "stats_profile", "persona_db"])
def test_a_fact_put_right_is_told_in_place_of_the_old_reading_by_whatever_method(client, method):
    old = client.facts("ann")["I live in Ghent"]["id"]
    done = client.patch(f"{ANN}/{old}", json={"text": "I live in Bruges"}).json()
    assert done["text"] == "I live in Bruges" and done["source"] == "edited by the person" and done["key"] == "home"
    for _ in range(2):
        said = heard(client, method=method)
        assert "Bruges" in said and "Ghent" not in said
        client.gateway._assistants.clear()  # as after a restart
        client.desk.drop("ann")
    assert "I love cycling" in heard(client, question="Do I love cycling?")
    assert "I live in Ghent" not in client.facts("ann", ended=True) and client.get(f"{ANN}/{old}").status_code == 404


def test_what_is_said_after_a_fact_was_put_right_replaces_it_and_what_is_pinned_stays(client):
    old = client.facts("ann")["I live in Ghent"]["id"]
    mine = client.patch(f"{ANN}/{old}", json={"text": "I live in Bruges"}).json()["id"]
    client.post("/v1/users/ann/records", json={"answer": "I moved to Oslo."})
    said = heard(client)
    assert "Oslo" in said and "Bruges" not in said and "I live in Bruges" not in client.facts("ann")
    client.patch(f"{ANN}/{mine}", json={"pinned": True})
    assert "I live in Bruges" in heard(client)


def test_never_remember_this_holds_for_the_same_records_for_later_ones_and_after_learning_again(client):
    dog = client.facts("ann")["My dog is called Bodo"]["id"]
    assert client.delete(f"{ANN}/{dog}").json()["deleted"]
    client.store.add("ann", [Record("", "As I said, my dog is called Bodo. I like rain.", 9e6)])
    for model in ("echo", "far"):
        for method in ("long_term", "rag", "secom"):
            assert "Bodo" not in heard(client, model=model, method=method, question="What is my dog called?")
    assert "Bodo" not in str(client.facts("ann", ended=True)) and "I like rain" in client.facts("ann")
    client.desk.store.save("ann", "x", {}, client.gateway.assistant(client.gateway.served("rag")).update("ann"))
    assert "Bodo" not in heard(client, question="What is my dog called?")
    assert len(client.store.user("ann").records) == 4  # the records stay as they are


def test_a_fact_put_in_by_hand_is_told_first_whatever_is_asked_and_by_every_method(client):
    made = client.post(ANN, json={"text": "My daughter is allergic to nuts"}).json()
    again = client.post(ANN, json={"text": "my daughter is allergic to nuts."}).json()
    assert made["new"] and again == {"object": "fact", "id": made["id"], "new": False}
    for method in ("long_term", "rag", "stats_profile"):
        said = heard(client, method=method, question="What weather is it?")
        assert "My daughter is allergic to nuts" in said
    assert "nuts" not in heard(client, method="plain")
    shown = client.get(f"{ANN}/{made['id']}").json()
    assert shown["pinned"] and shown["source"] == "added by hand" and shown["sources"] == [] and shown["key"] == ""
    client.delete(f"{ANN}/{made['id']}")
    assert "allergic" not in heard(client, question="nuts?")
    client.post(ANN, json={"text": "My daughter is allergic to nuts"})  # the last word counts
    assert "allergic to nuts" in heard(client)


def test_a_fact_may_be_kept_from_models_elsewhere_or_from_all(client):
    home = client.facts("ann")["I live in Ghent"]["id"]
    done = client.patch(f"{ANN}/{home}", json={"sensitivity": "local"}).json()
    assert done["source"] == "the person's records" and done["text"] == "I live in Ghent"
    assert "Ghent" in heard(client) and "Ghent" not in heard(client, model="far") and "Ghent" not in heard(client, "ann", "far", "rag")
    client.store.add("ann", [Record("", "I live in Ghent.", 9e6)])
    assert "Ghent" not in heard(client, model="far")
    client.patch(f"{ANN}/{done['id']}", json={"sensitivity": "never"})
    assert "Ghent" not in heard(client) and "I live in Ghent" in client.facts("ann")
    client.patch(f"{ANN}/{done['id']}", json={"sensitivity": "allowed"})
    assert "Ghent" in heard(client, model="far") and client.desk.of("ann").wished.facts == ()


def test_what_somebody_forbids_in_their_own_words_holds_for_facts_put_in_too(client):
    client.desk.say("ann", [noted(Noted("m1", "Went through a divorce in May", 5.0, "mem0"))])
    assert "divorce" in heard(client, question="divorce?")
    client.post("/v1/users/ann/records", json={"answer": "Never mention my divorce."})
    said = heard(client, question="What of it?")
    assert "divorce" not in said


def test_facts_come_page_by_page_also_while_some_go(client):
    client.store.add("ann", [Record("", f"I like kind{n} of tea.", 1e7 + n) for n in range(9)])
    first = client.get(ANN, params={"limit": 5}).json()
    client.delete(f"{ANN}/{first['data'][4]['id']}")
    second = client.get(ANN, params={"limit": 5, "after": first["next"]}).json()
    third = client.get(ANN, params={"limit": 5, "after": second["next"]}).json()
    texts = [one["text"] for page in (first, second, third) for one in page["data"]]
    assert len(texts) == len(set(texts)) == 13 and not third["has_more"]
    assert client.get(ANN, params={"after": "eHg"}).status_code == 400


def test_a_fact_of_somebody_else_is_not_there(client):
    theirs = client.facts("bob")["I live in Lima"]["id"]
    assert client.get(f"{ANN}/{theirs}").status_code == client.delete(f"{ANN}/{theirs}").status_code == 404
    assert client.patch(f"{ANN}/{theirs}", json={"text": "I live in Rome"}).status_code == 404
    assert "Lima" in heard(client, "bob")
    assert client.get("/v1/users/nobody/facts").status_code == 404


def test_why_names_the_fact_that_was_told(client):
    made = client.post(ANN, json={"text": "My daughter is allergic to nuts"}).json()
    _, reply = client.ask("ann", "What weather is it?")
    because = client.get(f"/v1/replies/{reply}/why").json()["because"]
    assert {"kind": "fact", "name": made["id"]}.items() <= next(one for one in because if one["name"] == made["id"]).items()
