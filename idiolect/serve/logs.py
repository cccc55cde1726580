"""What the server logs: a line a request and what went wrong where, as JSON or for people; no text of a person, no id of one.

Of an error there is its class and the way it came, never its message, which may repeat what somebody wrote; of other libraries'
messages the first line, with numbers filled in and nothing else.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal, TextIO

from idiolect.serve.watch import Seen

Form = Literal["auto", "json", "text", "off"]
log = logging.getLogger("idiolect.serve")
OURS = "idiolect"
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds: told at level DEBUG
PAUSE = 0.05  # seconds between two writes
MOST_LINES = 10_000  # that wait for a reader that does not read
MOST_FRAMES, MOST_ERRORS, MOST_CHARS = 24, 6, 200
FIELDS = ("id", "verb", "route", "status", "key", "model", "method", "tool", "error")
COUNTS = ("prompt_tokens", "tokens", "personal")
_ENCODED = json.JSONEncoder(separators=(",", ":")).encode  # made once: `json.dumps` would make one for each line


def ended(seen: Seen) -> None:
    """Log one request."""
    level = logging.ERROR if seen.fault is not None else logging.DEBUG if seen.route in QUIET else logging.INFO
    if log.isEnabledFor(level):
        fault = (type(seen.fault), seen.fault, seen.fault.__traceback__) if seen.fault is not None else None
        record = log.makeRecord(log.name, level, "", 0, "request", (), fault, extra={"seen": seen})  # no search for who calls
        log.handle(record)


def start(form: Form = "auto", stream: TextIO | None = None, level: int = logging.INFO) -> Behind | None:
    """Log to `stream` (standard error) until `stop`: "json", "text" for people, or "auto": text where it is a terminal.

    What other libraries warn of is told there too, with what may be personal left out. None for "off".
    """
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    if form == "off":
        root.addHandler(logging.NullHandler())  # without a handler Python prints warnings by itself
        ours.setLevel(logging.CRITICAL)
        return None
    where = stream or sys.stderr
    made = Behind(where)
    made.setFormatter(Text() if form == "text" or (form == "auto" and where.isatty()) else Json())
    root.addHandler(made)
    ours.setLevel(level)
    return made


def stop(handler: Behind | None) -> None:
    """Write what waits, and log there no more."""
    if handler is not None:
        logging.getLogger().removeHandler(handler)
        handler.close()


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {"time": _time(record), "level": record.levelname.lower(), **_said(record)}
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = traced(record.exc_info[1])
        return _ENCODED(line)


class Text(logging.Formatter):
    """A line for a person at a terminal; an error's way below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = f"{datetime.fromtimestamp(record.created):%H:%M:%S} {_worded(record)}"
        trace = traced(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else []
        return "\n".join([line, *(f"    {step}" for step in trace)])


class Behind(logging.Handler):
    """Writes in a thread of its own, many lines at a time: who reads slowly, or not at all, does not stop the server.

    Of what nobody reads the last lines are kept, and `lost` counts the others.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lost = 0
        self._stream, self._lines = stream, deque[str](maxlen=MOST_LINES)
        self._some, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="idiolect-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written soon."""
        self.lost += len(self._lines) == MOST_LINES
        self._lines.append(self.format(record))
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        """Write what waits, for two seconds at most."""
        self._over.set()
        self._some.set()
        self._thread.join(2.0)
        super().close()

    def _run(self) -> None:
        while not self._over.is_set():
            self._some.wait()
            self._over.wait(PAUSE)
            self._some.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more
                self.lost += len(lines)


def traced(error: BaseException) -> list[str]:
    """How an error came about, without its message: "at module:line function" outermost first, its class, then what it came of."""
    steps: list[str] = []
    pending: list[tuple[str, BaseException]] = [("", error)]
    for word, one in pending:  # grows meanwhile
        code = getattr(one, "sqlite_errorname", None) or getattr(one, "errno", None)
        steps += [f"at {frame}" for frame in _frames(one.__traceback__)][-MOST_FRAMES:]
        steps.append(f"{word}{type(one).__module__}.{type(one).__qualname__}" + (f" ({code})" if isinstance(code, str | int) else ""))
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        more = [*(("within it ", each) for each in inner), *([("because of ", cause)] if cause is not None else [])]
        pending += more[: MOST_ERRORS - len(pending)] if len(pending) < MOST_ERRORS else []
    return steps


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno} {code.co_qualname}"
        trace = trace.tb_next


def _said(record: logging.LogRecord) -> dict[str, Any]:
    seen: Seen | None = getattr(record, "seen", None)
    if seen is None:
        return {"logger": record.name, "message": _message(record)}
    line: dict[str, Any] = {name: value for name in FIELDS if (value := getattr(seen, name)) != ""}
    line["ms"] = round(seen.seconds * 1e3, 2)
    if seen.first is not None:
        line["first_ms"] = round(seen.first * 1e3, 2)
    if seen.store:
        line["store_ms"] = round(seen.store * 1e3, 2)
    if seen.prompt_tokens or seen.tokens:
        line |= {name: getattr(seen, name) for name in COUNTS}
    return line


def _worded(record: logging.LogRecord) -> str:
    seen: Seen | None = getattr(record, "seen", None)
    if seen is None:
        return f"{record.levelname.lower()}: {_message(record)}"
    made = [seen.verb, seen.route, str(seen.status), f"{seen.seconds * 1e3:.1f} ms", seen.tool, seen.method]
    if seen.prompt_tokens or seen.tokens:
        made.append(f"{seen.prompt_tokens} + {seen.tokens} tokens, {seen.personal} personal")
    return " ".join(filter(None, [*made, seen.error, seen.id if seen.status >= 400 else ""]))


def _message(record: logging.LogRecord) -> str:
    """What a library says: of ours all but errors' own messages, of others numbers alone filled in."""
    ours = record.name == OURS or record.name.startswith(f"{OURS}.")
    given = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
    try:
        said = str(record.msg) % tuple(_filled(one, ours) for one in given) if given else str(record.msg)
    except (TypeError, ValueError):
        said = str(record.msg)
    return said.strip().split("\n", 1)[0][:MOST_CHARS]


def _filled(value: object, ours: bool) -> object:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value if ours or isinstance(value, int | float) else Left()


class Left:
    """Stands in a message for what is left out."""

    def __str__(self) -> str:
        return "..."

    __repr__ = __str__


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}"
