"""The log over HTTP: the operator reads it, nobody changes it, what was refused is in it, and what cannot be logged is not done."""

import pytest
from fastapi import APIRouter

from idiolect.errors import DataError, StoreError
from idiolect.serve.auditing import audit
from idiolect.serve.here import Now
from idiolect.store.audit import Audit
from tests.serve.conftest import Serving
from tests.serve.keyed import app_of, filled, keys_of

QUESTION = {"messages": [{"role": "user", "content": "Where do I live?"}]}
router = APIRouter()


@router.get("/v1/told/{user}")
async def export(user: str, now: Now) -> dict[str, str]:
    """A route that shows a person's data and says so in the log."""
    now.caller.reach(user)
    await audit(now, "export", user, records=2)
    return {"told": "what ann wrote"}


@router.get("/v1/wrong")
async def wrong(now: Now) -> dict[str, str]:
    """A route that would put a text into the log."""
    await audit(now, "export", "ann", city="Oslo")  # type: ignore[arg-type]
    return {}


@pytest.fixture
def keys(tmp_path):
    gateway = filled(tmp_path / "people.db")
    app = app_of(gateway)
    app.include_router(router)
    with Serving(gateway, app) as serving:
        yield keys_of(serving)


def test_reading_a_persons_data_is_in_the_log_before_it_is_answered(keys):
    assert keys.get(keys.shop, "/v1/told/ann").status_code == 200
    (entry,) = keys.log()
    assert (entry["key"], entry["application"], entry["role"], entry["action"], entry["counts"]) == (
        keys.id_of(keys.shop), "shop", "application", "export", {"records": 2},
    )  # fmt: skip
    assert "ann" not in repr(entry)


def test_what_cannot_be_logged_is_not_shown(keys, monkeypatch):
    def full(*_, **__):
        raise StoreError("the disk is full: make room")

    monkeypatch.setattr(Audit, "append", full)
    answered = keys.get(keys.shop, "/v1/told/ann")
    assert answered.status_code == 503 and "what ann wrote" not in answered.text


def test_a_text_for_the_log_is_a_mistake_of_the_route(keys):
    answered = keys.get(keys.shop, "/v1/wrong")
    assert answered.status_code == 400 and "Oslo" not in answered.text and keys.log() == []
    with pytest.raises(DataError):
        raise DataError(answered.json()["error"]["message"])


def test_entries_of_a_person_are_found_by_the_id_of_their_application(keys):
    keys.get(keys.shop, "/v1/told/ann")
    keys.get(keys.toys, "/v1/told/ann")
    keys.serving.store.erase("shop\x1fann")
    assert [one["application"] for one in keys.log(application="shop", user="ann")] == ["shop"], "also once they are erased"
    assert [one["application"] for one in keys.log(application="toys", user="ann")] == ["toys"]
    assert keys.log(user="ann") == [] == keys.log(application="shop", user="*") == keys.log(application="shop", user="%")
    assert len(keys.log()) == 2


def test_chat_is_not_in_the_log(keys):
    assert keys.post(keys.shop, "/v1/chat/completions", {**QUESTION, "user": "ann"}).status_code == 200
    assert keys.log() == []


def test_what_a_caller_was_refused_is_in_the_log(keys):
    assert keys.get(keys.ann, "/v1/keys").status_code == 403
    assert keys.get(keys.shop, "/v1/audit").status_code == 403
    assert keys.get(keys.ann, "/v1/told/bob").status_code == 404
    assert keys.post(keys.ann, "/v1/chat/completions", {**QUESTION, "user": "bob"}).status_code == 404
    found = keys.log()
    assert [(one["key"], one["action"], one["counts"]) for one in found] == [
        (keys.id_of(keys.ann), "refused", {"status": 404}),
        (keys.id_of(keys.ann), "refused", {"status": 404}),
        (keys.id_of(keys.shop), "refused", {"status": 403}),
        (keys.id_of(keys.ann), "refused", {"status": 403}),
    ]
    assert keys.log(application="shop", user="bob") == [found[1]], "of whom it was asked"


def test_nobody_fills_the_log_without_a_key_nor_an_application_with_what_is_not_there(keys):
    keys.get(None, "/v1/told/ann")
    keys.get("idl_" + "A" * 43, "/v1/told/ann")
    keys.get(keys.shop, "/v1/replies/chatcmpl-0/why")
    keys.get(keys.shop, "/nothing")
    assert keys.log() == []


def test_a_refusal_is_sent_though_it_cannot_be_logged(keys, monkeypatch, caplog):
    def full(*_, **__):
        raise StoreError("the disk is full: make room")

    monkeypatch.setattr(Audit, "append", full)
    assert keys.get(keys.ann, "/v1/keys").status_code == 403
    assert "could not be logged" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/1", "/v1/audit/verify"])
def test_no_request_changes_the_log(keys, method, path):
    keys.get(keys.shop, "/v1/told/ann")
    assert keys.call(keys.operator, method, path, json={}).status_code in (404, 405)
    verified = keys.get(keys.operator, "/v1/audit/verify").json()
    assert verified["whole"] and verified["entries"] == 1


def test_the_log_is_read_in_pages(keys):
    for _ in range(5):
        keys.get(keys.shop, "/v1/told/ann")
    first = keys.get(keys.operator, "/v1/audit", params={"limit": 2}).json()
    assert [one["number"] for one in first["data"]] == [5, 4] and first["has_more"]
    second = keys.get(keys.operator, "/v1/audit", params={"limit": 3, "after": first["next"]}).json()
    assert [one["number"] for one in second["data"]] == [3, 2, 1] and not second["has_more"] and second["next"] is None
    for bad in ({"limit": 0}, {"limit": 201}, {"after": "x"}, {"after": 0}, {"user": "x" * 513}):
        assert keys.get(keys.operator, "/v1/audit", params=bad).status_code == 400


def test_a_log_that_was_written_anew_differs_from_what_was_noted(keys):
    keys.get(keys.shop, "/v1/told/ann")
    noted = keys.get(keys.operator, "/v1/audit/verify").json()
    keys.get(keys.shop, "/v1/told/ann")
    asked = {"entries": noted["entries"], "head": noted["head"]}
    assert keys.get(keys.operator, "/v1/audit/verify", params=asked).json()["whole"]
    assert not keys.get(keys.operator, "/v1/audit/verify", params={**asked, "head": "0" * 64}).json()["whole"]
    assert not keys.get(keys.operator, "/v1/audit/verify", params={**asked, "entries": 9}).json()["whole"]
