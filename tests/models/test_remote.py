"""The remote model against a real HTTP server on loopback: what goes over the wire, and everything that can go wrong there."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from idiolect.errors import EndpointError, ModelError
from idiolect.models import endpoint
from idiolect.models.lm import LM
from idiolect.models.remote import RemoteLM, plain_text
from idiolect.types import Message, Prefix, Request, Sampling, ask

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
                    outer._now += 1
                    outer.most = max(outer.most, outer._now)
                    outer.asked.append((self.path, body))
                    outer.headers.append(dict(self.headers))
                try:
                    outer.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with outer._lock:
                        outer._now -= 1

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def send(self, handler, status, body, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
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


def test_it_is_a_language_model_that_can_text_only(server):
    lm = RemoteLM(server.url, "m")
    assert isinstance(lm, LM) and lm.can == frozenset()
    assert RemoteLM(server.url, "m", scoring=plain_text).can == {"logprobs"}
    assert server.asked == []


def test_a_request_travels_whole(server):
    request = Request(
        (Message("system", "Be brief \ud800."), Message("user", "hello \U0001f600")),
        Sampling(9, 0.5, 0.9, ("\n", "END"), 4),
        because=("record:1",),
    )
    reply = RemoteLM(server.url, "m").generate([request])[0]
    assert server.asked == [("/v1/chat/completions", {
        "model": "m", "messages": [{"role": "system", "content": "Be brief \ud800."}, {"role": "user", "content": "hello \U0001f600"}],
        "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["\n", "END"], "seed": 4,
    })]  # fmt: skip
    assert (reply.text, reply.because, reply.finish, reply.prompt_tokens, reply.tokens) == ("HELLO \U0001f600", ("record:1",), "stop", 7, 3)


def test_a_reply_cut_at_its_length_or_without_usage_is_told(server):
    server.in_turn((200, {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}, {}))
    reply = RemoteLM(server.url, "m").generate([ask("?")])[0]
    assert (reply.text, reply.finish, reply.tokens) == ("", "length", 0)


def test_the_order_is_kept_and_no_more_are_under_way_than_allowed(server):
    def slow(handler, body):
        time.sleep(0.03 if int(body["messages"][0]["content"]) % 2 else 0.01)
        server.send(handler, 200, chat(body["messages"][0]["content"]))

    server.answer = slow
    lm = RemoteLM(server.url, "m", concurrency=3)
    with ThreadPoolExecutor(2) as pool:  # two callers share the limit
        for texts in pool.map(lambda _: [r.text for r in lm.generate([ask(str(i)) for i in range(12)])], range(2)):
            assert texts == [str(i) for i in range(12)]
    assert server.most == 3


def test_no_requests_are_no_work(server):
    assert RemoteLM(server.url, "m", scoring=plain_text).generate([]) == [] and server.asked == []


@pytest.mark.parametrize("asked", ["0", "0.01", "nonsense", ""])
def test_429_is_tried_again(server, asked):
    server.in_turn((429, {"error": "slow down"}, {"Retry_After": asked}), (503, b"", {}), (200, chat("ok"), {}))
    assert RemoteLM(server.url, "m").generate([ask("?")])[0].text == "ok"
    assert len(server.asked) == 3


def test_retry_after_is_kept_to_in_seconds_and_as_a_date(server, monkeypatch):
    slept = []
    monkeypatch.setattr(endpoint.time, "sleep", slept.append)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server.in_turn((429, b"", {"Retry_After": "7"}), (503, b"", {"Retry_After": date}), (200, chat("ok"), {}))
    RemoteLM(server.url, "m").generate([ask("?")])
    assert slept[0] == 7 and 17 < slept[1] <= 20


def test_a_wait_that_is_too_long_is_a_refusal(server):
    server.in_turn((429, {"error": "quota"}, {"Retry_After": "3600"}))
    with pytest.raises(EndpointError, match=r"said 429.*quota.*wait 3600 s"):
        RemoteLM(server.url, "m").generate([ask("?")])
    assert len(server.asked) == 1


def test_waits_double_and_jitter(server, monkeypatch):
    slept = []
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(endpoint.time, "sleep", slept.append)
    server.in_turn((500, b"", {}))
    with pytest.raises(EndpointError):
        RemoteLM(server.url, "m", retries=3).generate([ask("?")])
    assert len(slept) == 3 and all(2**i / 2 <= wait <= 2**i for i, wait in enumerate(slept))


def test_500s_to_the_end_are_an_error_that_says_who_and_what(server):
    server.in_turn((500, {"error": {"message": "out of memory"}}, {}))
    with pytest.raises(EndpointError, match=r"http://127.0.0.1:\d+/v1 said 500: .*out of memory.*tried 3 times"):
        RemoteLM(server.url, "m", retries=2).generate([ask("?")])
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 302])
def test_a_refusal_is_not_tried_again(server, status):
    server.in_turn((status, {"error": {"message": "no such model 'm'"}}, {}))
    with pytest.raises(EndpointError, match=rf"said {status}: .*no such model"):
        RemoteLM(server.url, "m").generate([ask("?")])
    assert len(server.asked) == 1


def test_a_wrong_path_gets_a_hint(server):
    server.in_turn((404, b"", {}))
    with pytest.raises(EndpointError, match="said 404: nothing; is the model's name right"):
        RemoteLM(server.url, "m").generate([ask("?")])


def test_a_time_out_is_tried_again_and_then_told(server):
    server.answer = lambda handler, body: time.sleep(0.3)
    with pytest.raises(EndpointError, match=r"timed out.*tried 2 times"):
        RemoteLM(server.url, "m", timeout=0.05, retries=1).generate([ask("?")])
    assert len(server.asked) == 2


def test_a_lost_connection_is_tried_again(server):
    answer, lost = server.answer, [1, 1]
    server.answer = lambda handler, body: handler.connection.shutdown(2) if lost and lost.pop() else answer(handler, body)
    assert RemoteLM(server.url, "m").generate([ask("ok")])[0].text == "OK"
    assert len(server.asked) == 3


def test_nobody_there_is_told(server):
    with pytest.raises(EndpointError, match=r"127.0.0.1:9/v1 gave no answer \(ConnectError"):
        RemoteLM("http://127.0.0.1:9", "m", retries=0).generate([ask("?")])


@pytest.mark.parametrize("body", [b"<html>login</html>", b'{"choices": [', b"[]", b"null", b"", b"\xff\xfe"])
def test_what_is_no_json_is_told(server, body):
    server.in_turn((200, body, {}))
    with pytest.raises(EndpointError, match="no JSON object"):
        RemoteLM(server.url, "m").generate([ask("?")])


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": [{}]}, {"choices": 7}, chat(["x"]), {**chat("x"), "usage": {"prompt_tokens": "many"}}]
)
def test_json_of_another_shape_is_told(server, body):
    server.in_turn((200, body, {}))
    with pytest.raises(EndpointError, match="another shape"):
        RemoteLM(server.url, "m").generate([ask("?")])


def test_one_failure_ends_the_rest(server):
    server.in_turn((400, b"bad", {}))
    with pytest.raises(EndpointError, match="said 400"):
        RemoteLM(server.url, "m", concurrency=2).generate([ask(str(i)) for i in range(50)])
    assert len(server.asked) < 25


def test_what_it_cannot_is_refused_before_anything_is_sent(server):
    lm, bent = RemoteLM(server.url, "m"), ask("?").bent(prefix=Prefix(np.zeros((1, 2), np.float32)))
    for call in (lambda: lm.generate([ask("?"), bent]), lambda: lm.stream(bent), lambda: lm.score([ask("?")], ["a"])):
        with pytest.raises(ModelError, match="which the model 'm at http"):
            call()
    assert server.asked == []


def test_the_key_is_sent_and_never_shown(server, monkeypatch):
    server.in_turn((401, {"error": f"bad key {KEY}"}, {}))
    lm = RemoteLM(server.url, "m", api_key=KEY)
    with pytest.raises(EndpointError, match=r"bad key \[the API key\].*IDIOLECT_API_KEY") as caught:
        lm.generate([ask("?")])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(caught.value) + repr(lm) + lm.name
    with pytest.raises(ModelError, match="printable") as caught:
        RemoteLM(server.url, "m", api_key="sk-sécret")
    assert "cret" not in str(caught.value)


def test_keys_come_from_the_environment_and_openais_goes_to_openai_alone(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "openai's")
    RemoteLM(server.url, "m").generate([ask("?")])
    monkeypatch.setenv("IDIOLECT_API_KEY", "ours")
    RemoteLM(server.url, "m").generate([ask("?")])
    assert [headers.get("Authorization") for headers in server.headers] == [None, "Bearer ours"]
    monkeypatch.delenv("IDIOLECT_API_KEY")
    assert endpoint._key(None, "api.openai.com") == "openai's" and endpoint._key(None, "notopenai.com") == ""


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host/v1", "http://", "nonsense", "http://host:port"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ModelError, match="is not the URL of an endpoint"):
        RemoteLM(url, "m")


def test_a_password_in_a_url_is_refused_and_not_shown():
    for url in ("http://ann:hunter2@host/v1", "http://host/v1?key=hunter2"):
        with pytest.raises(ModelError, match="URL of host holds a password") as caught:
            RemoteLM(url, "m")
        assert "hunter2" not in str(caught.value)


def test_urls_are_completed():
    made = {url: endpoint._address(url) for url in ("http://h:1", "http://h:1/", "https://h/api/v3/", "http://h/v1/chat/completions")}
    assert list(made.values()) == ["http://h:1/v1", "http://h:1/v1", "https://h/api/v3", "http://h/v1"]


def test_settings_out_of_range_are_refused():
    for bad in ({"timeout": 0}, {"retries": -1}, {"concurrency": 0}):
        with pytest.raises(ModelError, match="out of range"):
            RemoteLM("http://h", "m", **bad)


def test_a_stream_is_put_together_from_chunks_broken_anywhere(server):
    text = ["Hé", "llo ", "\U0001f600 \u2028", "", " end"]
    raw = b": hello\r\n\r\nevent: x\nid: 1\n" + b"".join(map(delta, text)).replace(b"\n\n", b"\r\n\r\n") + b"data:[DONE]\n\n"
    for size in (1, 7, len(raw)):
        server.streams(*(raw[i : i + size] for i in range(0, len(raw), size)))
        assert list(RemoteLM(server.url, "m").stream(ask("?"))) == [piece for piece in text if piece]
    assert server.asked[0][1]["stream"] is True


def test_pieces_come_while_the_reply_is_made(server):
    go = threading.Event()

    def answer(handler, body):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(delta("first"))
        handler.wfile.flush()
        go.wait(5)
        handler.wfile.write(delta("second", finish_reason="stop"))

    server.answer = answer
    pieces = RemoteLM(server.url, "m").stream(ask("?"))
    assert next(pieces) == "first"
    go.set()
    assert list(pieces) == ["second"]  # finished without [DONE], which some servers leave out


@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_that_breaks_off_is_told(server, cut):
    server.streams(delta("half a "), b'data: {"choi', cut=cut)
    pieces = RemoteLM(server.url, "m").stream(ask("?"))
    assert next(pieces) == "half a "
    with pytest.raises(EndpointError, match="broke off after 7 characters"):
        list(pieces)
    assert len(server.asked) == 1


def test_a_stream_that_stalls_times_out(server):
    def answer(handler, body):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(delta("half"))
        handler.wfile.flush()
        time.sleep(0.4)

    server.answer = answer
    with pytest.raises(EndpointError, match=r"broke off after 4 characters \(timed out\)"):
        list(RemoteLM(server.url, "m", timeout=0.1).stream(ask("?")))


def test_an_error_inside_a_stream_is_told(server):
    server.streams(delta("a"), b'data: {"error": {"message": "overloaded"}}\n\n')
    with pytest.raises(EndpointError, match=r"while streaming: .*overloaded"):
        list(RemoteLM(server.url, "m").stream(ask("?")))
    server.streams(b"data: nonsense\n\n")
    with pytest.raises(EndpointError, match="no JSON object"):
        list(RemoteLM(server.url, "m").stream(ask("?")))


def test_a_stream_that_does_not_begin_is_tried_again(server):
    ok, first = b"".join([delta("ok"), b"data: [DONE]\n\n"]), [1]
    server.answer = lambda handler, body: server.send(handler, 429 if first and first.pop() else 200, ok)
    assert list(RemoteLM(server.url, "m").stream(ask("?"))) == ["ok"]


def test_a_stream_left_half_read_gives_its_place_back(server):
    server.streams(*[delta("x")] * 50, b"data: [DONE]\n\n")
    lm = RemoteLM(server.url, "m", concurrency=1)
    for _ in range(3):
        pieces = lm.stream(ask("?"))
        next(pieces)
        pieces.close()
    assert "".join(lm.stream(ask("?"))) == "x" * 50


def echoed(*tokens, marker=()):
    """What a server with echo and logprobs says: a marker of the beginning perhaps, the tokens, and one that it made."""

    def answer(body):
        assert body["prompt"] == "".join(tokens) and body["echo"] and body["max_tokens"] == 1
        shown = [*marker, *tokens, " made"]
        logprobs = [None, *(-float(i) for i in range(1, len(shown)))]
        return {"choices": [{"text": "", "logprobs": {"tokens": shown, "token_logprobs": logprobs}}], "usage": {"completion_tokens": 1}}

    return answer


@pytest.mark.parametrize("marker", [(), ("<s>",)])
def test_scores_are_those_of_the_answers_tokens(server, marker):
    says = echoed("ti", "tle?", "\n\n", "A", " cat", marker=marker)
    server.answer = lambda handler, body: server.send(handler, 200, says(body))
    (score,) = RemoteLM(server.url, "m", scoring=plain_text).score([ask("title?")], ["A cat"])
    assert server.asked[0][0] == "/v1/completions"
    shift = len(marker)
    assert score.logprobs == (-3.0 - shift, -4.0 - shift) and score.chars == 5 and score.prompt_tokens == 3 + shift


def test_a_token_that_spans_prompt_and_answer_counts_whole(server):
    says = echoed("q", "\n\nA", " cat")
    server.answer = lambda handler, body: server.send(handler, 200, says(body))
    (score,) = RemoteLM(server.url, "m", scoring=plain_text).score([ask("q")], ["A cat"])
    assert score.logprobs == (-1.0, -2.0)


def test_an_own_template_makes_the_text_that_is_scored(server):
    says = echoed("<user>", "q", "<assistant>", "a")
    server.answer = lambda handler, body: server.send(handler, 200, says(body))
    lm = RemoteLM(server.url, "m", scoring=lambda messages: f"<user>{messages[-1].content}<assistant>")
    assert lm.score([ask("q")], ["a"])[0].nats == -3


def test_an_endpoint_that_does_not_score_is_told(server):
    lm = RemoteLM(server.url, "m", scoring=plain_text)
    for said in (
        {"choices": [{"text": "x", "logprobs": None}]},
        {"choices": [{"text": "x", "logprobs": {"tokens": ["made"], "token_logprobs": [-1]}}]},
    ):
        server.in_turn((200, said, {}))
        with pytest.raises(EndpointError, match="use it without `scoring`"):
            lm.score([ask("q")], ["a"])
    server.in_turn((404, b"", {}))
    with pytest.raises(EndpointError, match="said 404"):
        lm.score([ask("q")], ["a"])


def test_messages_become_plain_text():
    assert plain_text((Message("system", "s"), Message("user", "u"))) == "s\n\nu\n\n"
