"""Ask 24: features are taken away or moved to the cloud, and yesterday's data cannot be read any more."""

import io
import json
import os
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from idiolect import catalogue
from idiolect.serve.app import create
from idiolect.store import Store, portable
from tests.asks.served import Endpoint, Process, asked
from tests.serve.conftest import gateway_of
from tests.serve.desks import opened

ROOT = Path(__file__).parents[2]
KEEP = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")

# as version 1 wrote them, in its own words: what stands here stays, and every later version reads it
USER_1 = {
    "format": "idiolect.user.1",
    "user": "ann",
    "records": [
        {"prompt": "Where?", "answer": "I live in Ghent.", "time": 86400.0, "id": "home"},
        {"prompt": "Tea?", "answer": "4", "time": 172800.0, "id": "tea", "kind": "rating", "other": "Green tea."},
    ],
    "states": [
        {
            "method": "x", "config": {"k": 3, "model": "y"}, "history": "", "created": 1700000000.0,
            "state": {
                "text": "Likes boats.", "records": [{"id": "r", "time": 1.0, "prompt": "q", "answer": "a"}], "numbers": {"bad": 0},
                "arrays": {"a": "0"}, "adapter": {"name": "mine", "scale": 0.5, "modules": {"l.q": ["1", "2"]}},
                "facts": [{"text": "I live in Ghent", "sources": ["home"], "since": 86400.0, "kind": "fact", "key": "home", "uses": 0}],
                "parts": [
                    {
                        "text": "part", "records": [], "numbers": {}, "arrays": {}, "adapter": None, "facts": [], "parts": [], "people": {}
                    }
                ],
                "people": {},
                "tensors": {
                    "0": {"type": "F32", "shape": [2], "base64": "AACAPwAAAEA="},
                    "1": {"type": "F32", "shape": [1, 2], "base64": "AACAPwAAgD8="},
                    "2": {"type": "F32", "shape": [2, 1], "base64": "AACAPwAAgD8="},
                },
            },
        }
    ],
}  # fmt: skip
EXPORT_1 = {
    "export.json": {"format": "idiolect.export.1", "user": "ann", "records": 2},
    "facts.json": {
        "known": [],
        "by_hand": [
            {
                "id": "f1", "text": "My key is blue", "since": 1700000000.0, "source": "said", "sources": [], "kind": "fact", "key": "",
                "handling": {"sensitivity": "local", "pinned": True},
            }
        ],
        "never": [],
    },
    "preferences.json": {"weights": {"length": -0.5}},
    "consent.json": {"kinds": {"choice": False}, "methods": {"oppu": False}},
    "replies.jsonl": [],
    "records.jsonl": [{**USER_1["records"][0], "sensitivity": "local", "pinned": True}, USER_1["records"][1]],
}  # fmt: skip


def zipped():
    """The archive of version 1."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as packed:
        for name, held in EXPORT_1.items():
            packed.writestr(name, "\n".join(map(json.dumps, held)) if isinstance(held, list) else json.dumps(held))
    return into.getvalue()


def test_ask_24_an_export_of_version_1_is_read_by_the_server(tmp_path):
    with opened(tmp_path / "people.db") as client:
        brought = client.post("/v1/users/ann/records/import", content=zipped())
        assert brought.status_code == 200 and brought.json()["records"] == 2 and brought.json()["facts"] == 1
        assert client.get("/v1/users/ann/preferences").json()["weights"]["length"] == -0.5
        consent = client.get("/v1/users/ann/consent").json()
        assert consent["kinds"]["choice"] is False and consent["methods"] == {"oppu": False}
        home = client.get("/v1/users/ann/records/home").json()
        assert (home["answer"], home["time"], home["sensitivity"], home["pinned"]) == ("I live in Ghent.", 86400.0, "local", True)
        assert client.facts("ann")["My key is blue"]["pinned"] is True
        assert client.get("/v1/users/ann/records/tea").json()["other"] == "Green tea."


def test_ask_24_an_export_of_version_1_is_read_by_the_library_to_the_bit(tmp_path):
    with Store(tmp_path / "people.db") as store:
        store.import_(USER_1)
        assert [(one.id, one.kind, one.time) for one in store.user("ann").records] == [
            ("home", "message", 86400.0),
            ("tea", "rating", 172800.0),
        ]
        state = store.load("ann", "x", {"model": "y", "k": 3})
        assert state.text == "Likes boats." and state.arrays["a"].tolist() == [1.0, 2.0] and state.numbers == {"bad": 0}
        assert state.adapter.scale == 0.5 and state.adapter.modules["l.q"][1].shape == (2, 1) and state.parts[0].text == "part"
        assert [(fact.text, fact.sources) for fact in state.facts] == [("I live in Ghent", ("home",))]
        again = json.loads(json.dumps(store.export("ann")))
    again["states"][0]["created"] = USER_1["states"][0]["created"]
    assert portable.FORMAT == "idiolect.user.1" and again == USER_1


def test_ask_24_another_version_is_refused_by_its_name_and_not_half_read(tmp_path):
    with opened(tmp_path / "people.db") as client:
        newer = zipped().replace(b"idiolect.export.1", b"idiolect.export.9")
        refused = client.post("/v1/users/ann/records/import", content=newer)
        assert refused.status_code == 400 and client.get("/v1/users/ann").status_code == 404


def test_ask_24_nothing_asks_for_a_licence_or_a_hosted_service(tmp_path):
    gateway = gateway_of(tmp_path / "people.db")
    written = json.dumps(create(gateway).openapi())
    gateway.close()
    assert not re.search(r"(?i)licen[cs]e[ _-]?key|upgrade|enterprise|pro plan|premium|subscription|cloud", written)
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert told["license"] == "Apache-2.0"
    locked = re.compile(r"(?i)LICEN[CS]E_KEY|license_key|https://(?:api|app|cloud|telemetry)\.")
    found = [path.name for path in (ROOT / "idiolect").rglob("*.py") if locked.search(path.read_text(encoding="utf-8"))]
    assert found == []
    assert all(catalogue.row(name).place for name in catalogue.names())


@pytest.mark.parametrize("name", catalogue.names())
def test_ask_24_every_method_on_the_page_is_in_the_package(name):
    assert catalogue.load(name).needs == catalogue.row(name).needs


def test_ask_24_a_server_started_with_an_empty_environment_does_everything(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name not in KEEP:
            monkeypatch.delenv(name)
    with Endpoint() as up, Process(tmp_path / "people.db", "--model", up.model) as server:
        assert server.http.post("/v1/users/ann/records/import", content=zipped()).json()["records"] == 2
        assert server.http.post("/v1/users/ann/records", json={"answer": "I sail."}).json()["new"] == 1
        assert "I sail." in asked(server.http, "ann", "Do I sail?")
        assert server.http.get("/v1/users/ann/export").content[:2] == b"PK"
        assert server.http.get("/").status_code == 200 and server.http.delete("/v1/users/ann").json()["clean"]
