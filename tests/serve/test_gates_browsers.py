"""In a browser a key goes by itself: another site's page writes nothing with it, and does not reach a server without keys."""

import time

import httpx
import pytest
from fastapi import Response
from starlette.requests import Request

from idiolect.serve import gates
from tests.serve.conftest import Serving, gateway_of, told
from tests.serve.keyed import app_of, filled, keys_of

QUESTION = {"messages": [{"role": "user", "content": "Where do I live?"}]}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A server with keys."""
    gateway = filled(tmp_path_factory.mktemp("keys") / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield keys_of(serving)


@pytest.fixture(scope="module")
def openly(tmp_path_factory):
    """A server without keys."""
    gateway = gateway_of(tmp_path_factory.mktemp("openly") / "people.db")
    gateway.store.add("ann", told("I live in Oslo."))
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


def by_cookie(keys, secret, method="GET", path="/v1/models", **headers):
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=keys.serving.url, cookies={gates.COOKIE: secret}) as http:
        return http.request(method, path, headers=own, json=QUESTION if method == "POST" else None)


def test_a_cookie_is_as_good_as_a_header_for_reading(keys):
    assert by_cookie(keys, keys.ann).status_code == 200
    assert by_cookie(keys, keys.ann, Sec_Fetch_Site="same-origin").status_code == 200
    assert by_cookie(keys, "idt_" + "A" * 43).status_code == 401
    assert by_cookie(keys, keys.ann, Authorization="Bearer nonsense").status_code == 401, "the header is what counts, where there is one"


CROSS = [
    {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"}, {"Sec_Fetch_Site": "nonsense"}, {"Origin": "http://HOST:1"}, {"Origin": ""},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://HOST"}, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
    {"Origin": "file://HOST"},
]  # fmt: skip


@pytest.mark.parametrize("headers", CROSS, ids=range(len(CROSS)))
def test_with_a_cookie_nothing_is_written_from_another_sites_page(keys, headers):
    own = {name: value.replace("HOST", keys.serving.url[7:]) for name, value in headers.items()}
    answered = by_cookie(keys, keys.ann, "POST", "/v1/chat/completions", **own)
    assert answered.status_code == 403 and answered.json()["error"]["code"] == "forbidden"


def test_with_a_cookie_this_servers_own_page_may_write(keys):
    for own in (
        {"Sec_Fetch_Site": "same-origin"},
        {"Origin": keys.serving.url},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://proxied.example"},
    ):
        assert by_cookie(keys, keys.ann, "POST", "/v1/chat/completions", **own).status_code == 200


def test_with_a_cookie_another_sites_page_reads_nothing_but_a_link_is_followed(keys):
    assert by_cookie(keys, keys.ann, Sec_Fetch_Site="cross-site").status_code == 403
    assert by_cookie(keys, keys.ann, Origin="http://127.0.0.1:1").status_code == 403
    followed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert by_cookie(keys, keys.ann, **followed).status_code == 200
    assert by_cookie(keys, keys.ann, **{**followed, "Sec_Fetch_Dest": "iframe"}).status_code == 403


def test_the_cookie_is_for_this_servers_own_pages_alone():
    http = Request({"type": "http", "scheme": "https", "server": ("shop.example", 443), "path": "/", "headers": [], "query_string": b""})
    response = Response()
    gates.remember(response, http, "idt_secret", time.time() + 60)
    said = response.headers["set-cookie"]
    assert all(word in said.lower() for word in ("httponly", "samesite=strict", "secure", "path=/", "expires="))
    gates.unremember(response)
    assert 'idiolect=""' in response.headers.getlist("set-cookie")[1]


# without keys: this machine alone


def test_without_keys_this_machine_is_the_operator_whatever_key_its_client_says(openly):
    for headers in ({}, {"Authorization": "Bearer none"}, {"Authorization": "Bearer sk-123"}, {"Authorization": "nonsense"}):
        assert openly.http.get("/v1/audit", headers=headers).status_code == 200
    assert openly.http.get("/v1/models", headers={"Authorization": "Bearer idl_" + "A" * 43}).status_code == 401, (
        "one of ours that is wrong"
    )


HOSTS = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "", "[", "[::1", "0.0.0.0", "10.0.0.1", "localhost.",
         "127.0.0.1@evil.example", "[::ffff:8.8.8.8]", "2130706433", "0x7f.1"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_that_was_rebound_to_this_machine_is_refused(openly, host):
    answered = openly.http.get("/v1/models", headers={"Host": host})
    assert answered.status_code in (400, 403)
    if answered.status_code == 403:
        assert "127.0.0.1 and localhost" in answered.json()["error"]["message"]


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1", "127.1.2.3:8000", "[::1]:8000"])
def test_this_machines_own_names_are_answered(openly, host):
    assert openly.http.get("/v1/models", headers={"Host": host}).status_code == 200


def test_another_sites_page_cannot_use_a_server_without_keys(openly):
    port = openly.url.rpartition(":")[2]
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"http://localhost:{port}", "http://["):
        assert openly.http.post("/v1/chat/completions", json=QUESTION, headers={"Origin": origin}).status_code == 403
    for site in ("cross-site", "same-site"):
        assert openly.http.post("/v1/chat/completions", json=QUESTION, headers={"Sec-Fetch-Site": site}).status_code == 403
    for own in ({"Origin": openly.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        assert openly.http.post("/v1/chat/completions", json=QUESTION, headers=own).status_code == 200


def test_a_cookie_of_another_server_on_this_machine_is_no_harm(openly):
    with httpx.Client(base_url=openly.url, cookies={gates.COOKIE: "idt_" + "A" * 43}) as http:
        assert http.get("/v1/models").status_code == 200
