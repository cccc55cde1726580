"""Sliders over HTTP: set, told to the model in words, and refused where they do not exist."""

from dataclasses import dataclass

import pytest

from idiolect import catalogue
from idiolect.method import Method
from tests.serve.conftest import told
from tests.serve.desks import opened

ANN = "/v1/users/ann/preferences"


@pytest.fixture
def client(tmp_path):
    with opened(tmp_path / "people.db") as client:
        client.store.add("ann", told("I live in Oslo."))
        yield client


def test_what_is_set_is_told_in_the_next_answer_before_what_is_known_of_the_person(client):
    done = client.put(ANN, json={"weights": {"length": -1, "warmth": 0.2}}).json()
    assert done["weights"] == {"length": -1, "detail": 0, "expertise": 0, "formality": 0, "directness": 0, "warmth": 0.2}
    assert client.get(ANN).json() == done and done["sliders"]["length"]["told"] == "Keep answers very much shorter than you would."
    heard, reply = client.ask("ann", "Where do I live?")
    assert "Keep answers very much shorter than you would." in heard and "a little more warmly" in heard
    assert heard.index("very much shorter") < heard.index("Oslo")
    because = client.get(f"/v1/replies/{reply}/why").json()["because"]
    assert {"kind": "setting", "name": "length -1"} in because and {"kind": "setting", "name": "warmth +0.2"} in because
    assert "shorter" not in client.ask("bob", "Where?")[0]


def test_what_is_left_out_is_zero_again_and_zero_says_nothing(client):
    client.put(ANN, json={"weights": {"length": -1}})
    assert client.put(ANN, json={"weights": {"formality": 0}}).json()["weights"]["length"] == 0
    assert "would" not in client.ask("ann", "Where do I live?")[0]


def test_weights_of_one_request_stand_in_for_those_that_are_set(client):
    client.put(ANN, json={"weights": {"length": -1, "formality": 1}})
    heard = client.ask("ann", "Where?", idiolect={"weights": {"length": 0.5}})[0]
    assert "clearly longer" in heard and "shorter" not in heard and "more formally" in heard
    refused = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], "user": "ann", "idiolect": {"weights": {"lenght": 1}}}
    )
    assert refused.status_code == 400 and "did you mean 'length'" in refused.json()["error"]["message"]


@pytest.mark.parametrize("weights", [{"length": 1.5}, {"length": "long"}, {"colour": 1}, {"length": None}, []])
def test_what_no_slider_takes_is_refused(client, weights):
    assert client.put(ANN, json={"weights": weights}).status_code == 400
    assert client.desk.of("ann").wished.sliders == {}


@dataclass
class Aiming(Method):
    """Says what it strives for."""

    objectives: tuple[str, ...] = ("brief", "thorough")

    def personalize(self, state, request, lm):
        return request.told(f"Strive for {dict(request.weights)}.")


def test_weights_of_what_a_method_strives_for_reach_it_and_sliders_beside_them_are_told(client, monkeypatch):
    load = catalogue.load
    monkeypatch.setattr(catalogue, "load", lambda name, **own: Aiming() if name == "rag" else load(name, **own))
    asked = {"method": "rag", "weights": {"brief": 0.3, "thorough": 0.7, "length": 1}}
    for user in ("ann", "somebody new"):
        heard = client.ask(user, "Where?", idiolect=asked)[0]
        assert "Strive for {'brief': 0.3, 'thorough': 0.7}." in heard and "very much longer" in heard
    assert "Strive for {}." in client.ask("ann", "Where?", idiolect={"method": "rag"})[0]
    assert "Strive" not in client.ask("nobody", "Where?", idiolect={"method": "rag"})[0]
