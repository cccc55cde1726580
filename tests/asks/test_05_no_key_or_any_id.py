"""Ask 5: no authentication, or any id is accepted."""

import os
import subprocess
import sys

import pytest

from idiolect.serve.settings import Settings
from tests.serve.conftest import Serving
from tests.serve.keyed import app_of, filled, keys_of


@pytest.fixture
def keys(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield keys_of(serving)


def test_ask_5_a_server_listens_to_this_machine_alone_until_there_is_a_key(tmp_path):
    assert Settings().local
    command = [
        sys.executable,
        "-m",
        "idiolect",
        "serve",
        "--store",
        str(tmp_path / "people.db"),
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--no-sample",
    ]
    model = ["--model", "http://127.0.0.1:9/v1#nobody"]
    done = subprocess.run([*command, *model], capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 1 and "idiolect keys add" in done.stderr and "--host 127.0.0.1" in done.stderr
    assert "answers at" not in done.stdout


def test_ask_5_with_a_key_in_the_store_nobody_gets_in_without_one(keys):
    for path in ("/v1/models", "/v1/users", "/v1/users/ann/records", "/v1/users/ann/export", "/v1/audit", "/v1/keys"):
        assert keys.get(None, path).status_code == 401, path
    assert keys.post(None, "/v1/chat/completions", {"user": "ann", "messages": [{"role": "user", "content": "?"}]}).status_code == 401
    assert keys.call(None, "POST", "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status_code == 401
    assert keys.delete(None, "/v1/users/ann").status_code == 401 and "shop\x1fann" in keys.serving.store.users()


def test_ask_5_an_id_that_is_not_ones_own_is_not_there_in_the_very_words_of_one_that_does_not_exist(keys):
    record = keys.get(keys.shop, "/v1/users/ann/records").json()["data"][0]["id"]
    fact = keys.get(keys.shop, "/v1/users/ann/facts").json()["data"][0]["id"]
    reply = keys.post(keys.shop, "/v1/chat/completions", {"user": "ann", "messages": [{"role": "user", "content": "Where?"}]}).json()["id"]
    token = keys.post(keys.shop, "/v1/users/ann/tokens").json()["id"]
    for path, name in (
        ("/v1/users/ann/records/{}", record),
        ("/v1/users/ann/facts/{}", fact),
        ("/v1/replies/{}/why", reply),
    ):
        own, foreign, invented = (
            keys.get(key, path.format(one)) for key, one in ((keys.shop, name), (keys.toys, name), (keys.toys, "0" * 16))
        )
        assert own.status_code == 200 and (foreign.status_code, invented.status_code) == (404, 404)
        assert foreign.text.replace(name, "ID") == invented.text.replace("0" * 16, "ID")
    for path in (f"/v1/users/ann/records/{record}", f"/v1/users/ann/facts/{fact}", f"/v1/users/ann/tokens/{token}"):
        assert keys.delete(keys.toys, path).status_code == 404
    assert keys.post(keys.toys, "/v1/feedback", {"reply": reply, "thumbs": "up"}).status_code == 404
    assert keys.get(keys.shop, f"/v1/users/ann/records/{record}").status_code == 200


def test_ask_5_a_persons_token_reaches_that_person_and_no_list_of_people(keys):
    assert keys.get(keys.ann, "/v1/users/ann/records").status_code == 200
    assert keys.get(keys.ann, "/v1/users/bob/records").status_code == 404
    assert keys.get(keys.ann, "/v1/users").status_code == 403 and keys.get(keys.ann, "/v1/keys").status_code == 403


def test_ask_5_without_keys_another_sites_page_gets_nothing_out_of_the_browser(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        port = serving.url.rpartition(":")[2]
        rebound, foreign = {"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}
        assert [serving.http.get("/v1/users", headers=headers).status_code for headers in ({}, rebound, foreign)] == [200, 403, 403]
