"""What Prometheus reads at /metrics: how long, how much, how busy, and what failed; by route, model and method, never by person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from idiolect.serve.faults import NotFound
from idiolect.serve.gateway import Gateway
from idiolect.serve.here import here
from idiolect.serve.settings import Settings
from idiolect.serve.watch import Seen

router = APIRouter(tags=["Operation"])
TYPE = "text/plain; version=0.0.4; charset=utf-8"
FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
ANSWER = ("model", "method")


class Metrics:
    """The figures of one server. Labels are names that the server itself gave, so there are only so many of them."""

    def __init__(self, gateway: Gateway) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counted("requests", "Requests answered.", ("route", "verb", "status"))
        self.seconds = self._timed("request_seconds", "From a request's first byte to its answer's last.", ("route",), FAST)
        self.store = self._timed("request_store_seconds", "A request's time at the database, waiting for its locks too.", ("route",), FAST)
        self.waited = self._timed("request_thread_wait_seconds", "A request's time waiting for a free thread.", (), FAST)
        self.bend = self._timed("bend_seconds", "Until a request is bent towards its person.", ANSWER, FAST)
        self.answer = self._timed("answer_seconds", "Requests that a model answered, from first byte to last.", ANSWER, LONG)
        self.first = self._timed("first_token_seconds", "Until the first piece of a streamed answer.", ANSWER, LONG)
        self.tokens = self._counted("tokens", "Tokens: of prompts, told of the person among them, and of answers.", (*ANSWER, "kind"))
        self.tools = self._timed("tool_seconds", "Agents' calls of a tool.", ("tool",), FAST)
        self.states = self._counted(
            "states", "What people taught: found in memory, or read from the store and brought up to date.", ("found",)
        )
        self.errors = self._counted("errors", "Errors by class; Busy, TooMany and BudgetError are refusals.", ("type",))
        self.registry.register(Voices(gateway))
        ProcessCollector(namespace="idiolect", registry=self.registry)
        self._children: dict[tuple[Any, ...], Any] = {}

    def _counted(self, name: str, what: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"idiolect_{name}", what, labels, registry=self.registry)

    def _timed(self, name: str, what: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"idiolect_{name}", what, labels, registry=self.registry, buckets=buckets)

    def ended(self, seen: Seen) -> None:
        """Count one request."""
        self._of(self.requests, seen.route, seen.verb, seen.status).inc()
        self._of(self.seconds, seen.route).observe(seen.seconds)
        if seen.store:
            self._of(self.store, seen.route).observe(seen.store)
        if seen.waited:
            self.waited.observe(seen.waited)
        if seen.known is not None:
            self._of(self.states, "memory" if seen.known else "read").inc()
        if seen.error:
            self._of(self.errors, seen.error).inc()
        if seen.tool:
            self._of(self.tools, seen.tool).observe(seen.seconds)
        if seen.model:
            self._answered(seen, seen.model, seen.method or "none")

    def _answered(self, seen: Seen, model: str, method: str) -> None:
        for part in seen.parts:
            if part.name == "bend":
                self._of(self.bend, model, method).observe(part.seconds)
        if not seen.tokens:
            return
        self._of(self.answer, model, method).observe(seen.seconds)
        if seen.first is not None:
            self._of(self.first, model, method).observe(seen.first)
        for kind, count in (("prompt", seen.prompt_tokens), ("personal", seen.personal), ("answer", seen.tokens)):
            self._of(self.tokens, model, method, kind).inc(count)

    def _of(self, metric: Any, *labels: Any) -> Any:
        """The part of a metric that has these labels; looking it up here takes a third of the time."""
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


class Voices(Collector):
    """How busy the models are, at the moment somebody asks, and what is held in memory."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        """The figures of each voice."""
        running = GaugeMetricFamily("idiolect_answers_running", "Answers being made.", labels=["model"])
        waiting = GaugeMetricFamily("idiolect_answers_waiting", "Answers that wait for their turn.", labels=["model"])
        tokens = CounterMetricFamily("idiolect_model_tokens", "Tokens of all replies of a model.", labels=["model"])
        for name, voice in self._gateway.voices.items():
            stats = voice.stats()
            running.add_metric([name], stats.running)
            waiting.add_metric([name], stats.waiting)
            tokens.add_metric([name], stats.tokens)
        held = sum(len(assistant.states) for assistant in self._gateway.assistants())
        return running, waiting, tokens, GaugeMetricFamily("idiolect_states_held", "People's states in memory.", value=held)


@router.get("/metrics", include_in_schema=False)
async def metrics(http: Request) -> Response:
    """The server's figures, for Prometheus. For an operator; for everybody where only this machine can call, or the server says so."""
    settings = http.app.state.gateway.settings
    if settings.metrics == "off":
        raise NotFound("there is nothing at /metrics: this server was started without them")
    if not opened(settings, http):
        (await here(http)).operator()
    return Response(await asyncio.to_thread(http.app.state.metrics.text), media_type=TYPE)


def opened(settings: Settings, http: Request) -> bool:
    """Whether no key is asked for: a request that a proxy handed on came from somewhere else than this machine."""
    handed_on = any(name in http.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return settings.metrics == "open" or (settings.metrics == "auto" and settings.local and not handed_on)
