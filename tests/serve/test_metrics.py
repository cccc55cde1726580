"""What Prometheus reads: figures by route, model and method; no person in them; and who may read them."""

import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from idiolect.models.scripted import ScriptedLM
from idiolect.serve.callers import Caller
from idiolect.serve.metrics import Metrics
from tests.serve.conftest import Serving
from tests.serve.watched import app_of, heard_of

COUNTED = "idiolect_requests_total", ("route", "/v1/chat/completions")


class Keyed:
    """A gate that knows one key."""

    async def caller(self, http):
        return Caller(role="operator" if http.headers.get("authorization") == "Bearer top" else "application", key="k")


def read(serving, **more):
    """Every sample, by its name and labels."""
    answered = serving.http.get("/metrics", **more)
    assert answered.status_code == 200, answered.text
    families = text_string_to_metric_families(answered.text)
    return {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}


def figures(serving, answers=0, **more):
    """The same, once so many answers were counted, which is a moment after they were given."""
    until = time.monotonic() + 10
    while sum(value for name, value in read(serving, **more).items() if name[:2] == COUNTED) < answers:
        assert time.monotonic() < until
    return read(serving, **more)


@pytest.fixture
def serving(tmp_path):
    gateway = heard_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


def test_answers_are_counted_by_route_model_and_method(serving):
    for _ in range(2):
        serving.ask("ann", "Where do I live?")
    serving.ask(None, "Where?")
    made = figures(serving, 3)
    route, served = ("route", "/v1/chat/completions"), (("method", "long_term"), ("model", "echo"))
    assert made["idiolect_requests_total", route, ("status", "200"), ("verb", "POST")] == 3
    assert made["idiolect_request_seconds_count", route] == 3
    assert made[("idiolect_answer_seconds_count", *served)] == 2 and made[("idiolect_bend_seconds_count", *served)] == 2
    assert made["idiolect_answer_seconds_count", ("method", "none"), ("model", "echo")] == 1
    assert made["idiolect_tokens_total", ("kind", "personal"), *served] > 0
    assert made["idiolect_states_total", ("found", "read")] == 1 and made["idiolect_states_total", ("found", "memory")] == 1
    assert made["idiolect_request_store_seconds_count", route] >= 2 and made["idiolect_states_held",] == 1
    assert made["idiolect_request_thread_wait_seconds_count",] >= 2


def test_a_stream_has_a_time_to_its_first_token(serving):
    list(serving.openai().chat.completions.create(model="echo", messages=[{"role": "user", "content": "?"}], user="ann", stream=True))
    assert figures(serving, 1)["idiolect_first_token_seconds_count", ("method", "long_term"), ("model", "echo")] == 1


def test_who_waits_is_told_and_who_was_refused_is_counted(tmp_path):
    go = threading.Event()
    gateway = heard_of(
        tmp_path / "people.db", ScriptedLM(lambda _: go.wait(20) and "ok" or "", can=(), name="echo"), threads=1, most_waiting=1
    )
    with Serving(gateway, app_of(gateway)) as serving:
        asking = [threading.Thread(target=serving.ask, args=(None, "?")) for _ in range(2)]
        for thread in asking:
            thread.start()
        model = ("model", "echo")
        while (made := figures(serving))["idiolect_answers_waiting", model] < 1:
            assert any(thread.is_alive() for thread in asking)
        assert made["idiolect_answers_running", model] == 1
        refused = serving.http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "?"}]})
        go.set()
        for thread in asking:
            thread.join()
        assert refused.status_code == 429
        assert figures(serving)["idiolect_errors_total", ("type", "Busy")] == 1


def test_agents_calls_are_counted_by_their_tool(tmp_path):
    gateway = heard_of(tmp_path / "people.db")
    app = app_of(gateway)
    with Serving(gateway, app) as serving:
        for tool in ("remember", "recall", "made up by ann"):
            call = {"name": tool, "arguments": {"user": "ann", "text": "I like tea."}}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
            answered = serving.http.post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
            assert answered.json()["result"]["isError"] is (tool != "remember")
        until = time.monotonic() + 10
        while (made := read(serving)).get(("idiolect_requests_total", ("route", "/mcp"), ("status", "200"), ("verb", "POST")), 0) < 3:
            assert time.monotonic() < until
        assert {name[1][1] for name in made if name[0] == "idiolect_tool_seconds_count"} == {"remember", "recall"}
        assert made["idiolect_errors_total", ("type", "ValidationError")] == made["idiolect_errors_total", ("type", "RequestError")] == 1


def test_no_person_stands_in_the_figures(serving):
    serving.ask("ann-of-the-diary", "my secret")
    serving.http.post("/said/ann-of-the-diary", content="my secret")
    serving.http.get("/v1/users/ann-of-the-diary")
    serving.http.get("/broken/ann-of-the-diary")
    text = serving.http.get("/metrics").text
    assert "diary" not in text and "secret" not in text and '/broken/{name}"' in text


def test_two_applications_of_a_process_count_for_themselves(tmp_path):
    one, other = (Metrics(heard_of(tmp_path / f"{name}.db")) for name in ("one", "other"))
    one.errors.labels("Busy").inc()
    assert b'type="Busy"' in one.text() and b'type="Busy"' not in other.text()


def test_the_figures_are_for_this_machine_or_an_operator(tmp_path):
    gateway = heard_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway, gate=Keyed())) as serving:
        assert figures(serving)  # from this machine, which alone can reach it
        for proxied in ("x-forwarded-for", "forwarded", "x-real-ip"):
            assert serving.http.get("/metrics", headers={proxied: "10.0.0.9"}).status_code == 403
        assert figures(serving, headers={"x-forwarded-for": "10.0.0.9", "authorization": "Bearer top"})


def test_where_others_can_call_a_key_is_needed(tmp_path):
    gateway = heard_of(tmp_path / "people.db", host="0.0.0.0")
    with Serving(gateway, app_of(gateway, gate=Keyed())) as serving:
        assert serving.http.get("/metrics").status_code == 403
        assert figures(serving, headers={"authorization": "Bearer top"})
