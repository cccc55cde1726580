"""OpenTelemetry: a span for each request, and within it for bending, generating and the store; times and counts, no text, no person."""

from __future__ import annotations

import importlib
import importlib.util
import time
from typing import Any

from idiolect import __version__
from idiolect.errors import MissingExtra
from idiolect.serve.watch import Part, Seen

NANO = 1e9
NUMBERS = ("prompt_tokens", "tokens", "personal")
NAMES = ("id", "key", "model", "method", "tool")
SLOWEST = 32  # parts of a request that become spans of their own


class Traces:
    """Makes spans of requests once they are answered, with a tracer of its own: nothing of the process is set.

    `provider` is an `opentelemetry.sdk.trace.TracerProvider`.
    """

    def __init__(self, provider: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace, self._incoming = trace, TraceContextTextMapPropagator()
        self._provider, self._tracer = provider, provider.get_tracer("idiolect", __version__)

    def ended(self, seen: Seen) -> None:
        """The spans of one request, below the caller's own where they sent a `traceparent`."""
        now, until = time.time(), seen.began + seen.seconds
        above = self._incoming.extract({"traceparent": seen.parent}) if seen.parent else None
        name, kind = f"{seen.verb} {seen.route}", self._trace.SpanKind.SERVER
        span = self._tracer.start_span(name, above, kind, _about(seen), start_time=_stamp(now - seen.seconds))
        if span.is_recording():
            within = self._trace.set_span_in_context(span)
            for part in sorted(seen.parts, key=lambda part: -part.seconds)[:SLOWEST]:
                self._part(part, within, now - until)
            if seen.status >= 500:
                span.set_status(self._trace.StatusCode.ERROR)
        span.end(_stamp(now))

    def _part(self, part: Part, within: Any, shift: float) -> None:
        began = part.began + shift
        self._tracer.start_span(part.name, within, start_time=_stamp(began)).end(_stamp(began + part.seconds))

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def opened(endpoint: str = "") -> Traces | None:
    """Spans sent to an OpenTelemetry collector, such as http://localhost:4318/v1/traces; none for "". Raises MissingExtra."""
    if not endpoint:
        return None
    if not installed():
        raise MissingExtra("traces need opentelemetry-sdk and its exporter: pip install 'idiolect[traces]'")
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "idiolect", "service.version": __version__}))
    exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter(endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider)


def installed() -> bool:
    """Whether the extra is there; the interface alone, which other libraries bring, does nothing."""
    try:
        wanted = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
        return all(importlib.util.find_spec(name) is not None for name in wanted)
    except ModuleNotFoundError:
        return False


def _about(seen: Seen) -> dict[str, str | int]:
    made: dict[str, str | int] = {"http.request.method": seen.verb, "http.route": seen.route, "http.response.status_code": seen.status}
    made |= {f"idiolect.{name}": value for name in NAMES if (value := getattr(seen, name))}
    made |= {f"idiolect.{name}": value for name in NUMBERS if (value := getattr(seen, name))}
    return made | ({"error.type": seen.error} if seen.error else {})


def _stamp(seconds: float) -> int:
    return int(seconds * NANO)
