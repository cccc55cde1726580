"""An endpoint asked from an event loop, against a real HTTP server on loopback: the same as the remote model says, and never in the way."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from idiolect import extras
from idiolect.errors import EndpointError, MissingExtra, ModelError
from idiolect.models.asking import COUNTS, Asking
from idiolect.models.calls import Calls
from idiolect.models.remote import RemoteLM
from idiolect.models.speech import Busy, Stats, TimedOut, TokenLogprob
from idiolect.types import Message, Prefix, Request, Sampling, ask
from tests.models.loopback import KEY, chat, delta

DONE = b"data: [DONE]\n\n"


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def asked(server, work, request=None, most=8, waiting=64, **settings):
    """What `work(voice)` returns, of a voice that is closed afterwards."""

    async def whole():
        voice = Asking(RemoteLM(server if isinstance(server, str) else server.url, "m", **settings), most, waiting)
        try:
            return await work(voice)
        finally:
            voice.close(0)
            await asyncio.sleep(0.01)

    return run(whole())


async def reply(voice, text="?", **more):
    return await voice.submit(ask(text), **more).areply()


async def heard(speech):
    return [piece async for piece in speech.apieces()]


def test_it_sends_and_returns_what_the_remote_model_does(server):
    request = Request(
        (Message("system", "Be brief \ud800."), Message("user", "hello \U0001f600")),
        Sampling(9, 0.5, 0.9, ("\n", "END"), 4),
        because=("record:1",),
    )
    expected = RemoteLM(server.url, "m").generate([request])[0]

    async def work(voice):
        return await voice.submit(request).areply()

    assert asked(server, work) == expected and expected.tokens == 3
    assert server.asked[0] == server.asked[1]


def test_a_stream_tells_pieces_and_then_the_counts(server):
    server.streams(
        delta("Hé"),
        delta("llo"),
        delta("", finish_reason="length"),
        b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}\n\n',
        DONE,
    )

    async def work(voice):
        speech = voice.submit(ask("?"))
        return await heard(speech), await speech.areply()

    pieces, told = asked(server, work)
    assert pieces == ["Hé", "llo"]
    assert (told.text, told.finish, told.prompt_tokens, told.tokens) == ("Héllo", "length", 9, 2)
    assert server.asked[0][1]["stream"] is True and server.asked[0][1]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("size", [1, 7, 10000])
def test_a_stream_is_put_together_from_chunks_broken_anywhere(server, size):
    text = ["Hé", "llo ", "\U0001f600 \u2028", "", " end"]
    raw = b": hello\r\n\r\nevent: x\nid: 1\n" + b"".join(map(delta, text)).replace(b"\n\n", b"\r\n\r\n") + b"data:[DONE]\n\n"
    server.streams(*(raw[i : i + size] for i in range(0, len(raw), size)))
    assert asked(server, lambda voice: heard(voice.submit(ask("?")))) == [piece for piece in text if piece]


def test_an_endpoint_that_refuses_to_count_is_not_asked_again_for_it(server):
    def answer(handler, body):
        if "stream_options" in body:
            return server.send(handler, 400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}})
        return server.send(handler, 200, delta("eight by", finish_reason="stop") + DONE)

    server.answer = answer

    async def work(voice):
        speech = voice.submit(ask("what"))
        assert await heard(speech) == await heard(voice.submit(ask("?"))) == ["eight by"]
        return await speech.areply()

    told = asked(server, work)
    assert (told.prompt_tokens, told.tokens) == (1, 2)  # bytes / 4
    assert [bool(COUNTS.keys() & body.keys()) for _, body in server.asked] == [True, False, False]


def test_log_probabilities_are_passed_on_whole_and_as_they_come(server):
    told = [
        {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Hi", "logprob": -0.5}, {"token": "Ho", "logprob": -1}]}
    ]
    expected = [TokenLogprob("Hi", -0.5, (("Hi", -0.5), ("Ho", -1.0)))]
    server.answer = lambda handler, body: (
        server.send(handler, 200, delta("Hi", logprobs={"content": told}, finish_reason="stop") + DONE)
        if body.get("stream")
        else server.send(handler, 200, chat("Hi", logprobs={"content": told}))
    )

    async def work(voice):
        whole, streamed, plain = (voice.submit(ask("?"), logprobs=count) for count in (2, 2, 0))
        await asyncio.gather(whole.areply(), heard(streamed), plain.areply())
        return whole.logprobs, streamed.logprobs

    assert asked(server, work) == (expected, expected)
    bodies = sorted((body.get("top_logprobs", 0), body.get("logprobs", False)) for _, body in server.asked)
    assert bodies == [(0, False), (2, True), (2, True)]


FAULTS = {
    "a refusal": lambda server: server.in_turn((400, {"error": {"message": f"no {KEY}"}}, {})),
    "a key": lambda server: server.in_turn((401, b"", {})),
    "a wrong path": lambda server: server.in_turn((404, b"", {})),
    "elsewhere": lambda server: server.in_turn((302, b"", {"Location": "/v1/other"})),
    "a fault to the end": lambda server: server.in_turn((500, {"error": {"message": "out of memory"}}, {})),
    "a wait too long": lambda server: server.in_turn((429, {"error": "quota"}, {"Retry_After": "3600"})),
    "no JSON": lambda server: server.in_turn((200, b"<html>login</html>", {})),
    "no text": lambda server: server.in_turn((200, b"\xff\xfe", {})),
    "another shape": lambda server: server.in_turn((200, {"choices": [{}]}, {})),
    "silence": lambda server: setattr(server, "answer", lambda handler, body: time.sleep(0.3)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_is_said_in_the_same_words_after_as_many_tries(server, fault):
    FAULTS[fault](server)
    settings = {"retries": 2, "timeout": 0.1 if fault == "silence" else 5, "api_key": KEY}
    with pytest.raises(EndpointError) as expected:
        RemoteLM(server.url, "m", **settings).generate([ask("?")])
    tries = len(server.asked)
    with pytest.raises(EndpointError) as caught:
        asked(server, reply, **settings)
    assert str(caught.value) == str(expected.value) and KEY not in str(caught.value)
    assert len(server.asked) == 2 * tries and server.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_a_lost_connection_is_tried_again_and_nobody_there_is_told(server):
    answer, left = server.answer, [1, 1]
    server.answer = lambda handler, body: handler.connection.shutdown(2) if left and left.pop() else answer(handler, body)
    assert asked(server, reply).text == "?" and len(server.asked) == 3
    with pytest.raises(EndpointError, match=r"127.0.0.1:9/v1 gave no answer \(ClientConnectorError"):
        asked("http://127.0.0.1:9", reply, retries=0)


@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_that_breaks_off_is_told_and_its_pieces_are_kept(server, cut):
    server.streams(delta("half a "), b'data: {"choi', cut=cut)

    async def work(voice):
        speech, pieces = voice.submit(ask("?")), []
        with pytest.raises(EndpointError, match="broke off after 7 characters"):
            async for piece in speech.apieces():
                pieces.append(piece)
        return pieces

    assert asked(server, work) == ["half a "] and len(server.asked) == 1


def test_an_error_inside_a_stream_and_one_that_stalls_are_told(server):
    server.streams(delta("a"), b'data: {"error": {"message": "overloaded"}}\n\n')
    with pytest.raises(EndpointError, match=r"while streaming: .*overloaded"):
        asked(server, lambda voice: heard(voice.submit(ask("?"))))

    def stalls(handler, body):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(delta("half"))
        handler.wfile.flush()
        time.sleep(0.4)

    server.answer = stalls
    with pytest.raises(EndpointError, match=r"broke off after 4 characters \(timed out\)"):
        asked(server, lambda voice: heard(voice.submit(ask("?"))), timeout=0.1)


class Watched:
    """Has a server say one piece and wait until its caller's connection is closed; keeps for how long that took."""

    def __init__(self, server, stream=True):
        self.begun, self.closed = threading.Event(), threading.Event()

        def answer(handler, body):
            if stream:
                handler.send_response(200)
                handler.end_headers()
                handler.wfile.write(delta("first "))
                handler.wfile.flush()
            self.begun.set()
            handler.connection.settimeout(10)
            if handler.connection.recv(1) == b"":
                self.closed.set()

        server.answer = answer

    async def is_closed(self):
        return await asyncio.to_thread(self.closed.wait, 5)


@pytest.mark.parametrize("leave", ["cancel", "stop reading", "deadline"])
def test_a_connection_is_closed_at_once_when_nobody_waits_for_its_stream(server, leave):
    watched = Watched(server)

    async def work(voice):
        speech = voice.submit(ask("?"), deadline=1.0 if leave == "deadline" else 60)
        pieces = speech.apieces()
        assert await anext(pieces) == "first "
        if leave == "stop reading":
            await pieces.aclose()
        elif leave == "cancel":
            speech.cancel()
        with pytest.raises({"cancel": asyncio.CancelledError, "stop reading": StopAsyncIteration, "deadline": TimedOut}[leave]):
            await anext(pieces)
        assert await watched.is_closed()
        return voice.stats()

    assert asked(server, work) == Stats(0, 0, 0) and len(server.asked) == 1


def test_a_connection_is_closed_when_who_waits_for_the_whole_goes_away(server):
    watched = Watched(server, stream=False)

    async def work(voice):
        waiting = asyncio.ensure_future(reply(voice))
        await asyncio.to_thread(watched.begun.wait, 5)
        waiting.cancel()
        return await watched.is_closed()

    assert asked(server, work)


def test_no_more_are_under_way_than_allowed_and_more_than_may_wait_are_told_so(server):
    answer, go = server.answer, threading.Event()
    server.answer = lambda handler, body: (go.wait(5), answer(handler, body))

    async def work(voice):
        waiting = [asyncio.ensure_future(reply(voice, str(i))) for i in range(9)]
        while server.most < 3:
            await asyncio.sleep(0.005)
        with pytest.raises(Busy, match=r"9 answers of m at http.* are asked for") as caught:
            voice.submit(ask("?"))
        assert voice.stats()[:2] == (3, 6) and caught.value.retry_after >= 1
        go.set()
        return [one.text for one in await asyncio.gather(*waiting)]

    assert asked(server, work, most=3, waiting=6) == [str(i) for i in range(9)]
    assert server.most == 3


def test_connections_are_used_again_for_answers_and_for_streams():
    class Handler(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm, met = "HTTP/1.1", True, set()

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.met.add(self.client_address)
            self.send_response(200)
            if not body.get("stream"):
                raw = json.dumps(chat("x")).encode()
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in (delta("x"), DONE):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            time.sleep(0.03)
            self.wfile.write(b"0\r\n\r\n")  # the end comes a moment after the last event

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    async def work(voice):
        for _ in range(3):
            assert (await reply(voice)).text == "x" and await heard(voice.submit(ask("?"))) == ["x"]

    asked(f"http://127.0.0.1:{http.server_port}/v1", work)
    http.shutdown()
    http.server_close()
    assert len(Handler.met) == 1


def test_what_the_model_cannot_is_refused_before_anything_is_sent(server):
    async def work(voice):
        with pytest.raises(ModelError, match="needs prefix, which the model 'm at http"):
            voice.submit(ask("?").bent(prefix=Prefix(np.zeros((1, 2), np.float32))))
        return voice.stats()

    assert asked(server, work) == Stats(0, 0, 0) and server.asked == []


def test_closing_ends_what_is_under_way_and_its_connections(server):
    watched = Watched(server)

    async def work(voice):
        pieces = voice.submit(ask("?")).apieces()
        await anext(pieces)
        voice.close(5)
        with pytest.raises(Busy, match="being closed"):
            await anext(pieces)
        with pytest.raises(Busy, match="being closed"):
            voice.submit(ask("?"))
        return await watched.is_closed()

    assert asked(server, work)


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    assert Calls(RemoteLM("http://far.example", "m").endpoint)._proxy == server.url.removesuffix("/v1")
    asked("http://far.example", reply)
    assert server.asked[0][0] == "http://far.example/v1/chat/completions"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert Calls(RemoteLM(server.url, "m").endpoint)._proxy is None


def test_without_its_library_the_way_out_is_told(monkeypatch):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"a server in front of an endpoint needs aiohttp: pip install"):
        Asking(RemoteLM("http://h", "m"))
