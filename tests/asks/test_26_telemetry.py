"""Ask 26: telemetry, on by default: somebody else hears what is asked."""

import os
import socket
from urllib.parse import urlsplit

import pytest

from idiolect.models.local import TINY
from tests.asks.served import Endpoint, Process, asked

LISTEN = """
import os, sys

def heard(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.gethostbyaddr"):
        told = args[1:] if event in ("socket.connect", "socket.sendto") else args
        fd = os.open(os.environ["HEARD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, (event + " " + repr(told) + "\\n").encode())
        os.close(fd)

sys.addaudithook(heard)
"""
LOUD = ("HF_HUB_OFFLINE", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "ANONYMIZED_TELEMETRY")
bundled = pytest.mark.skipif(not (TINY / "config.json").is_file(), reason="the bundled model is not there")


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """A file of all that a process connects to, or looks up the address of; nobody tells it to keep still."""
    folder = tmp_path / "listening"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LISTEN)
    for name in LOUD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    return tmp_path / "heard"


def use(http):
    """A whole session of somebody's."""
    ann = "/v1/users/ann"
    assert "Do I sail?" in asked(http, "ann", "Do I sail?", model="up")
    with http.stream(
        "POST", "/v1/chat/completions", json={"messages": [{"role": "user", "content": "?"}], "user": "ann", "stream": True}
    ) as told:
        assert "[DONE]" in told.read().decode()
    reply = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "?"}], "user": "ann"}).json()["id"]
    yield http.post("/v1/feedback", json={"reply": reply, "thumbs": "up"})
    yield http.post(f"{ann}/records", json={"answer": "I sail."})
    yield http.post(f"{ann}/lessons", json={"method": "pag", "model": "up"})
    call = {"name": "recall", "arguments": {"user": "ann", "query": "sail"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    yield http.post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
    for path in (
        ann,
        f"{ann}/records/search?q=sail",
        f"{ann}/facts",
        f"{ann}/export",
        f"/v1/replies/{reply}/why",
        "/v1/models",
        "/v1/audit",
    ):
        yield http.get(path)
    for path in ("/", "/readyz", "/metrics"):
        yield http.get(path)
    yield http.delete(ann)


def places(file):
    """All that was connected to or looked up."""
    return set(file.read_text().splitlines()) if file.exists() else set()


@bundled
def test_ask_26_over_a_whole_session_nothing_is_connected_to_but_the_model_that_was_named(heard, tmp_path):
    with Endpoint() as up:
        with Process(tmp_path / "people.db", "--model", up.model, "--model", "tiny") as server:
            wrong = [(str(answered.url), answered.text) for answered in use(server.http) if answered.status_code >= 400]
            assert not wrong, server.said()
            assert asked(server.http, None, "Hello.", model="up+plain", max_tokens=4)
        host, port = urlsplit(up.url).hostname, urlsplit(up.url).port
        allowed = {
            line for line in places(heard) if f"'{host}', {port}" in line or line.startswith(f"socket.getaddrinfo ('{host}', {port}")
        }
    assert allowed, "the model was not heard at all: nothing was listened to"
    assert places(heard) == allowed


def test_ask_26_what_is_connected_to_would_be_heard(heard, tmp_path):
    import subprocess
    import sys

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    subprocess.run([sys.executable, "-c", f"import socket; socket.create_connection(('localhost', {port}))"], check=True)
    listening.close()
    assert any("'localhost'" in line for line in places(heard)) and any(str(port) in line for line in places(heard))


def test_ask_26_traces_and_metrics_go_nowhere_unless_they_are_sent_for():
    from idiolect.serve import traces
    from idiolect.serve.settings import Settings

    assert Settings().traces == "" and traces.opened("") is None
