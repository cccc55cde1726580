"""A real HTTP server on loopback that stands in for an OpenAI-compatible endpoint."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from idiolect.models import endpoint

KEY = "sk-secret-canary-123"


def chat(text, **more):
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


class Server:
    """Answers each request with `answer(handler, body)`, and keeps what it was asked."""

    def __init__(self):
        self.asked, self.headers, self.most, self._now, self._lock = [], [], 0, 0, threading.Lock()
        self.answer = lambda handler, body: self.send(handler, 200, chat(body["messages"][-1]["content"].upper()))
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer._now, self.under_way = outer._now + 1, True
                    outer.most = max(outer.most, outer._now)
                    outer.asked.append((self.path, body))
                    outer.headers.append(dict(self.headers))
                try:
                    outer.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    outer.done(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def done(self, handler):
        """The request is not under way any more: said before its last bytes go out, since whoever has them may ask again at once."""
        with self._lock:
            self._now -= handler.under_way
            handler.under_way = False

    def send(self, handler, status, body, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        self.done(handler)
        handler.wfile.write(raw)

    def in_turn(self, *answers):
        """Each of (status, body, headers) once, the last for ever."""
        left = list(answers)

        def answer(handler, body):
            status, said, headers = left.pop(0) if len(left) > 1 else left[0]
            self.send(handler, status, said, **headers)

        self.answer = answer

    def streams(self, *chunks, cut=False):
        """The chunks as they are, each sent by itself; cut: the connection is lost before the promised end."""

        def answer(handler, body):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            if cut:
                handler.send_header("Content-Length", "100000")
            handler.end_headers()
            for chunk in chunks:
                handler.wfile.write(chunk)
                handler.wfile.flush()
                time.sleep(0.002)

        self.answer = answer


@pytest.fixture
def server(monkeypatch):
    for name in ("IDIOLECT_API_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def delta(text, **more):
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}, **more}]}, ensure_ascii=False).encode() + b"\n\n"
