"""Feedback over HTTP: whatever is said of an answer is the person's, and the next answer knows it."""

import pytest

from idiolect.types import Record
from tests.serve.conftest import told
from tests.serve.desks import opened


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told("I live in Oslo."))
        client.store.add("bob", told("I live in Lima."))
        yield client


def give(client, **body):
    return client.post("/v1/feedback", json=body)


def test_a_correction_in_words_stands_in_the_next_prompt(client):
    text, reply = client.ask("ann", "Where do I live?")
    done = give(client, reply=reply, words="No, I live in Bergen. And never use so many words.").json()
    assert done["kind"] == "correction" and done["new"] and done["user"] == "ann" and done["method"] == "long_term"
    assert {"records", "facts"} <= set(done["changed"])
    record = next(one for one in client.store.user("ann").records if one.id == done["record"])
    assert (record.prompt, record.other) == ("Where do I live?", text)
    heard = client.ask("ann", "Where do I live?")[0]
    assert "I live in Bergen" in heard and "never use so many words" in heard and "I live in Oslo" not in heard


@pytest.mark.parametrize(
    "said,kind,answer,other",
    [
        ({"thumbs": "up"}, "rating", "5", None),
        ({"thumbs": "down"}, "rating", "1", None),
        ({"rating": 3.5}, "rating", "3.5", None),
        ({"edit": "In Oslo."}, "edit", "In Oslo.", None),
        ({"choice": {"chosen": "Oslo!", "rejected": "You live in Oslo."}}, "choice", "Oslo!", "You live in Oslo."),
    ],
)
def test_each_way_of_saying_it_becomes_a_record_of_its_kind(client, said, kind, answer, other):
    text, reply = client.ask("ann", "Where do I live?")
    done = give(client, reply=reply, **said).json()
    record = client.store.user("ann").records[-1]
    assert done["record"] == record.id
    assert (record.kind, record.answer, record.other, record.prompt) == (kind, answer, other or text, "Where do I live?")


def test_a_reply_has_one_rating_and_saying_the_same_again_adds_nothing(client):
    _, reply = client.ask("ann", "Where do I live?")
    made = [give(client, reply=reply, **said).json() for said in ({"thumbs": "up"}, {"thumbs": "up"}, {"rating": 2}, {"words": "No."})]
    assert [one["new"] for one in made] == [True, False, True, True] and len({one["record"] for one in made}) == 2
    assert [r.answer for r in client.store.user("ann").records if r.kind == "rating"] == ["2"]
    give(client, reply=reply, words="No.")
    assert len(client.store.user("ann").records) == 3


def test_a_text_that_was_answered_elsewhere_can_be_given(client):
    done = give(client, user="ann", question="Shall we?", text="Yes, gladly!", edit="Yes.").json()
    record = client.store.user("ann").records[-1]
    assert done["new"] and (record.prompt, record.other, record.answer) == ("Shall we?", "Yes, gladly!", "Yes.")


@pytest.mark.parametrize(
    "body", [{}, {"reply": "x"}, {"reply": "x", "thumbs": "up", "rating": 1}, {"thumbs": "up"}, {"thumbs": "sideways"}]
)
def test_feedback_that_says_nothing_or_two_things_is_refused(client, body):
    assert give(client, **body).status_code == 400


def test_a_reply_of_somebody_else_is_not_there(client):
    _, reply = client.ask("bob", "Where do I live?")
    for caller in ("shop/application", "/person/ann"):
        assert client.post("/v1/feedback", json={"reply": reply, "thumbs": "up"}, headers={"x-as": caller}).status_code == 404
    assert give(client, reply="chatcmpl-none", thumbs="up").status_code == 404
    assert len(client.store.user("bob").records) == 1


def test_a_kind_that_was_not_consented_to_is_refused_and_nothing_is_kept(client):
    client.put("/v1/users/ann/consent", json={"kinds": {"rating": False}})
    _, reply = client.ask("ann", "Where do I live?")
    refused = give(client, reply=reply, thumbs="up")
    assert refused.status_code == 409 and "'rating'" in refused.json()["error"]["message"]
    assert len(client.store.user("ann").records) == 1


def test_feedback_sent_again_with_its_key_is_kept_once(client):
    body, key = {"user": "ann", "question": "Q", "text": "A", "words": "Shorter, please."}, {"Idempotency-Key": "f1"}
    first, again = (client.post("/v1/feedback", json=body, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 200 and first.json()["record"] == again.json()["record"]
    assert [r.kind for r in client.store.user("ann").records] == ["message", "correction"]


def test_what_is_said_of_an_answer_reaches_no_other_person(client):
    client.store.add("eve", [Record("", "x", 1.0)])
    _, reply = client.ask("ann", "Where do I live?")
    give(client, reply=reply, words="No, I live in Bergen.")
    assert "Bergen" not in client.ask("bob", "Where do I live?")[0] + client.ask("eve", "Where do I live?")[0]
