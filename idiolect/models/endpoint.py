"""An HTTP endpoint that speaks OpenAI's JSON: asked with patience, a limited number of times at once, and errors that say who said what."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import httpx

from idiolect.errors import EndpointError, ModelError

FIRST_WAIT = 0.5  # seconds before the second try; doubled at each further one, then shortened at random by up to a half
LONGEST_WAIT = 60.0  # seconds; an endpoint that asks to wait longer has refused
SAID = 300  # characters of what the endpoint said that an error repeats

T = TypeVar("T")


class Refused(EndpointError):
    """An endpoint said no, with an HTTP status and a text."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Failure(NamedTuple):
    """A try that failed: why, whether another may help, and the seconds that were asked for until then."""

    reason: str
    again: bool
    wait: float = 0.0
    status: int = 0  # 0: there was no answer
    said: str = ""


class Endpoint:
    """The endpoint at `url`, asked at most `concurrency` times at once (a stream that is being read counts), over all threads.

    408, 429, any 5xx, a time-out and a lost connection are tried again `retries` times, with exponential back-off and
    jitter, and Retry-After kept to. Whatever fails for good is an EndpointError, in which the key never stands.
    """

    def __init__(self, url: str, key: str | None, timeout: float, retries: int, concurrency: int) -> None:
        if timeout <= 0 or retries < 0 or concurrency < 1:
            raise ModelError(f"out of range (timeout > 0, retries >= 0, concurrency >= 1): {timeout}, {retries}, {concurrency}")
        self.url, self.timeout, self.retries = _address(url), timeout, retries
        self._key = _key(key, httpx.URL(self.url).host)
        self._turn = threading.BoundedSemaphore(concurrency)
        self.headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._client = httpx.Client(headers=self.headers, timeout=timeout, limits=limits)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that the endpoint answers `body` with; without one, what stands at `path`."""
        return self.json(self.text(path, body))

    def text(self, path: str, body: dict[str, Any] | None = None, final: Collection[int] = ()) -> str:
        """What the endpoint answers; a status in `final` is not tried again. Raises Refused, or EndpointError if there is no answer."""
        method, content = ("GET", None) if body is None else ("POST", wire(body))

        def once() -> str:
            with self._turn:
                return _checked(self._client.request(method, f"{self.url}/{path}", content=content)).text

        return self._tried(once, final)

    @contextlib.contextmanager
    def stream(self, path: str, body: dict[str, Any]) -> Iterator[Iterator[bytes]]:
        """The bytes of an answer as they come. Once they do, nothing is tried again: httpx.TransportError is the caller's."""

        def once() -> httpx.Response:
            built = self._client.build_request("POST", f"{self.url}/{path}", content=wire(body))
            return _checked(self._client.send(built, stream=True))

        with self._turn, contextlib.closing(self._tried(once)) as response:
            yield response.iter_bytes()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def json(self, text: str) -> dict[str, Any]:
        """`text` as a JSON object. Raises EndpointError."""
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise self.failed(f"sent something that is no JSON object: {self.quoted(text)}")
        return said

    @contextlib.contextmanager
    def understood(self, said: Any) -> Iterator[None]:
        """Raises EndpointError where `said` turns out to have another shape than the code inside expects."""
        try:
            yield
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            raise self.failed(f"sent JSON of another shape than OpenAI's: {self.quoted(json.dumps(said))}") from None

    def failed(self, what: str) -> EndpointError:
        """The error that this endpoint `what`."""
        return EndpointError(f"{self.url} {what}")

    def quoted(self, said: str) -> str:
        """What the endpoint said, shortened, and without the key, which some repeat."""
        said = said.replace(self._key, "[the API key]") if self._key else said
        return repr(said[:SAID]) if said.strip() else "nothing"

    def refused(self, status: int, headers: Mapping[str, str], said: str) -> Failure:
        """A try that the endpoint answered with a status other than 2xx."""
        reason = f"said {status}: {self.quoted(said)}{_HINTS.get(status, '')}"
        return Failure(reason, status in (408, 429) or status >= 500, _asked_wait(headers), status, said)

    def decide(self, failure: Failure, tries: int, final: Collection[int] = ()) -> float:
        """Seconds to wait before the next try, after `tries` of them. Raises Refused or EndpointError if there shall be none."""
        reason = failure.reason
        again = failure.again and failure.status not in final
        if not again or tries > self.retries:
            reason += f" (tried {tries} times)" if tries > 1 else ""
        elif failure.wait > LONGEST_WAIT:
            reason += f"; it asks to wait {failure.wait:.0f} s: try again then"
        else:
            return max(failure.wait, min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0))
        said = self.failed(reason)
        raise Refused(str(said), failure.status, failure.said) if failure.status else said

    def _tried(self, once: Callable[[], T], final: Collection[int] = ()) -> T:
        """What `once` gives, tried again as often as is allowed where another try may help."""
        tries = 1
        while True:
            try:
                return once()
            except httpx.HTTPStatusError as error:
                failure = self.refused(error.response.status_code, error.response.headers, error.response.text)
            except httpx.HTTPError as error:
                failure = lost(told(error), isinstance(error, httpx.TransportError))
            time.sleep(self.decide(failure, tries, final))
            tries += 1


def lost(what: str, again: bool = True) -> Failure:
    """A try that got no answer."""
    return Failure(f"gave no answer ({what})", again)


def told(error: httpx.HTTPError) -> str:
    """What went wrong on the way, in a few words."""
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _address(url: str) -> str:
    """The address that paths are added to. Raises ModelError if it is none; a password in it is not shown."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ModelError(f"the URL of {parsed.host} holds a password, a query or a fragment: leave them out, and give a key as api_key")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ModelError(f"{url!r} is not the URL of an endpoint; give one such as http://localhost:8000/v1")
    path = parsed.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return str(parsed.copy_with(path=path))


def _key(given: str | None, host: str) -> str:
    """The API key to send to `host`, "" for none. Raises ModelError, without showing it, if it cannot stand in a header."""
    openai = os.environ.get("OPENAI_API_KEY") if host == "openai.com" or host.endswith(".openai.com") else None
    key = (given if given is not None else os.environ.get("IDIOLECT_API_KEY") or openai or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"the API key has {len(key)} characters, and some are not printable ASCII; copy it again")
    return key


def _checked(response: httpx.Response) -> httpx.Response:
    """A response that went well. Raises HTTPStatusError, its text read, for any other."""
    if not response.is_success:
        with contextlib.closing(response):
            response.read()
        raise httpx.HTTPStatusError(str(response.status_code), request=response.request, response=response)
    return response


def wire(body: dict[str, Any]) -> bytes:
    """JSON in ASCII, so that lone surrogates travel as escapes."""
    return json.dumps(body).encode("ascii")


def _asked_wait(headers: Mapping[str, str]) -> float:
    """Seconds that Retry-After asks for, as a number or a date; 0 if it asks for nothing one can read."""
    asked = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(asked))
    with contextlib.suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(asked).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    return 0.0


_HINTS = {
    401: "; set IDIOLECT_API_KEY or give api_key",
    403: "; set IDIOLECT_API_KEY or give api_key",
    404: "; is the model's name right, and does the URL end where /chat/completions begins?",
}
