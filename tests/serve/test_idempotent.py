"""A write that is sent again is done once, answered as before, and its caller's alone; after a crash it is done again without harm."""

import asyncio
import threading
import time

import pytest
from fastapi import APIRouter, HTTPException, Request, Response

from idiolect.serve import idempotent
from idiolect.serve.here import Now
from idiolect.store.repeats import Repeats, repeats
from idiolect.types import Record
from tests.serve.conftest import Serving
from tests.serve.keyed import app_of, filled, first, keys_of

router = APIRouter()
DONE: list[str] = []  # what the routes below did
GOING = threading.Event()  # that a slow one waits for
QUESTION = {"messages": [{"role": "user", "content": "Where do I live?"}]}


@router.post("/v1/users/{user}/records", status_code=201)
async def add(user: str, body: list[str], now: Now, http: Request) -> dict[str, object]:
    """Keeps records, as the route of people does."""
    once, key = idempotent.of(http), now.caller.reach(user)
    made = [Record("p", text, float(at), *filter(None, [once.record_id(at)])) for at, text in enumerate(body)]
    added = await now.gateway.run(now.gateway.store.add, key, made)
    DONE.append(user)
    told = {"added": added, "ids": [record.id for record in made]}
    once.keep(told)
    return {**told, "texts": body}


@router.put("/v1/users/{user}/profile")
async def tell(user: str, now: Now) -> dict[str, str]:
    """Keeps nothing of its answer."""
    DONE.append(user)
    return {"told": "a person's words"}


@router.delete("/v1/users/{user}/all", status_code=204)
async def erase(user: str, now: Now) -> Response:
    """Erases somebody while it is at it."""
    await now.gateway.run(now.gateway.store.erase, now.caller.reach(user))
    DONE.append(user)
    return Response(status_code=204)


@router.patch("/v1/fails")
async def fails(now: Now, status: int) -> None:
    """Fails."""
    DONE.append(str(status))
    if status == 599:
        raise RuntimeError("what ann wrote")
    raise HTTPException(status)


@router.post("/v1/slow")
async def slow(now: Now) -> dict[str, str]:
    """Takes as long as it is let."""
    DONE.append("slow")
    while not GOING.is_set():
        await asyncio.sleep(0.01)
    return {}


@pytest.fixture
def keys(tmp_path):
    DONE.clear()
    GOING.clear()
    gateway = filled(tmp_path / "people.db")
    app = app_of(gateway)
    first(app, router)
    with Serving(gateway, app) as serving:
        yield keys_of(serving)
        GOING.set()


def sent(keys, secret, name, method="POST", path="/v1/users/ann/records", body=("I moved to Bergen.",), **more):
    return keys.call(secret, method, path, json=body, headers={"Idempotency-Key": name, "Connection": "close"}, **more)


def test_what_is_sent_again_is_done_once_and_answered_as_before(keys):
    first, second = (sent(keys, keys.shop, "one") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201) and len(DONE) == 1
    assert "Idempotent-Replayed" not in first.headers and second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == {"added": 1, "ids": first.json()["ids"]}
    assert [record.answer for record in keys.serving.store.user("shop\x1fann").records].count("I moved to Bergen.") == 1


def test_another_key_or_none_is_another_request(keys):
    sent(keys, keys.shop, "one")
    sent(keys, keys.shop, "two")
    keys.post(keys.shop, "/v1/users/ann/records", ["I moved to Bergen."])
    keys.post(keys.shop, "/v1/users/ann/records", ["I moved to Bergen."])
    assert len(DONE) == 4


def test_the_same_key_with_another_request_is_refused(keys):
    sent(keys, keys.shop, "one")
    others = [
        sent(keys, keys.shop, "one", body=("I moved to Lima.",)),
        sent(keys, keys.shop, "one", path="/v1/users/bob/records"),
        sent(keys, keys.shop, "one", path="/v1/users/ann/records?x=1"),
        sent(keys, keys.shop, "one", method="PUT", path="/v1/users/ann/profile"),
    ]
    assert [one.status_code for one in others] == [422] * 4 and len(DONE) == 1
    assert "new one for each" in others[0].json()["error"]["message"] and "Bergen" not in others[0].text


def test_callers_share_no_keys(keys):
    assert [sent(keys, key, "one").headers.get("Idempotent-Replayed") for key in (keys.shop, keys.toys, keys.operator, keys.ann)] == [
        None
    ] * 4
    assert len(DONE) == 4
    texts = [record.answer for record in keys.serving.store.user("toys\x1fann").records]
    assert texts.count("I moved to Bergen.") == 1 and "I live in Oslo." not in texts


def test_an_answer_that_may_hold_a_persons_words_is_not_kept(keys):
    first, second = (sent(keys, keys.shop, "one", "PUT", "/v1/users/ann/profile") for _ in range(2))
    assert first.json() == {"told": "a person's words"} and len(DONE) == 1
    assert second.status_code == 200 and second.json() == {"object": "idempotent.replay", "done": True}


def test_nothing_of_a_request_is_kept_but_digests_and_what_the_route_allows(keys):
    sent(keys, keys.shop, "the-key-that-was-sent", body=("a sentence that nobody else wrote",))
    with keys.serving.store._session("BEGIN") as db:
        (row,) = db.execute(repeats.select()).all()
    assert not any(text in repr(row) for text in ("the-key-that-was-sent", "a sentence", "ann", keys.id_of(keys.shop)))


def test_an_answer_that_is_long_is_not_kept(keys):
    body = [str(number) for number in range(200)]
    first, second = (sent(keys, keys.shop, "one", body=body) for _ in range(2))
    assert len(first.json()["ids"]) == 200 and second.json() == {"object": "idempotent.replay", "done": True} and len(DONE) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 429, 503])
def test_what_failed_was_not_done_and_may_be_sent_again(keys, status):
    answers = [sent(keys, keys.shop, "one", "PATCH", f"/v1/fails?status={status}").status_code for _ in range(2)]
    assert answers == [status] * 2 and len(DONE) == 2


def test_what_broke_the_server_may_be_sent_again(keys):
    answers = [sent(keys, keys.shop, "one", "PATCH", "/v1/fails?status=599") for _ in range(2)]
    assert [one.status_code for one in answers] == [500] * 2 and len(DONE) == 2 and "what ann wrote" not in answers[0].text


def test_while_the_first_is_under_way_the_second_is_told_to_wait(keys):
    threads = [threading.Thread(target=sent, args=(keys, keys.shop, "one", "POST", "/v1/slow"))]
    threads[0].start()
    while not DONE:
        time.sleep(0.01)
    refused = sent(keys, keys.shop, "one", "POST", "/v1/slow")
    assert refused.status_code == 409 and 1 <= int(refused.headers["Retry-After"]) <= 5
    assert sent(keys, keys.toys, "one").status_code == 201, "others go on"
    GOING.set()
    threads[0].join()
    assert sent(keys, keys.shop, "one", "POST", "/v1/slow").headers["Idempotent-Replayed"] == "true" and DONE.count("slow") == 1


def test_a_crowd_with_one_key_does_it_once(keys):
    GOING.set()
    said = []
    threads = [threading.Thread(target=lambda: said.append(sent(keys, keys.shop, "one").status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(DONE) == 1 and set(said) <= {201, 409} and 201 in said


def test_after_a_restart_it_is_answered_as_before(tmp_path):
    for replayed in (None, "true"):
        gateway = filled(tmp_path / "people.db")
        app = app_of(gateway)
        first(app, router)
        with Serving(gateway, app) as serving:
            if replayed is None:
                keys, DONE[:] = keys_of(serving), []
            keys.serving = serving
            answered = sent(keys, keys.shop, "one")
            assert answered.status_code == 201 and answered.headers.get("Idempotent-Replayed") == replayed
    assert len(DONE) == 1


def test_a_server_that_died_in_the_middle_of_it_is_taken_over_from_without_a_second_record(keys, monkeypatch):
    """The records were kept, and the answer was not: the same ids are derived again, so nothing is kept twice."""
    real = Repeats.finish
    monkeypatch.setattr(Repeats, "finish", lambda *_, **__: (_ for _ in ()).throw(SystemError("killed")))
    monkeypatch.setattr(Repeats, "drop", lambda *_, **__: None)
    assert sent(keys, keys.shop, "one").status_code == 500
    monkeypatch.setattr(Repeats, "finish", real)
    assert sent(keys, keys.shop, "one").status_code == 409, "nobody knows yet that it is dead"
    with keys.serving.store._session("BEGIN IMMEDIATE") as db:
        db.execute(repeats.update().values(until=time.time() - 1))
    again = sent(keys, keys.shop, "one")
    assert again.status_code == 201 and again.json()["added"] == 0
    texts = [record.answer for record in keys.serving.store.user("shop\x1fann").records]
    assert texts.count("I moved to Bergen.") == 1 and len(DONE) == 2


def test_who_takes_long_says_so(tmp_path):
    DONE.clear()
    GOING.clear()
    gateway = filled(tmp_path / "people.db")
    app = app_of(gateway, middleware=False)
    first(app, router)
    app.add_middleware(idempotent.Idempotent, lease=0.5, beat=0.1)
    with Serving(gateway, app) as serving:
        keys = keys_of(serving)
        thread = threading.Thread(target=sent, args=(keys, keys.shop, "one", "POST", "/v1/slow"))
        thread.start()
        time.sleep(1.5)
        assert sent(keys, keys.shop, "one", "POST", "/v1/slow").status_code == 409
        GOING.set()
        thread.join()
    assert DONE == ["slow"]


def test_what_is_known_of_a_persons_requests_goes_with_them(keys):
    sent(keys, keys.shop, "one")
    assert sent(keys, keys.shop, "two", "DELETE", "/v1/users/ann/all").status_code == 204
    again = sent(keys, keys.shop, "two", "DELETE", "/v1/users/ann/all")
    assert again.status_code == 204 and again.headers["Idempotent-Replayed"] == "true" and DONE == ["ann", "ann"]
    with keys.serving.store._session("BEGIN") as db:
        assert [(row.answer, row.user) for row in db.execute(repeats.select())] == [(None, None)], "of the erasure itself: that it was done"


def test_a_key_later_used_for_other_words_gives_them_other_ids(keys):
    first = sent(keys, keys.shop, "one").json()["ids"]
    with keys.serving.store._session("BEGIN IMMEDIATE") as db:
        db.execute(repeats.update().values(begun=time.time() - 86_401))
    second = sent(keys, keys.shop, "one", body=("I moved to Lima.",))
    assert second.status_code == 201 and second.json()["added"] == 1 and second.json()["ids"] != first


@pytest.mark.parametrize("name", ["", "x" * 201, "caf\xe9", "a\tb"], ids=range(4))
def test_a_key_is_printable_and_not_long(keys, name):
    answered = sent(keys, keys.shop, name.encode("latin-1"))
    assert answered.status_code == 400 and "Idempotency-Key" in answered.json()["error"]["message"] and not DONE


def test_two_keys_are_none(keys):
    headers = [("Authorization", f"Bearer {keys.shop}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert keys.serving.http.post("/v1/users/ann/records", json=["x"], headers=headers).status_code == 400


def test_without_a_right_to_call_nothing_is_begun(keys):
    assert [sent(keys, one, "one").status_code for one in (None, "idl_" + "A" * 43)] == [401, 401]
    assert sent(keys, keys.ann, "one", path="/v1/users/bob/records").status_code == 404
    with keys.serving.store._session("BEGIN") as db:
        assert db.execute(repeats.select()).all() == []


def test_reading_and_asking_know_no_such_key(keys):
    for _ in range(2):
        assert "Idempotent-Replayed" not in sent(keys, keys.shop, "one", "GET", "/v1/models", body=None).headers
        assert "Idempotent-Replayed" not in sent(keys, keys.shop, "one", path="/v1/chat/completions", body=QUESTION).headers


def test_a_large_request_comes_through_whole(keys):
    body = ["word " * 400_000, "end"]
    first, second = (sent(keys, keys.shop, "one", body=body) for _ in range(2))
    assert first.json()["texts"] == body and second.headers["Idempotent-Replayed"] == "true"
    assert keys.serving.store.user("shop\x1fann").records[-1].answer


def test_a_new_key_is_not_made_twice_and_its_secret_is_not_said_again(keys):
    first, second = (sent(keys, keys.operator, "one", path="/v1/keys", body={"application": "shop"}) for _ in range(2))
    assert second.status_code == 201 and second.json() == {name: value for name, value in first.json().items() if name != "key"}
    assert len(keys.accounts.keys(10)) == 4
    first, second = (sent(keys, keys.shop, "one", path="/v1/users/ann/tokens", body={}) for _ in range(2))
    assert second.json()["id"] == first.json()["id"] and "token" not in second.json()
