"""Records over HTTP: kept once, listed page by page, put right, taken away, and nobody else's."""

import pytest

from idiolect.types import Record
from tests.serve.conftest import told
from tests.serve.desks import opened

ANN = "/v1/users/ann/records"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told("I live in Oslo.", "My dog is called Bodo."))
        client.store.add("bob", told("I live in Lima."))
        yield client


def test_a_record_is_kept_with_all_that_is_said_of_it_and_is_in_the_next_answer(client):
    said = {"answer": "I moved to Bergen.", "prompt": "Where to?", "time": 9e8, "kind": "message", "id": "mine/1", "sensitivity": "local"}
    made = client.post(ANN, json=said).json()
    assert made == {"object": "list", "data": [{"object": "record", "id": "mine/1", "new": True}], "new": 1}
    got = client.get(f"{ANN}/mine%2F1").json()
    assert {name: got[name] for name in said} == said and got["pinned"] is False
    assert "Bergen" in client.ask("ann", "Where do I live?")[0]


def test_what_is_there_already_is_not_kept_again_whatever_its_spelling(client):
    first = client.post(ANN, json={"answer": "I like green tea."}).json()["data"][0]
    again = [client.post(ANN, json={"answer": text}).json()["data"][0] for text in ("I like green tea.", "i like  green tea!")]
    assert first["new"] and [one["id"] for one in again] == [first["id"]] * 2 and not any(one["new"] for one in again)
    other = client.post(ANN, json={"answer": "I do not like green tea."}).json()["data"][0]
    assert other["new"] and len(client.store.user("ann").records) == 4
    both = client.post(ANN, json={"records": [{"answer": "I row."}, {"answer": "I row!"}]}).json()
    assert both["new"] == 1 and both["data"][0]["id"] == both["data"][1]["id"]


def test_a_rating_is_the_same_only_with_the_same_points_for_the_same_reply(client):
    rated = {"answer": "4", "kind": "rating", "prompt": "Tea?", "other": "Yes."}
    made = [client.post(ANN, json={**rated, **more}).json()["new"] for more in ({}, {}, {"answer": "5"}, {"other": "No."})]
    assert made == [1, 0, 1, 1]


def test_up_to_a_thousand_records_are_kept_all_or_none(client):
    many = [{"answer": f"Line {n} of many", "time": n} for n in range(1000)]
    assert client.post(ANN, json={"records": many}).json()["new"] == 1000
    assert client.post(ANN, json={"records": many}).json()["new"] == 0
    assert client.post(ANN, json={"records": [*many, {"answer": "one more"}]}).status_code == 400
    clash = [{"answer": "good"}, {"answer": "Another text", "id": client.get(ANN).json()["data"][0]["id"]}]
    refused = client.post(ANN, json={"records": clash})
    assert refused.status_code == 409 and "PATCH it" in refused.json()["error"]["message"]
    assert len(client.store.user("ann").records) == 1002


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"answer": ""},
        {"answer": "x", "kind": "thought"},
        {"answer": "x", "colour": 1},
        {"records": []},
        {"answer": "x", "time": "NaN"},
    ],
)
def test_what_is_no_record_is_refused_with_its_place(client, body):
    refused = client.post(ANN, json=body)
    assert refused.status_code == 400 and refused.json()["error"]["message"]
    assert len(client.store.user("ann").records) == 2


def test_a_list_comes_page_by_page_the_last_first_and_none_is_missing_or_twice(client):
    client.post(ANN, json={"records": [{"answer": f"number {n}", "time": 1000 - n} for n in range(7)]})
    seen, after = [], None
    while True:
        page = client.get(ANN, params={"limit": 4, **({"after": after} if after else {})}).json()
        seen += [one["answer"] for one in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
        client.post(ANN, json={"answer": f"came meanwhile {len(seen)}"})
    assert seen == [f"number {n}" for n in range(6, -1, -1)] + ["My dog is called Bodo.", "I live in Oslo."]
    client.post(ANN, json={"answer": "5", "kind": "rating"})
    assert [one["kind"] for one in client.get(ANN, params={"kind": "rating"}).json()["data"]] == ["rating"]
    assert client.get(ANN, params={"after": "!!"}).status_code == client.get(ANN, params={"limit": 201}).status_code == 400


def test_records_are_found_by_their_words_and_only_their_own(client):
    client.post(ANN, json={"answer": "A cello stands in the hall."})
    found = client.get(f"{ANN}/search", params={"q": "who has a cello"}).json()["data"]
    assert [one["answer"] for one in found] == ["A cello stands in the hall."]
    assert client.get(f"{ANN}/search", params={"q": "Lima"}).json()["data"] == []


def test_an_edited_record_says_the_new_thing_in_the_next_answer_and_its_old_words_are_nowhere(client, tmp_path):
    client.post(ANN, json={"answer": "The heron of quixotic Vauxhall ate buns.", "id": "bird", "pinned": True})
    client.ask("ann", "What of the heron?")
    done = client.patch(f"{ANN}/bird", json={"answer": "A gull was there."}).json()
    assert done["answer"] == "A gull was there." and done["pinned"] and done["forgotten"]["clean"]
    assert "gull" in client.ask("ann", "What of the heron?")[0]
    client.store._compact("ann")
    assert b"quixotic Vauxhall" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_record_that_is_taken_away_is_gone_with_its_facts_its_replies_and_how_it_was_handled(client, tmp_path):
    client.post(ANN, json={"answer": "I live in Timbuktu-by-the-sea.", "id": "home", "pinned": True, "time": 9e8})
    reply = client.ask("ann", "Where do I live?")[1]
    assert "I live in Timbuktu-by-the-sea" in client.facts("ann")
    receipt = client.delete(f"{ANN}/home").json()
    assert receipt["clean"] and receipt["removed"]["records"] == 1 and receipt["digest"].startswith("sha256:")
    assert client.get(f"{ANN}/home").status_code == client.delete(f"{ANN}/home").status_code == 404
    assert client.get(f"/v1/replies/{reply}/why").status_code == 404
    assert client.desk.of("ann").wished.records == {} and "Timbuktu" not in client.ask("ann", "Where do I live?")[0]


def test_what_is_pinned_is_told_first_whatever_is_asked(client):
    client.post(ANN, json={"answer": "A blue pot hides my key.", "id": "pot", "time": -9e8})
    client.post(ANN, json={"records": [{"answer": f"Walk {n} was long and wet."} for n in range(30)]})
    assert "blue pot" not in client.ask("ann", "How was the walk?")[0]
    client.patch(f"{ANN}/pot", json={"pinned": True})
    heard = client.ask("ann", "How was the walk?")[0]
    assert "blue pot" in heard and heard.index("blue pot") < heard.index("Walk 29")
    client.patch(f"{ANN}/pot", json={"pinned": False})
    assert "blue pot" not in client.ask("ann", "How was the walk?")[0]


@pytest.mark.parametrize("user", ["*", "%", "_nn", "a%", "ann ", "ANN", "ann\x00", "ann'--", "../ann"])
def test_an_id_is_never_a_pattern(client, user):
    from urllib.parse import quote

    path = f"/v1/users/{quote(user, safe='')}/records"
    assert client.get(path).status_code == 404 and client.get(f"{path}/search", params={"q": "Oslo"}).status_code == 404
    client.store.add(user, [Record("", "only theirs", 1.0, "theirs")])
    assert [one["answer"] for one in client.get(path).json()["data"]] == ["only theirs"]


def test_a_record_of_somebody_else_is_not_there(client):
    theirs = client.get("/v1/users/bob/records").json()["data"][0]["id"]
    for call in (client.get, client.delete):
        assert call(f"{ANN}/{theirs}").status_code == 404
    assert client.patch(f"{ANN}/{theirs}", json={"answer": "x"}).status_code == 404
    assert client.store.user("bob").records[0].answer == "I live in Lima."


def test_a_key_reaches_its_own_application_and_a_token_its_own_person(client):
    client.store.add("shop\x1fann", [Record("", "of the shop", 1.0)])
    shop, own = {"x-as": "shop/application"}, {"x-as": "shop/person/ann"}
    assert [one["answer"] for one in client.get(ANN, headers=shop).json()["data"]] == ["of the shop"]
    assert [one["answer"] for one in client.get(ANN, headers=own).json()["data"]] == ["of the shop"]
    assert client.get("/v1/users/bob/records", headers=own).status_code == 404
    assert client.post("/v1/users/bob/records", json={"answer": "x"}, headers=own).status_code == 404


def test_a_write_that_is_sent_again_with_its_key_is_done_once(client):
    body, key = {"records": [{"answer": "Said once.", "time": 5}, {"answer": "And this."}]}, {"Idempotency-Key": "k1"}
    first, again = (client.post(ANN, json=body, headers=key) for _ in range(2))
    assert first.json() == again.json() and again.headers["Idempotent-Replayed"] == "true"
    assert len(client.store.user("ann").records) == 4
