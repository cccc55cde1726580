"""Ask 15: asynchronous in name: a slow store, model or embedding call holds the event loop, and everybody waits."""

import asyncio
import sys
import threading
import time
import traceback

import numpy as np
import pytest
from sqlalchemy import event

from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval.index import Index
from idiolect.serve.app import create
from tests.serve.conftest import Serving, gateway_of, said, told

SLOW = 0.25  # seconds that a call of the model or the embedder takes
STATEMENT = 0.002  # and one of the database
LATE = 0.1  # seconds after which the loop's thread is looked at


class Watchdog:
    """Looks at what an event loop is at while it is late, and notes whoever is slow on its thread."""

    def __init__(self):
        self.thread = None  # the loop's
        self.caught, self.stacks, self.longest, self._beat, self._over = [], [], 0.0, time.monotonic(), threading.Event()

    def slow(self, name, seconds):
        """Take this long; on the loop's own thread that is what must not be."""
        if threading.get_ident() == self.thread:
            self.caught.append((name, "".join(traceback.format_stack()[-12:-1])))
        time.sleep(seconds)

    async def beat(self):
        """On the loop: say again and again that it is free."""
        self.thread = threading.get_ident()
        while not self._over.is_set():
            now = time.monotonic()
            self.longest, self._beat = max(self.longest, now - self._beat), now
            await asyncio.sleep(0.005)

    def watch(self):
        """In a thread of its own: see what the loop is at when it does not say so."""
        while not self._over.wait(LATE / 4):
            if self.thread is not None and time.monotonic() - self._beat > LATE and (frame := sys._current_frames().get(self.thread)):
                self.stacks.append("".join(traceback.format_stack(frame)[-6:]))

    def __enter__(self):
        self._watching = threading.Thread(target=self.watch)
        self._watching.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._watching.join(10)


class Embedder:
    """Two numbers a text, slowly."""

    def __init__(self, watchdog):
        self.name, self.width, self.watchdog = "slow", 2, watchdog

    def encode(self, texts):
        self.watchdog.slow("the embedder", SLOW)
        return np.array([[1.0, float(len(text))] for text in texts], "f4")


class SlowLM(ScriptedLM):
    """A model that takes its time, whole and streaming."""

    watchdog = None

    def generate(self, requests):
        self.watchdog.slow("the model", SLOW)
        return super().generate(requests)

    def stream(self, request):
        self.watchdog.slow("the model", SLOW)
        yield from super().stream(request)


@pytest.fixture
def slowly(tmp_path):
    """A server in which everything is slow, and its watchdog."""
    with Watchdog() as watchdog:
        lm = SlowLM(said, can=(), name="echo")
        lm.watchdog = watchdog
        gateway = gateway_of(tmp_path / "people.db", lm)
        gateway.store.add("ann", told("I live in Oslo.", "My dog is called Bodo."))
        app = create(gateway)

        @app.get("/beat")
        async def beat():
            app.state.beat = asyncio.get_running_loop().create_task(watchdog.beat())

        with Serving(gateway, app) as serving:
            serving.http.get("/beat")
            slowed(gateway, watchdog)
            yield serving, watchdog


def slowed(gateway, watchdog):
    """Have every statement of the database, and every vector, take its time."""
    event.listen(gateway.store._engine, "before_cursor_execute", lambda *_: watchdog.slow("the store", STATEMENT))
    fetch = gateway.store._database.fetch
    gateway.store._database.fetch = lambda sql, values: (watchdog.slow("the store", STATEMENT), fetch(sql, values))[1]
    gateway.desk.index = Index(gateway.store, Embedder(watchdog))


def used(http):
    """Use all that a server can do, once; the replies' statuses."""
    ask, ann = {"messages": [{"role": "user", "content": "Where do I live?"}], "user": "ann"}, "/v1/users/ann"
    answered = http.post("/v1/chat/completions", json={**ask, "idiolect": {"explain": True, "learn": True}})
    reply = answered.json()["id"]
    yield answered
    yield http.post("/v1/chat/completions", json={**ask, "stream": True, "n": 2})
    yield http.post("/v1/completions", json={"prompt": ["a", "b"], "user": "ann", "model": "rag"})
    yield http.get(f"/v1/replies/{reply}/why")
    yield http.post("/v1/feedback", json={"reply": reply, "edit": "In Oslo."}, headers={"Idempotency-Key": "k"})
    record = http.post(f"{ann}/records", json={"records": [{"answer": "I sail."}, {"answer": "I row.", "sensitivity": "local"}]})
    yield record
    name = record.json()["data"][0]["id"]
    yield http.get(f"{ann}/records", params={"limit": 2})
    yield http.get(f"{ann}/records/search", params={"q": "boat sail"})
    yield http.patch(f"{ann}/records/{name}", json={"answer": "I sail well.", "pinned": True})
    yield http.delete(f"{ann}/records/{name}")
    for part in ("", "/facts", "/preferences", "/consent", "/lessons", "/tokens"):
        yield http.get(f"{ann}{part}")
    yield http.post(f"{ann}/facts", json={"text": "My key is blue"})
    yield http.put(f"{ann}/preferences", json={"weights": {"length": -0.5}})
    yield http.put(f"{ann}/consent", params={"erase": True}, json={"kinds": {"rating": False}})
    yield http.post(f"{ann}/lessons", json={"method": "pag"})
    export = http.get(f"{ann}/export")
    yield export
    yield http.post("/v1/users/eve/records/import", files={"file": ("export.zip", export.content)})
    yield http.post("/v1/users/eve/records/import", params={"alone": True}, content=b'{"answer": "I row."}\n')
    call = {"name": "who_is", "arguments": {"user": "ann"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    yield http.post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
    for path in ("/v1/users", "/v1/keys", "/v1/audit", "/v1/audit/verify", "/v1/models", "/readyz", "/metrics", "/"):
        yield http.get(path)
    yield http.delete("/v1/users/eve")


def test_ask_15_nothing_slow_ever_holds_the_event_loop(slowly):
    serving, watchdog = slowly
    assert not [(str(one.url), one.text) for one in used(serving.http) if one.status_code >= 400]
    assert not watchdog.caught, f"{watchdog.caught[0][0]} was called on the event loop:\n{watchdog.caught[0][1]}"
    held = [stack for stack in watchdog.stacks if "watchdog.slow" in stack or "/idiolect/store/" in stack or "time.sleep" in stack]
    assert not held, f"the loop stood still for up to {watchdog.longest:.2f} s, at:\n{held[0]}"
    assert watchdog.longest > 0


def test_ask_15_one_slow_answer_leaves_the_others_to_be_served(slowly):
    serving, watchdog = slowly
    go = threading.Event()
    serving.gateway.voices["echo"].lm.watchdog = type("Stuck", (), {"slow": lambda self, name, seconds: go.wait(30)})()
    stuck = threading.Thread(target=lambda: serving.ask("ann", "Where do I live?"))
    stuck.start()
    while not serving.gateway.voices["echo"].stats().running:
        assert stuck.is_alive()
        time.sleep(0.01)
    assert serving.http.get("/v1/users/ann/facts").status_code == 200 and serving.http.get("/readyz").status_code == 200
    assert stuck.is_alive()
    go.set()
    stuck.join(30)


def test_the_watchdog_sees_a_loop_that_is_held():
    async def held(watchdog):
        beating = asyncio.create_task(watchdog.beat())
        await asyncio.sleep(0.05)
        watchdog.slow("somebody", 0.4)
        await asyncio.sleep(0.05)
        watchdog._over.set()
        await beating

    with Watchdog() as watchdog:
        asyncio.run(held(watchdog))
    assert [name for name, _ in watchdog.caught] == ["somebody"]
    assert watchdog.longest >= 0.4 and any("watchdog.slow" in stack for stack in watchdog.stacks)
