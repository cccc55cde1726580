"""Ask 29: memory at the gateway: before and behind another proxy that speaks OpenAI's API, whole and streaming."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import openai
import pytest

from idiolect.models.asking import Asking
from idiolect.models.remote import RemoteLM
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store
from tests.asks.served import Endpoint
from tests.serve.conftest import Serving, told
from tests.serve.keyed import app_of, keys_of

QUESTION = [{"role": "user", "content": "Where do I live?"}]
HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


class Proxy:
    """Passes on what it is asked, with a key of its own, and what it is answered, piece by piece; `seen` are the bodies."""

    def __init__(self, url, key):
        self.seen, outer = [], self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.append(json.loads(body))
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() not in HOP | {"authorization", "accept-encoding"}
                }
                with httpx.stream(
                    "POST", f"{url}{self.path}", content=body, headers={**headers, "Authorization": f"Bearer {key}"}, timeout=30
                ) as upstream:
                    self.send_response(upstream.status_code)
                    for name, value in upstream.headers.items():
                        if name.lower() not in HOP:
                            self.send_header(name, value)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for piece in upstream.iter_raw():
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def gateway_at(place, url):
    """A gateway whose model is at an endpoint."""
    store = Store(place)
    for user, home in (("ann", "Oslo"), ("bob", "Lima")):
        store.add(f"shop\x1f{user}", told(f"I live in {home}."))
    return Gateway(Settings(store=str(place), models=("up",)), store, {"up": Asking(RemoteLM(url, "up"))}, {"up": f"{url}#up"})


@pytest.fixture
def chain(tmp_path):
    """A client's proxy, then our server with keys, then a proxy of its own, then the model: (the client, both proxies, the model)."""
    with Endpoint() as model, Proxy(model.url.removesuffix("/v1"), "sk-model") as before:
        gateway = gateway_at(tmp_path / "people.db", f"{before.url}/v1")
        with Serving(gateway, app_of(gateway)) as serving:
            keys = keys_of(serving)
            with Proxy(serving.url, keys.shop) as behind:
                client = openai.OpenAI(base_url=f"{behind.url}/v1", api_key="sk-client", max_retries=0, timeout=30)
                yield client, behind, before, model
                client.close()


def test_ask_29_between_two_proxies_each_user_is_still_answered_as_themselves(chain):
    client, behind, before, model = chain
    answers = {}
    for user in ("ann", "bob"):
        made = client.chat.completions.create(model="up+long_term", user=user, messages=QUESTION)
        answers[user] = made.choices[0].message.content
        assert made.usage.total_tokens > 0 and made.id.startswith("chatcmpl-")
    assert "Oslo" in answers["ann"] and "Lima" not in answers["ann"] and "Lima" in answers["bob"] and "Oslo" not in answers["bob"]
    assert [body["user"] for body in behind.seen] == ["ann", "bob"]
    assert [body["model"] for body in before.seen] == ["up", "up"] and len(model.asked) == 2


def test_ask_29_a_stream_goes_through_both_piece_by_piece_and_ends_as_it_should(chain):
    client, *_ = chain
    stream = client.chat.completions.create(model="up", user="ann", messages=QUESTION, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    whole = client.chat.completions.create(model="up", user="ann", messages=QUESTION).choices[0].message.content
    assert len(pieces) > 5 and "".join(pieces) == whole and "Oslo" in whole
    assert chunks[-1].usage.total_tokens > 0 and [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"


def test_ask_29_whose_question_it_is_and_who_calls_goes_no_further_than_this_server(chain):
    client, behind, before, model = chain
    client.chat.completions.create(model="up", user="ann", messages=QUESTION)
    sent = json.dumps([before.seen, model.asked, model.headers])
    assert "ann" not in sent and "shop" not in sent and "sk-client" not in sent and "idl_" not in sent
    assert model.headers[-1]["Authorization"] == "Bearer sk-model"


def test_ask_29_what_the_model_or_a_proxy_refuses_comes_through_as_an_error_that_the_client_knows(chain):
    client, _, before, model = chain
    model.answer = lambda handler, body: model.send(
        handler, 400, {"error": {"message": "the context is too long", "type": "invalid_request_error"}}
    )
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="up", user="ann", messages=QUESTION)
    assert refused.value.status_code == 502 and refused.value.body["type"] == "upstream_error"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nobody", user="ann", messages=QUESTION)
    assert unknown.value.body["code"] == "model_not_found"


def test_ask_29_without_a_user_the_model_is_asked_as_it_is(tmp_path):
    with Endpoint() as model:
        gateway = gateway_at(tmp_path / "people.db", model.url)
        with Serving(gateway, create(gateway)) as serving:
            serving.openai().chat.completions.create(model="up", messages=QUESTION)
    assert [body["messages"] for body in model.bodies] == [QUESTION]
