"""Calls to an endpoint from an event loop: `Endpoint`'s patience and errors, over connections that block nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from idiolect.extras import need
from idiolect.models.endpoint import Endpoint, lost, wire

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
UNUSED = 4.0  # seconds after which an unused connection is given up: uvicorn, and so vLLM, closes its end after 5
LAST = 0.25  # seconds after its last event in which a stream must end, for its connection to be used again


class Broken(Exception):
    """A stream that had begun broke off; the text says why, in a few words."""


class Calls:
    """Calls to `endpoint` over as many connections as there are calls, all on the event loop on which the first is made.

    aiohttp carries them: its calls cost a tenth of the processor time of httpx's.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._aiohttp = need("aiohttp", "a server in front of an endpoint")
        self.endpoint = endpoint
        self._lost = (TimeoutError, OSError, self._aiohttp.ClientError)
        self._proxy = _proxy(httpx.URL(endpoint.url))
        self._opened: aiohttp.ClientSession | None = None

    async def text(self, path: str, body: dict[str, Any]) -> str:
        """What the endpoint answers. Raises Refused, or EndpointError if there is no answer."""
        return (await self._tried(path, body, _read)).decode("utf-8", "replace")

    @contextlib.asynccontextmanager
    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an answer as they come. Once they do, nothing is tried again: Broken is raised.

        A block that ends before the stream does closes the connection, at once when it fails or is cancelled.
        """
        response = await self._tried(path, body, _begun)
        try:
            yield self._bytes(response)
            with contextlib.suppress(*self._lost):  # nobody needs the rest
                async with asyncio.timeout(LAST):
                    await response.read()
        finally:
            response.close()  # if it was read to its end, its connection is back among the others

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def _bytes(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            while chunk := await response.content.readany():
                yield chunk
        except self._lost as error:
            raise Broken(_told(error)) from None

    async def _tried(self, path: str, body: dict[str, Any], use: Callable[[aiohttp.ClientResponse], Awaitable[T]]) -> T:
        """What `use` makes of a response that went well, tried again as often as is allowed where another try may help."""
        url, content, tries = f"{self.endpoint.url}/{path}", wire(body), 1
        while True:
            try:
                response = await self._session().post(url, data=content, proxy=self._proxy, allow_redirects=False)
                if 200 <= response.status < 300:
                    return await use(response)
                said = (await _read(response)).decode("utf-8", "replace")
                failure = self.endpoint.refused(response.status, response.headers, said)
            except self._lost as error:
                failure = lost(_told(error))
            await asyncio.sleep(self.endpoint.decide(failure, tries))
            tries += 1

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            http, own = self._aiohttp, self.endpoint
            secure = httpx.create_ssl_context() if own.url.startswith("https:") else True  # whom httpx trusts
            self._opened = http.ClientSession(
                connector=http.TCPConnector(limit=0, keepalive_timeout=UNUSED, ssl=secure),
                timeout=http.ClientTimeout(total=None, sock_connect=own.timeout, sock_read=own.timeout),
                headers=own.headers,
                cookie_jar=http.DummyCookieJar(),  # nothing of one call in another
            )
        return self._opened


async def _read(response: aiohttp.ClientResponse) -> bytes:
    return await response.read()


async def _begun(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    return response


def _told(error: Exception) -> str:
    """What went wrong on the way, in a few words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _proxy(url: httpx.URL) -> str | None:
    """The proxy that the environment names for this address."""
    named = getproxies()
    return None if proxy_bypass(url.host) else named.get(url.scheme) or named.get("all")
