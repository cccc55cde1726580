"""A server on a loopback port, in a thread, over a new store and a model that says its prompt back."""

import socket
import threading
import time

import httpx
import pytest
import uvicorn

from idiolect.models.scripted import ScriptedLM
from idiolect.models.speech import Threaded
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.types import Record


def said(request):
    """The whole prompt: what a test wants to look at."""
    return " | ".join(message.content.replace("\n", " / ") for message in request.messages)


class Serving:
    """A running server: its address, its gateway, and a client."""

    def __init__(self, gateway, app):
        self.gateway, self.app = gateway, app
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    @property
    def store(self):
        return self.gateway.store

    def __enter__(self):
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until and self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        self.http = httpx.Client(base_url=self.url, timeout=30)
        return self

    def __exit__(self, *_):
        self.http.close()
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"

    def openai(self, key="none"):
        """The official client."""
        from openai import OpenAI

        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30)

    def ask(self, user, question, **more):
        """The text of an answer."""
        body = {"messages": [{"role": "user", "content": question}], "user": user, **more}
        answered = self.http.post("/v1/chat/completions", json=body)
        assert answered.status_code == 200, answered.text
        return answered.json()["choices"][0]["message"]["content"]


def gateway_of(place, lm=None, **settings):
    """A gateway over a store at `place`; the model says its prompt back, and can what text alone needs."""
    lm = lm or ScriptedLM(said, can=(), name="echo")
    settings = Settings(**{"store": str(place), "models": ("echo",), "method": "long_term", **settings})
    store = Store(place)
    voice = Threaded(lm, settings.threads, settings.most_waiting)
    return Gateway(settings, store, {"echo": voice}, {"echo": "echo"})


def told(*answers, prompt="", start=0.0):
    """Messages that somebody wrote, a day apart."""
    return [Record(prompt, answer, start + 86400.0 * day) for day, answer in enumerate(answers)]


@pytest.fixture
def serving(tmp_path):
    """A server without keys; ann and bob are known."""
    gateway = gateway_of(tmp_path / "people.db")
    gateway.store.add("ann", told("I live in Oslo.", "Please answer briefly.", "My dog is called Bodo."))
    gateway.store.add("bob", told("I live in Lima.", "I play the cello."))
    with Serving(gateway, create(gateway)) as serving:
        yield serving
