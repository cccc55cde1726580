"""Spans of requests: what took how long, below the caller's own; no person in them, and nothing without the extra."""

import importlib.util

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from idiolect.errors import MissingExtra
from idiolect.serve import traces
from idiolect.serve.watch import Part, Seen
from tests.serve.conftest import Serving
from tests.serve.test_watch import latest
from tests.serve.watched import app_of, heard_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans():
    """What was exported, and what makes it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, traces.Traces(provider)


def test_a_request_is_a_span_with_its_parts_below_the_callers_own(tmp_path, spans):
    exporter, made = spans
    gateway, seen = heard_of(tmp_path / "people.db"), []
    with Serving(gateway, app_of(gateway, made.ended, seen.append)) as serving:
        serving.seen = seen
        body = {"messages": [{"role": "user", "content": "Where is the cellar door?"}], "user": "ann"}
        serving.http.post("/v1/chat/completions", json=body, headers={"traceparent": PARENT})
        latest(serving, "/v1/chat/completions")
    found = {span.name: span for span in exporter.get_finished_spans()}
    root = found["POST /v1/chat/completions"]
    assert f"{root.context.trace_id:032x}" == PARENT.split("-")[1] and f"{root.parent.span_id:016x}" == PARENT.split("-")[2]
    assert {"bend", "generate", "store"} <= set(found)
    for name in ("bend", "generate", "store"):
        assert found[name].parent.span_id == root.context.span_id
        assert root.start_time <= found[name].start_time <= found[name].end_time <= root.end_time + 1e6  # two clocks, a millisecond
    about = root.attributes
    assert (about["http.route"], about["http.response.status_code"], about["idiolect.method"]) == ("/v1/chat/completions", 200, "long_term")
    assert about["idiolect.tokens"] > 0
    assert not any(word in str([dict(span.attributes) for span in found.values()]) for word in ("ann", "Oslo", "cellar"))


def test_an_error_is_told_by_its_class(spans):
    exporter, made = spans
    made.ended(Seen("1", "GET", 0.0, route="/v1/x", status=500, error="KeyError", fault=KeyError("the diary of ann"), parent="nonsense"))
    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == "KeyError" and not span.status.is_ok and span.parent is None
    assert not span.events and "diary" not in span.to_json()


def test_of_very_many_parts_the_slowest_become_spans(spans):
    exporter, made = spans
    made.ended(Seen("1", "GET", 0.0, seconds=9.0, parts=[Part("store", 0.0, float(number)) for number in range(100)]))
    times = sorted(span.end_time - span.start_time for span in exporter.get_finished_spans() if span.name == "store")
    assert len(times) == traces.SLOWEST and times[0] > 60e9


def test_nothing_is_sent_unless_it_is_asked_for():
    assert traces.opened("") is None
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)  # nothing of the process is set


def test_without_the_extra_the_way_out_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    assert not traces.installed()
    with pytest.raises(MissingExtra, match=r"idiolect\[traces\]"):
        traces.opened("http://127.0.0.1:4318/v1/traces")


def test_an_exporter_is_made_where_the_extra_is_there():
    if not traces.installed():
        pytest.skip("the exporter is not installed")
    made = traces.opened("http://127.0.0.1:9/v1/traces")
    made.close()
