"""People fitted elsewhere, answered through vLLM with their own adapters, which it lets go of when they are erased."""

import json

import numpy as np
import pytest

from idiolect import catalogue
from idiolect.assistant import configured
from idiolect.models.asking import Asking
from idiolect.models.vllm import open_vllm
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.running import swept
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.types import Adapter, State
from tests.models.loopback_vllm import VLLMDouble
from tests.serve.conftest import Serving, told

BASE = "some/base"


def adapter(seed):
    draw = np.random.default_rng(seed)
    return Adapter({"model.layers.0.self_attn.q_proj": tuple(draw.normal(size=size).astype(np.float32) for size in ((2, 8), (8, 2)))})


@pytest.fixture
def place(tmp_path):
    """A store in which ann and bob were fitted by OPPU on another machine."""
    method = catalogue.load("oppu", k=0)
    config = configured(BASE, method)
    with Store(tmp_path / "people.db") as store:
        store.save_shared("oppu", config, State())
        for seed, user in enumerate(("ann", "bob")):
            store.add(user, told(f"I am {user}."))
            store.save(user, "oppu", config, State(adapter=adapter(seed)))
    return tmp_path / "people.db"


def serving(place, url):
    settings = Settings(store=str(place), models=("base",), method="oppu", fitted_with=BASE)
    lm = open_vllm(url, "base", place.parent / "adapters")
    return Serving(gateway := Gateway(settings, Store(place), {"base": Asking(lm)}, {"base": f"{url}#base"}), create(gateway))


def folders(place):
    return [path for path in (place.parent / "adapters").iterdir() if path.is_dir()]


def test_each_person_is_answered_with_their_adapter_and_erasing_takes_it_out_of_the_engine(place):
    double = VLLMDouble()
    with serving(place, double.url) as server:
        assert "base+oppu" in [model["id"] for model in server.http.get("/v1/models").json()["data"]]
        answers = {user: server.ask(user, "Who am I?") for user in ("ann", "bob", "zoe")}
        assert len(set(answers.values())) == 3 and len(double.loras) == 2
        assert server.http.post("/v1/users/ann/lessons", json={}).status_code == 202  # it cannot be learnt here, and says so
        receipt = server.http.post("/v1/users/ann/erase").json()
        assert receipt.get("clean"), receipt
        assert receipt["engines"]["adapters"] >= 1 and receipt["engines"]["failed"] == []
        assert len(double.loras) == 1 and len(folders(place)) == 1
        assert server.ask("ann", "Who am I?") == answers["zoe"]
        assert server.ask("bob", "Who am I?") == answers["bob"]
    double.close()


def test_what_was_fitted_elsewhere_and_let_go_of_is_wanted_again(place):
    double = VLLMDouble()
    with serving(place, double.url) as server:
        assert server.http.put("/v1/users/ann/consent", json={"kinds": {"message": False}}).status_code == 200
        assert [one["method"] for one in server.http.get("/v1/users/ann/lessons").json()["data"]] == ["oppu"]
    double.close()


def test_who_was_erased_while_no_server_ran_is_swept_out_when_one_starts(place):
    double = VLLMDouble()
    with serving(place, double.url) as server:
        server.ask("ann", "Who am I?")
    with Store(place) as store:
        store.erase("ann")
        swept(store, [open_vllm(double.url, "base", place.parent / "adapters")])
    assert not folders(place)
    assert json.dumps(double.models()[1])
    double.close()
