"""Ask 20: not to that model: what is private leaves this machine with the next question all the same."""

import json
import time

import pytest

from idiolect import catalogue
from idiolect.models.asking import Asking
from idiolect.models.remote import RemoteLM
from idiolect.models.scripted import ScriptedLM
from idiolect.models.speech import Threaded
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store
from tests.asks.served import Endpoint
from tests.serve.conftest import Serving, said

LOCAL, NEVER, OPEN = "quartzbadger", "flintotter", "amberheron"
PRIVATE = {"local": LOCAL, "never": NEVER, "allowed": OPEN}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def serving(tmp_path):
    """A server with a model of this machine, "near", and one at an endpoint, "far"; `serving.far.bodies` are what that one was sent."""
    with Endpoint() as far:
        store = Store(tmp_path / "people.db")
        voices = {"near": Threaded(ScriptedLM(said, can=(), name="near")), "far": Asking(RemoteLM(far.url, "up"))}
        gateway = Gateway(Settings(store=str(store.path), models=("near", "far")), store, voices, {"near": "near", "far": far.model})
        with Serving(gateway, create(gateway)) as serving:
            serving.far = far
            for how, word in PRIVATE.items():
                body = {
                    "records": [
                        {"answer": f"My cat is called {word}.", "sensitivity": how},
                        {"answer": f"I like {word}.", "sensitivity": how},
                    ]
                }
                assert serving.http.post("/v1/users/ann/records", json=body).status_code == 200
                serving.http.post("/v1/users/ann/facts", json={"text": f"The {word} sleeps here", "sensitivity": how})
            yield serving


def sent(serving):
    """Every word that went over the wire to the model elsewhere."""
    return json.dumps(serving.far.asked)


@pytest.mark.parametrize("method", [name for name in catalogue.able(frozenset()) if name != "plain"])
def test_ask_20_by_no_method_does_a_private_word_reach_a_model_elsewhere(serving, method):
    body = {
        "model": f"far+{method}",
        "user": "ann",
        "messages": [{"role": "user", "content": "What is my cat called, and what do I like?"}],
    }
    answered = serving.http.post("/v1/chat/completions", json=body)
    if answered.status_code == 404:
        pytest.skip("it learns from everybody first, or words its own questions")
    assert answered.status_code == 200, answered.text
    assert LOCAL not in sent(serving) and NEVER not in sent(serving)


def test_ask_20_the_model_of_this_machine_is_told_what_may_stay_on_it_and_the_other_what_may_go(serving):
    near = serving.ask("ann", "What is my cat called?", model="near")
    far = serving.ask("ann", "What is my cat called?", model="far")
    assert OPEN in near and LOCAL in near and NEVER not in near
    assert OPEN in far and LOCAL not in far and NEVER not in far


def test_ask_20_neither_learning_nor_an_agent_nor_the_reasons_are_a_way_around(serving):
    wanted = serving.http.post("/v1/users/ann/lessons", json={"model": "far", "method": "pag"})
    assert wanted.status_code == 202
    for _ in range(600):
        found = serving.http.get("/v1/users/ann/lessons").json()["data"][0]
        if found["status"] not in ("wanted", "running"):
            break
        time.sleep(0.05)
    assert found["status"] == "done" and serving.far.asked
    serving.ask("ann", "What is my cat called?", model="far+pag")
    assert LOCAL not in sent(serving) and NEVER not in sent(serving) and OPEN in sent(serving)
    for name, arguments in (("recall", {"query": "my cat is called"}), ("who_is", {})):
        call = {"name": name, "arguments": {"user": "ann", **arguments}}
        told = serving.http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}, headers=HEADERS).text
        assert OPEN in told and LOCAL not in told and NEVER not in told, name


def test_ask_20_what_becomes_private_is_told_no_more_and_what_was_learnt_of_it_goes(serving):
    assert OPEN in serving.ask("ann", "What is my cat called?", model="far")
    for record in serving.http.get("/v1/users/ann/records").json()["data"]:
        serving.http.patch(f"/v1/users/ann/records/{record['id']}", json={"sensitivity": "local"})
    for fact in serving.http.get("/v1/users/ann/facts").json()["data"]:
        serving.http.patch(f"/v1/users/ann/facts/{fact['id']}", json={"sensitivity": "local"})
    before = len(serving.far.asked)
    serving.ask("ann", "What is my cat called?", model="far")
    assert OPEN not in json.dumps(serving.far.asked[before:]) and OPEN in serving.ask("ann", "What is my cat called?", model="near")
