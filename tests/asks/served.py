"""Servers for the asks: `idiolect serve` in processes of its own, over a model at an endpoint that says its prompt back."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.models.loopback import Server, chat, delta


class Endpoint(Server):
    """A model that says back all it is told, whole or streamed; `bodies` are what it was sent."""

    def __init__(self):
        super().__init__()
        self.answer = self._said
        self.model = f"{self.url}#up"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    @property
    def bodies(self):
        return [body for _, body in self.asked]

    def _said(self, handler, body):
        text = " | ".join(message["content"] for message in body["messages"])
        if body.get("stream"):
            pieces = b"".join(delta(word) for word in re.findall(r"\s*\S+|\s+$", text)) + b"data: [DONE]\n\n"
            self.send(handler, 200, pieces, Content_Type="text/event-stream")
        else:
            self.send(handler, 200, chat(text))


class Process:
    """`idiolect serve` with options, in a process of its own; its address is `url` once it can be reached. Ended whatever happens."""

    def __init__(self, store, *options, env=None):
        command = [sys.executable, "-m", "idiolect", "serve", "--store", str(store), "--port", "0", "--no-sample", *options]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, env={**os.environ, **(env or {})})

    def __enter__(self):
        line = next((line for line in self.process.stdout if "answers at" in line), "")
        assert line, f"the server did not start: {self.said()}"
        self.url = line.split()[-1]
        self._drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._drain.start()
        self.http = httpx.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(30)
        self.http.close()
        self.errors.close()

    def said(self):
        """What it wrote on standard error."""
        self.errors.seek(0)
        return self.errors.read()

    def kill(self):
        """As when the power goes."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


def at_once(*jobs):
    """What each of `jobs` returns, all begun at the same moment."""
    start = threading.Barrier(len(jobs))

    def begun(job):
        start.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [one.result(120) for one in [pool.submit(begun, job) for job in jobs]]


def asked(http, user, question, **more):
    """The text of an answer."""
    answered = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": question}], "user": user, **more})
    assert answered.status_code == 200, answered.text
    return answered.json()["choices"][0]["message"]["content"]
