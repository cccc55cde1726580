"""What is logged: a line a request, errors with their way and without their words, and no text or id of a person anywhere."""

import io
import json
import logging
import sqlite3
import threading
import time

import pytest

from idiolect.errors import StoreError
from idiolect.serve import logs
from idiolect.serve.watch import Seen
from tests.serve.conftest import Serving
from tests.serve.watched import app_of, heard_of

SECRETS = ("ann", "Oslo", "Bodo", "diary", "cellar door")


class Log(io.StringIO):
    """A stream that is not a terminal."""

    def lines(self, count=1):
        """The lines so far, once there are so many."""
        until = time.monotonic() + 10
        while len(lines := [json.loads(line) for line in self.getvalue().splitlines()]) < count:
            assert time.monotonic() < until, self.getvalue()
            time.sleep(0.01)
        return lines


@pytest.fixture
def stream():
    stream = Log()
    handler = logs.start("json", stream)
    yield stream
    logs.stop(handler)


@pytest.fixture
def serving(tmp_path, stream):
    gateway = heard_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


def test_a_request_is_one_line_with_its_time_route_tokens_and_id(serving, stream):
    serving.ask("ann", "Where is the cellar door?")
    (line,) = stream.lines()
    assert (line["level"], line["verb"], line["route"], line["status"]) == ("info", "POST", "/v1/chat/completions", 200)
    assert (line["model"], line["method"], line["key"]) == ("echo", "long_term", "open")
    assert line["prompt_tokens"] > 0 and line["tokens"] > 0 and line["personal"] > 0 and line["ms"] >= line["store_ms"] > 0
    assert len(line["id"]) == 16 and "error" not in line and line["time"].endswith("Z")


def test_nothing_of_a_person_is_in_any_line(serving, stream):
    serving.ask("ann", "Where is the cellar door?")
    serving.http.post("/v1/chat/completions", json={"model": "cellar door", "messages": [{"role": "user", "content": "?"}], "user": "ann"})
    serving.http.post("/v1/chat/completions", json={"cellar": "door"})
    serving.http.get("/v1/replies/ann/why")
    serving.http.get("/nowhere/ann?q=cellar+door", headers={"X-Request-Id": "ann@cellar", "User-Agent": "ann"})
    serving.http.get("/broken/ann")
    serving.http.post("/said/ann", content="cellar door")
    lines = stream.lines(7)
    assert not any(secret in stream.getvalue() for secret in SECRETS)
    assert [line["status"] for line in lines] == [200, 404, 400, 404, 404, 500, 200]


def test_what_broke_is_told_by_its_class_and_its_way_alone(serving, stream):
    serving.http.get("/broken/ann")
    (line,) = stream.lines()
    assert (line["level"], line["error"], line["route"]) == ("error", "KeyError", "/broken/{name}")
    trace = line["trace"]
    assert trace[-1] == "because of builtins.OSError (28)" and "builtins.KeyError" in trace
    assert any(step.startswith("at tests.serve.watched:") and step.endswith("broken") for step in trace)
    assert "diary" not in stream.getvalue()


def test_health_is_told_at_debug_only(serving, stream):
    serving.http.get("/healthz")
    serving.ask(None, "?")
    assert [line["route"] for line in stream.lines()] == ["/v1/chat/completions"]


def test_other_libraries_messages_are_told_without_what_was_filled_in(stream):
    logging.getLogger("uvicorn.error").error("%s said %r to %d people", "ann", "my diary", 3)
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: KeyError('the diary of ann')")
    first, second = stream.lines(2)
    assert first["message"] == "... said ... to 3 people" and first["logger"] == "uvicorn.error"
    assert second["message"] == "Task exception was never retrieved"
    assert "ann" not in logs.Json().format(
        logging.LogRecord("mcp", logging.INFO, "", 0, "%d%%", ("ann",), None)
    )  # which cannot be filled in


def test_our_own_warnings_name_an_errors_class_and_not_its_message(stream):
    logging.getLogger("idiolect.serve").warning("%d replies could not be kept: %s", 3, StoreError("user 'ann' is not in the store"))
    assert stream.lines()[0]["message"] == "3 replies could not be kept: StoreError"


def test_an_error_within_errors_is_followed_but_not_for_ever():
    def nested(depth):
        try:
            if not depth:
                raise sqlite3.OperationalError("the diary of ann")
            nested(depth - 1)
        except Exception as error:
            raise ExceptionGroup("the diary of ann", [error, ValueError("ann")]) from error

    try:
        nested(5)
    except ExceptionGroup as error:
        steps = logs.traced(error)
    classes = [step for step in steps if not step.startswith("at ")]
    assert classes[0] == "builtins.ExceptionGroup" and len(classes) == logs.MOST_ERRORS
    assert not any("diary" in step for step in steps)


def test_a_terminal_is_told_in_words():
    stream = Log()
    handler = logs.start("text", stream)
    try:
        logs.ended(
            Seen("1f", "POST", 0.0, route="/v1/x", status=429, seconds=0.0123, method="rag", prompt_tokens=3, tokens=4, error="Busy")
        )
        logs.ended(Seen("2f", "GET", 0.0, route="/v1/y", status=500, fault=KeyError("ann"), error="KeyError"))
        logging.getLogger("idiolect.serve").warning("the disk is full")
    finally:
        logs.stop(handler)
    first, second, below, third = stream.getvalue().splitlines()
    assert first.endswith("POST /v1/x 429 12.3 ms rag 3 + 4 tokens, 0 personal Busy 1f")
    assert second.endswith("GET /v1/y 500 0.0 ms KeyError 2f") and below.strip() == "builtins.KeyError"
    assert third.endswith("warning: the disk is full")


def test_a_stream_that_nobody_reads_does_not_stop_the_server():
    class Stuck(io.StringIO):
        def write(self, text):
            go.wait(60)

    go = threading.Event()
    handler = logs.Behind(Stuck())
    handler.setFormatter(logs.Json())
    for _ in range(2 * logs.MOST_LINES + 500):  # as many as one write takes, as many as wait, and more
        handler.handle(logging.LogRecord("idiolect.serve", logging.INFO, "", 0, "x", (), None))
    assert handler.lost >= 500 and not go.is_set()
    go.set()
    handler.close()


def test_a_stream_that_was_closed_is_no_error():
    stream = Log()
    handler = logs.start("json", stream)
    stream.close()
    logging.getLogger("idiolect.serve").warning("x")
    logs.stop(handler)
    assert handler.lost == 1


def test_logs_can_be_off(capfd):
    ours, root = logging.getLogger("idiolect"), logging.getLogger()
    level, handlers = ours.level, root.handlers[:]
    try:
        assert logs.start("off") is None
        logs.ended(Seen("1", "GET", 0.0, fault=KeyError("x")))
        assert logs.stop(None) is None
    finally:
        ours.setLevel(level)
        root.handlers[:] = handlers
    assert capfd.readouterr() == ("", "")
