"""A server that is told to stop finishes what streams, keeps what it acknowledged, and ends with 0; what it acknowledged outlives a kill."""

import json
import signal
import subprocess
import sys
import threading

import httpx
import pytest

from idiolect.store import Store

SERVER = """
import sys, time
from idiolect.models.scripted import ScriptedLM
from idiolect.serve import running
from idiolect.serve.settings import Settings
from idiolect.store import Store

class Slow(ScriptedLM):
    def stream(self, request):
        for word in super().stream(request):
            time.sleep(0.1)
            yield word

lm = Slow(lambda request: " ".join(map(str, range(int(request.question)))), can=(), name="slow")
settings = Settings(store=sys.argv[1], models=("slow",), method="rag", port=0, grace=float(sys.argv[2]))
running.run(settings, Store(sys.argv[1]), [("slow", lm)], lambda line: print(line, flush=True))
"""
WHOLE = "0 1 2 3 4 5 6 7 8 9"  # a second long


class Process:
    """A server process, ended whatever happens."""

    def __init__(self, place, grace=10):
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(place), str(grace)], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        line = next(line for line in self.process.stdout if "answers at" in line)
        self.http = httpx.Client(base_url=line.split()[-1], timeout=30)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.http.close()

    def ended(self, how):
        """The exit code after a signal."""
        self.process.send_signal(how)
        return self.process.wait(60)


class Streams:
    """Answers that stream to several people at once; `begun` once each has its first word."""

    def __init__(self, http, users, words=10):
        self.heard, self._http, self._begun = dict.fromkeys(users, ""), http, threading.Semaphore(0)
        self._words = str(words)
        self.threads = [threading.Thread(target=self._hear, args=(user,)) for user in users]
        for thread in self.threads:
            thread.start()
        for _ in users:
            assert self._begun.acquire(timeout=30)

    def _hear(self, user):
        body = {"messages": [{"role": "user", "content": self._words}], "user": user, "stream": True}
        try:
            with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
                for line in response.iter_lines():
                    if line == "data: [DONE]":
                        self.heard[user] += "."
                    elif line and (choices := json.loads(line.removeprefix("data: ")).get("choices")):
                        self.heard[user] += choices[0]["delta"].get("content", "")
                        self._begun.release()
        except httpx.HTTPError:
            self.heard[user] += "!"


class Writes:
    """Somebody who has things remembered, one after another, until nobody answers; `ids` are those that were acknowledged."""

    def __init__(self, http, user):
        self.ids, self.enough, self._http, self._user = [], threading.Event(), http, user
        self.thread = threading.Thread(target=self._write)
        self.thread.start()
        assert self.enough.wait(30)

    def _write(self):
        number = 0
        try:
            while True:
                call = {"name": "remember", "arguments": {"text": f"My number is {number}.", "user": self._user}}
                body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
                answered = self._http.post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
                self.ids.append(answered.json()["result"]["structuredContent"]["id"])
                number += 1
                if number == 3:
                    self.enough.set()
        except (httpx.HTTPError, KeyError):  # it takes no more
            pass


def kept(place, user):
    with Store(place) as store:
        return {record.id for record in store.user(user).records}


def test_what_streams_is_finished_and_what_was_acknowledged_is_kept(tmp_path):
    with Process(tmp_path / "people.db") as server:
        streams = Streams(server.http, ["ann", "bob"])
        writes = [Writes(server.http, user) for user in ("cleo", "dan")]
        code = server.ended(signal.SIGTERM)
        for thread in (*streams.threads, *(one.thread for one in writes)):
            thread.join(30)
    assert code == 0
    assert streams.heard == {"ann": f"{WHOLE}.", "bob": f"{WHOLE}."}
    with Store(tmp_path / "people.db") as store:
        assert {"ann", "bob"} <= set(store.users())  # known by their replies, which are written a moment after they are given
    assert all(set(one.ids) <= kept(tmp_path / "people.db", one._user) for one in writes)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_answer_that_takes_longer_than_the_grace_is_broken_off(tmp_path, how):
    with Process(tmp_path / "people.db", grace=0.2) as server:
        streams = Streams(server.http, ["ann"], words=200)
        writes = Writes(server.http, "cleo")
        code = server.ended(how)
        for thread in (*streams.threads, writes.thread):
            thread.join(30)
    assert code == 0 and "199" not in streams.heard["ann"]
    assert set(writes.ids) <= kept(tmp_path / "people.db", "cleo")


def test_what_was_acknowledged_outlives_a_kill(tmp_path):
    with Process(tmp_path / "people.db") as server:
        writes = [Writes(server.http, user) for user in ("cleo", "dan")]
        assert server.ended(signal.SIGKILL) == -signal.SIGKILL
        for one in writes:
            one.thread.join(30)
    assert all(len(one.ids) >= 3 and set(one.ids) <= kept(tmp_path / "people.db", one._user) for one in writes)
