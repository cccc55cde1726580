"""An operator makes keys, an application gives its people tokens, and nobody else does either."""

import time

import pytest

from tests.serve.conftest import Serving
from tests.serve.keyed import app_of, filled, keys_of

QUESTION = {"messages": [{"role": "user", "content": "Where do I live?"}]}


@pytest.fixture
def keys(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield keys_of(serving)


def test_a_key_that_an_operator_makes_opens_its_application(keys):
    made = keys.post(keys.operator, "/v1/keys", {"application": "shop", "label": "second", "expires_in": 60})
    assert made.status_code == 201
    body = made.json()
    assert body["application"] == "shop" and body["live"] and 0 < body["expires"] - time.time() <= 60
    said = keys.post(body["key"], "/v1/chat/completions", {**QUESTION, "user": "ann"})
    assert said.status_code == 200 and "Oslo" in said.text
    listed = keys.get(keys.operator, "/v1/keys")
    assert [one["label"] for one in listed.json()["data"]] == ["the operator's", "the shop's", "the toys'", "second"]
    assert body["key"][4:] not in listed.text and "digest" not in listed.text


def test_keys_are_the_operators_alone(keys):
    before = len(keys.accounts.keys(100))
    mine = keys.id_of(keys.operator)
    for who in (keys.shop, keys.toys, keys.ann):
        refused = [
            keys.get(who, "/v1/keys"),
            keys.post(who, "/v1/keys", {"role": "operator"}),
            keys.delete(who, f"/v1/keys/{mine}"),
            keys.delete(who, f"/v1/keys/{keys.id_of(keys.shop)}"),
        ]
        assert [one.status_code for one in refused] == [403] * 4
    assert len(keys.accounts.keys(100)) == before and keys.accounts.holder(keys.operator)


@pytest.mark.parametrize(
    "body",
    [
        {"application": "Shop"}, {"application": "a\x1fb"}, {"application": "*"}, {"application": "shop\n"}, {"role": "person"}, {"role": "root"},
        {"label": "x" * 201}, {"expires_in": 0}, {"expires_in": -1}, {"expires_in": 1e300}, {"admin": True}, {"id": "key-1"}, [], "x",
    ],
    ids=range(14),
)  # fmt: skip
def test_what_a_key_cannot_be_is_refused(keys, body):
    answered = keys.post(keys.operator, "/v1/keys", body)
    assert answered.status_code == 400 and answered.json()["error"]["type"] == "invalid_request_error"
    assert len(keys.accounts.keys(100)) == 3


@pytest.mark.parametrize("wrong", ["key-0000000000000000", "*", "%25", "%00", "key-%25", "..%2F", "%ED%A0%80", "x" * 41])
def test_an_unknown_key_is_not_there_and_nothing_is_revoked(keys, wrong):
    answered = keys.delete(keys.operator, f"/v1/keys/{wrong}", follow_redirects=True)
    assert answered.status_code in (400, 404, 405)
    assert all(one.live(time.time()) for one in keys.accounts.keys(10))


def test_a_secret_in_the_place_of_an_id_is_not_said_again(keys):
    for path in (f"/v1/keys/{keys.shop}", f"/v1/users/ann/tokens/{keys.ann}"):
        answered = keys.delete(keys.operator, path)
        assert answered.status_code in (400, 404) and keys.shop[4:] not in answered.text and keys.ann[4:] not in answered.text


def test_lists_are_read_in_pages(keys):
    first = keys.get(keys.operator, "/v1/keys", params={"limit": 2}).json()
    assert first["object"] == "list" and first["has_more"] and len(first["data"]) == 2
    rest = keys.get(keys.operator, "/v1/keys", params={"limit": 2, "after": first["next"]}).json()
    assert not rest["has_more"] and rest["next"] is None and [one["application"] for one in rest["data"]] == ["toys"]
    for wrong in ({"limit": 0}, {"limit": 201}, {"after": "nonsense"}, {"after": "\x00"}, {"limit": "x"}):
        assert keys.get(keys.operator, "/v1/keys", params=wrong).status_code == 400


def test_a_persons_token_lasts_an_hour_where_nothing_is_said(keys):
    for body, ends in ((None, 3600), ({}, 3600), ({"expires_in": 5}, 5), ({"expires_in": None}, None)):
        made = keys.call(keys.shop, "POST", "/v1/users/bob/tokens", **({"json": body} if body is not None else {})).json()
        assert made["user"] == "bob" and made["made_by"] == keys.id_of(keys.shop)
        assert made["expires"] is None if ends is None else abs(made["expires"] - time.time() - ends) < 5
        assert keys.post(made["token"], "/v1/chat/completions", {**QUESTION, "user": "bob"}).status_code == 200


def test_a_persons_token_gives_no_tokens_and_shows_none(keys):
    for user in ("ann", "bob"):
        refused = [
            keys.post(keys.ann, f"/v1/users/{user}/tokens"),
            keys.get(keys.ann, f"/v1/users/{user}/tokens"),
            keys.delete(keys.ann, f"/v1/users/{user}/tokens/{keys.id_of(keys.ann)}"),
        ]
        assert [one.status_code for one in refused] == [403] * 3
    assert keys.get(keys.ann, "/v1/audit").status_code == 403 and keys.get(keys.ann, "/v1/audit/verify").status_code == 403


def test_another_applications_tokens_are_not_there(keys):
    mine = keys.id_of(keys.ann)
    for who in (keys.toys, keys.operator):
        assert keys.get(who, "/v1/users/ann/tokens").json()["data"] == []
        for user in ("ann", "shop%1Fann", "%1Fann", "*", "%25"):
            assert keys.delete(who, f"/v1/users/{user}/tokens/{mine}").status_code == 404
    assert [one["id"] for one in keys.get(keys.shop, "/v1/users/ann/tokens").json()["data"]] == [mine]
    assert keys.get(keys.ann, "/v1/models").status_code == 200


@pytest.mark.parametrize(
    "user",
    [
        "*",
        "%25",
        "_",
        "..",
        "%1F",
        "shop%1Fann",
        "%D0%B0nn",
        "x" * 512,
        "%00",
        "a%2Fb",
        "..%2F..%2Fetc",
        "ann%2Ftokens",
        "%ED%A0%80",
        "%F0%9F%98%80",
    ],
)
def test_a_token_is_of_the_id_as_it_is_written(keys, user):
    made = keys.call(keys.toys, "POST", f"/v1/users/{user}/tokens")
    if user == "..":
        assert made.status_code == 404, "the client itself takes it for a folder"
        return
    assert made.status_code == 201
    said = keys.post(made.json()["token"], "/v1/chat/completions", QUESTION)
    assert said.status_code == 200 and "Oslo" not in said.text and "Lima" not in said.text
    assert keys.post(made.json()["token"], "/v1/chat/completions", {**QUESTION, "user": "ann"}).status_code == 404


def test_an_id_that_is_too_long_is_refused(keys):
    assert keys.post(keys.shop, f"/v1/users/{'x' * 513}/tokens").status_code == 400


def test_a_withdrawn_token_opens_nothing_at_once(keys):
    assert keys.get(keys.ann, "/v1/models").status_code == 200
    path = f"/v1/users/ann/tokens/{keys.id_of(keys.ann)}"
    assert keys.delete(keys.shop, path).json()["revoked"]
    assert keys.get(keys.ann, "/v1/models").status_code == 401
    assert keys.delete(keys.shop, path).status_code == 404


def test_tokens_go_with_the_key_that_made_them(keys):
    assert keys.get(keys.ann, "/v1/models").status_code == 200
    assert keys.delete(keys.operator, f"/v1/keys/{keys.id_of(keys.shop)}").json()["live"] is False
    assert keys.get(keys.ann, "/v1/models").status_code == 401 and keys.get(keys.shop, "/v1/models").status_code == 401


def test_an_operator_may_revoke_the_key_that_it_uses(keys):
    assert keys.delete(keys.operator, f"/v1/keys/{keys.id_of(keys.operator)}").status_code == 200
    assert keys.get(keys.operator, "/v1/keys").status_code == 401


def test_a_token_is_gone_with_the_person(keys):
    assert keys.get(keys.ann, "/v1/models").status_code == 200
    keys.serving.store.erase("shop\x1fann")
    keys.serving.app.state.gate.forget()  # as the route that erases does
    assert keys.get(keys.ann, "/v1/models").status_code == 401
    assert keys.serving.store.version("shop\x1fann") is None


def test_what_is_done_with_keys_and_tokens_is_in_the_log(keys):
    made = keys.post(keys.operator, "/v1/keys", {"application": "shop", "label": "a-label"}).json()
    keys.delete(keys.operator, f"/v1/keys/{made['id']}")
    token = keys.post(keys.shop, "/v1/users/ann/tokens").json()
    keys.delete(keys.shop, f"/v1/users/ann/tokens/{token['id']}")
    found = keys.log()
    assert [one["action"] for one in found] == ["tokens.revoke", "tokens.add", "keys.revoke", "keys.add"]
    assert [one["key"] for one in found] == [keys.id_of(keys.shop)] * 2 + [keys.id_of(keys.operator)] * 2
    assert found[0]["person"] == found[1]["person"] != found[2]["person"] is None
    said = repr(found)
    assert not any(secret in said for secret in ("ann", "a-label", made["key"][4:], token["token"][4:]))


def test_no_secret_is_in_the_servers_log(keys, caplog):
    caplog.set_level("DEBUG")
    made = keys.post(keys.operator, "/v1/keys", {"application": "shop"}).json()
    token = keys.post(made["key"], "/v1/users/ann/tokens").json()
    keys.get(token["token"], "/v1/keys")
    keys.get("idl_" + "C" * 43, "/v1/keys")
    for secret in (made["key"], token["token"], keys.operator, "C" * 43):
        assert secret[4:] not in caplog.text
