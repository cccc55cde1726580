"""Ask 4: another user's data in the answer."""

import pytest

from idiolect import catalogue
from idiolect.models.scripted import ScriptedLM
from idiolect.serve.app import create
from tests.asks.served import asked, at_once
from tests.serve.conftest import Serving, gateway_of, said, told
from tests.serve.keyed import app_of, filled, keys_of

PEOPLE = [f"person-{number}" for number in range(12)]
SECRETS = {user: f"canary{user[-2:].strip('-')}x" for user in PEOPLE}
WILD = [
    "*",
    "%",
    "_",
    "person-%",
    "person-*",
    "person-_",
    "PERSON-1",
    "person-1 ",
    "person-1,person-2",
    "person-1' OR '1'='1",
    ".*",
    "../person-1",
]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    gateway = gateway_of(tmp_path_factory.mktemp("crowd") / "people.db", ScriptedLM(said, can=(), name="echo"))
    for user, secret in SECRETS.items():
        gateway.store.add(user, told(f"I live in {secret}.", f"My dog is called {secret}.", f"About boats I always say {secret}."))
    with Serving(gateway, create(gateway)) as serving:
        yield serving


def others(user, text):
    return [secret for who, secret in SECRETS.items() if who != user and secret in text]


def test_ask_4_people_who_ask_at_the_same_moment_are_each_told_of_themselves_alone(crowd):
    for method in ("long_term", "rag", "lamp"):
        jobs = [lambda user=user: asked(crowd.http, user, "Where do I live, and with which dog?", model=method) for user in PEOPLE]
        for user, text in zip(PEOPLE, at_once(*jobs), strict=True):
            assert SECRETS[user] in text and not others(user, text), method


@pytest.mark.parametrize("method", catalogue.able(frozenset()))
def test_ask_4_no_method_tells_anybody_of_somebody_else(crowd, method):
    for user in PEOPLE[:2]:
        body = {"model": method, "user": user, "messages": [{"role": "user", "content": "What do I say about boats?"}]}
        answered = crowd.http.post("/v1/chat/completions", json=body)
        assert answered.status_code in (200, 404) and not others(user, answered.text)


def test_ask_4_an_id_is_a_name_and_never_a_pattern_wherever_it_stands(crowd):
    body = {"messages": [{"role": "user", "content": "Where do I live?"}]}
    for user in WILD:
        path = f"/v1/users/{user.replace('%', '%25').replace('/', '%2F')}"
        said_of_them = [crowd.http.get(f"{path}/{part}") for part in ("records", "records/search?q=live", "facts", "export", "preferences")]
        said_of_them += [
            crowd.http.post("/v1/chat/completions", json={**body, "user": user}),
            crowd.http.get("/v1/users", params={"q": user}),
        ]
        assert not [one.url for one in said_of_them if others(None, one.text)], user
        listed = crowd.http.get("/v1/users", params={"q": user}).json()["data"]
        assert all(one["id"].startswith(user) for one in listed), "what ids begin with, to the letter"


def test_ask_4_whose_data_it_is_comes_from_the_key_and_not_from_what_the_caller_writes(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        keys = keys_of(serving)
        body = {"messages": [{"role": "user", "content": "Where do I live?"}]}
        assert "Oslo" in keys.post(keys.shop, "/v1/chat/completions", {**body, "user": "ann"}).text
        for user in ("ann", "shop\x1fann", "shop/ann", "\x1fshop\x1fann"):
            assert "Oslo" not in keys.post(keys.toys, "/v1/chat/completions", {**body, "user": user}).text
            assert "Oslo" not in keys.get(keys.toys, f"/v1/users/{user}/records".replace("\x1f", "%1F")).text
        assert keys.post(keys.ann, "/v1/chat/completions", {**body, "user": "bob"}).status_code == 404
