"""OpenAI's chat and completions, asked by the official client."""

import json
import threading
import time

import openai
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.serve.app import create
from tests.serve.conftest import Serving, gateway_of, said, told


def asked(client, user=None, content="Where do I live?", **more):
    given = {} if user is None else {"user": user}
    return client.chat.completions.create(messages=[{"role": "user", "content": content}], **{"model": "echo", **given, **more})


def test_two_people_get_two_answers_and_nobody_gets_the_models_own(serving):
    client = serving.openai()
    ann, bob, nobody = (asked(client, user).choices[0].message.content for user in ("ann", "bob", None))
    assert "Oslo" in ann and "Lima" not in ann
    assert "Lima" in bob and "Oslo" not in bob
    assert nobody == "Where do I live?"


def test_somebody_unknown_gets_the_models_own_answer(serving):
    assert asked(serving.openai(), "zoe").choices[0].message.content == "Where do I live?"
    assert asked(serving.openai(), "*").choices[0].message.content == "Where do I live?"
    assert asked(serving.openai(), "an_").choices[0].message.content == "Where do I live?"


def test_a_stream_says_what_the_whole_says_and_ends_with_the_counts(serving):
    client = serving.openai()
    whole = asked(client, "ann")
    chunks = list(asked(client, "ann", stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_what_was_told_of_the_person_is_counted_apart(serving):
    used = asked(serving.openai(), "ann").usage
    assert 0 < used.prompt_tokens_details.personal_tokens <= used.prompt_tokens
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens
    assert asked(serving.openai()).usage.prompt_tokens_details.personal_tokens == 0


def test_several_choices_and_a_stop_text(serving):
    made = asked(serving.openai(), None, "one two STOP three", n=3, stop="STOP")
    assert [choice.message.content.strip() for choice in made.choices] == ["one two"] * 3
    streamed = list(asked(serving.openai(), None, "one two", n=2, stream=True))
    texts = {0: "", 1: ""}
    for chunk in streamed:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == {0: "one two", 1: "one two"}


def test_a_model_is_named_by_method_by_model_or_by_both(serving):
    client = serving.openai()
    names = [model.id for model in client.models.list()]
    assert names[0] == "echo+long_term" and "echo+rag" in names and "echo+plain" in names
    assert "echo+oppu" not in names  # this model cannot carry adapters
    for name in ("rag", "echo+rag"):
        assert asked(client, "ann", model=name).model == "echo+rag"
        assert client.models.retrieve(name).id == name
    assert asked(client, "ann", model="echo+plain").choices[0].message.content == "Where do I live?"
    assert asked(client, "ann", extra_body={"idiolect": {"method": "plain"}}).choices[0].message.content == "Where do I live?"


@pytest.mark.parametrize(
    ("more", "status", "said_"),
    [
        ({"model": "gpt-9"}, 404, "'gpt-9' is not served"),
        ({"model": "echo+ragg"}, 404, "rag"),
        ({"model": "echo+oppu"}, 404, "adapters"),
        ({"temperature": 9}, 400, "temperature"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"n": 1000}, 400, "n"),
        ({"logprobs": True}, 400, "logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "'tools' is not supported"),
        ({"extra_body": {"idiolect": {"methud": "rag"}}}, 400, "methud"),
        ({"extra_body": {"idiolect": {"character": "pirate"}}}, 400, "character"),
        ({"user": "x" * 600}, 400, "512"),
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_shape_with_the_way_out(serving, more, status, said_):
    with pytest.raises(openai.APIStatusError) as caught:
        asked(serving.openai(), more.pop("user", "ann"), **more)
    assert caught.value.status_code == status
    assert set(caught.value.body) == {"message", "type", "param", "code"}
    assert said_ in caught.value.body["message"]


def test_an_image_is_refused_and_a_conversation_of_parts_is_read(serving):
    client = serving.openai()
    parts = [{"type": "text", "text": "Where "}, {"type": "text", "text": "am I?"}]
    assert asked(client, None, parts).choices[0].message.content == "Where am I?"
    with pytest.raises(openai.BadRequestError, match="image_url"):
        asked(client, None, [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}])


def test_system_messages_come_first_as_one_and_the_person_after_them(serving):
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Be exact."},
        {"role": "user", "content": "Where do I live?"},
    ]
    text = serving.openai().chat.completions.create(model="echo", messages=turns, user="ann").choices[0].message.content
    assert text.startswith("Be kind. /  / Be exact. /  / ") and "Oslo" in text and text.endswith("| Where do I live?")


def test_the_older_completions_answer_too(serving):
    made = serving.openai().completions.create(model="rag", prompt=["Where?", "Who?"], user="bob")
    assert [choice.index for choice in made.choices] == [0, 1] and made.choices[0].text.endswith("Where?")
    pieces = serving.openai().completions.create(model="plain", prompt="Where?", stream=True)
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == "Where?"


def test_a_reply_can_be_explained_in_the_persons_own_words(serving):
    made = asked(serving.openai(), "ann")
    why = serving.http.get(f"/v1/replies/{made.id}/why").json()
    assert why["user"] == "ann" and why["method"] == "long_term" and why["question"] == "Where do I live?"
    assert any("Oslo" in one.get("text", "") for one in why["because"])
    assert "Lima" not in json.dumps(why)
    explained = asked(serving.openai(), "ann", extra_body={"idiolect": {"explain": True}}).model_extra["idiolect"]
    assert {one["kind"] for one in explained["because"]} <= {"record", "fact"} and explained["because"]


def test_a_reply_of_somebody_new_can_be_explained_too(serving):
    made = asked(serving.openai(), "zoe")
    assert serving.http.get(f"/v1/replies/{made.id}/why").json()["because"] == []
    assert "zoe" in serving.store.users()


def test_there_is_no_reply_by_another_id(serving):
    assert serving.http.get("/v1/replies/chatcmpl-0/why").status_code == 404


class Slow(ScriptedLM):
    """Says a word every 20 ms, and remembers how many it said."""

    said = 0

    def stream(self, request):
        for _ in range(500):
            time.sleep(0.02)
            self.said += 1
            yield "word "


def test_who_goes_away_is_not_gone_on_with(tmp_path):
    lm = Slow(said, can=(), name="echo")
    gateway = gateway_of(tmp_path / "people.db", lm)
    with Serving(gateway, create(gateway)) as serving:
        with serving.http.stream(
            "POST", "/v1/chat/completions", json={"messages": [{"role": "user", "content": "Go"}], "stream": True}
        ) as got:
            next(got.iter_bytes())
        time.sleep(0.3)
        before = lm.said
        time.sleep(0.3)
        assert lm.said == before < 100
        assert gateway.voices["echo"].stats().running == 0


def test_too_many_are_told_to_come_again_and_a_late_answer_is_given_up(tmp_path):
    gateway = gateway_of(tmp_path / "people.db", Slow(said, can=(), name="echo"), threads=1, most_waiting=0, timeout=0.5)
    with Serving(gateway, create(gateway)) as serving:
        statuses = []

        def ask():
            made = serving.http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Go"}], "stream": True})
            statuses.append((made.status_code, made.headers.get("retry-after"), made.text))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
    refused = [one for one in statuses if one[0] == 429]
    late = [one for one in statuses if one[0] == 200]
    assert len(refused) == 2 and all(int(one[1]) >= 1 for one in refused)
    assert len(late) == 1 and '"code":"timeout"' in late[0][2] and "[DONE]" not in late[0][2]


def test_the_event_loop_is_never_held_by_a_slow_store(tmp_path, monkeypatch):
    gateway = gateway_of(tmp_path / "people.db")
    gateway.store.add("ann", told("I live in Oslo."))
    version = gateway.store.version
    monkeypatch.setattr(gateway.store, "version", lambda user: (time.sleep(0.5), version(user))[1])
    with Serving(gateway, create(gateway)) as serving:
        thread = threading.Thread(target=lambda: serving.ask("ann", "Where?"))
        thread.start()
        time.sleep(0.1)
        began = time.perf_counter()
        assert serving.http.get("/v1/models").status_code == 200
        assert time.perf_counter() - began < 0.3  # it did not wait for the store
        thread.join()
