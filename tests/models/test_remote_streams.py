"""The remote model's streams and scores against a real HTTP server on loopback."""

import threading
import time

import pytest

from idiolect.errors import EndpointError
from idiolect.models.remote import RemoteLM, plain_text
from idiolect.types import Message, ask
from tests.models.loopback import delta


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
