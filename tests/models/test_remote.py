"""The remote model against a real HTTP server on loopback: what goes over the wire, and everything that can go wrong there."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from idiolect.errors import EndpointError, ModelError
from idiolect.models import endpoint
from idiolect.models.lm import LM
from idiolect.models.remote import RemoteLM, plain_text
from idiolect.types import Message, Prefix, Request, Sampling, ask
from tests.models.loopback import KEY, chat


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
