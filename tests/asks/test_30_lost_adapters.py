"""Ask 30: many adapters in production: what was loaded at run time is lost when the engine restarts."""

import numpy as np
import pytest

from idiolect import catalogue
from idiolect.assistant import configured
from idiolect.models import endpoint
from idiolect.models.asking import Asking
from idiolect.models.vllm import open_vllm
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.types import Adapter, State
from tests.asks.served import at_once
from tests.models.loopback_vllm import VLLMDouble
from tests.serve.conftest import Serving, told

BASE, PEOPLE = "some/base", [f"person-{number}" for number in range(8)]
QUESTION = [{"role": "user", "content": "Who am I?"}]


def adapter(seed):
    draw = np.random.default_rng(seed)
    return Adapter({"model.layers.0.self_attn.q_proj": (draw.normal(size=(2, 8)).astype("f4"), draw.normal(size=(8, 2)).astype("f4"))})


@pytest.fixture
def place(tmp_path):
    """A store of people who were fitted elsewhere, each with an adapter."""
    config = configured(BASE, catalogue.load("oppu", k=0))
    with Store(tmp_path / "people.db") as store:
        store.save_shared("oppu", config, State())
        for seed, user in enumerate(PEOPLE):
            store.add(user, told(f"I am {user}."))
            store.save(user, "oppu", config, State(adapter=adapter(seed)))
    return tmp_path / "people.db"


@pytest.fixture
def engine(monkeypatch):
    for name in ("IDIOLECT_API_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    double = VLLMDouble()
    yield double
    double.close()


def serving(place, engine, **more):
    settings = Settings(store=str(place), models=("base",), method="oppu", fitted_with=BASE)
    lm = open_vllm(engine.url, "base", place.parent / "adapters")
    gateway = Gateway(settings, Store(place), {"base": Asking(lm, **more)}, {"base": f"{engine.url}#base"})
    return Serving(gateway, create(gateway))


def everybody(server):
    """What each is answered, all asking at once."""
    return dict(zip(PEOPLE, at_once(*(lambda user=user: server.ask(user, "Who am I?") for user in PEOPLE)), strict=True))


def test_ask_30_after_the_engine_restarts_everybody_is_answered_with_their_own_adapter_again(place, engine):
    with serving(place, engine) as server:
        before = everybody(server)
        assert len(set(before.values())) == len(PEOPLE) == len(engine.loras)
        engine.restart()
        assert not engine.loras
        assert everybody(server) == before and len(engine.loras) == len(PEOPLE)


def test_ask_30_a_stream_that_meets_a_restarted_engine_is_answered_too(place, engine):
    with serving(place, engine) as server:
        whole = server.ask("person-3", "Who am I?")
        engine.restart()
        client = server.openai()
        stream = client.chat.completions.create(model="base+oppu", user="person-3", messages=QUESTION, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == whole
        client.close()


def test_ask_30_after_this_server_restarts_too_nothing_has_to_be_told_by_hand(place, engine):
    with serving(place, engine) as server:
        before = everybody(server)
    engine.restart()
    with serving(place, engine) as server:
        assert everybody(server) == before


def test_ask_30_what_the_engine_still_has_is_not_sent_again_and_names_nobody(place, engine):
    with serving(place, engine) as server:
        everybody(server)
        loads = len(engine.calls)
        everybody(server)
        assert len(engine.calls) == loads == len(PEOPLE)
        assert not [name for name in engine.loras if any(user in name for user in PEOPLE)]


def test_ask_30_who_was_erased_does_not_come_back_with_the_engine(place, engine):
    with serving(place, engine) as server:
        before = everybody(server)
        assert server.http.delete("/v1/users/person-0").json()["clean"]
        engine.restart()
        plain = server.ask("stranger", "Who am I?")
        assert server.ask("person-0", "Who am I?") == plain != before["person-0"]
        assert server.ask("person-1", "Who am I?") == before["person-1"]
