"""An endpoint that answers at once, always the same: what stands behind the gateways that are measured. And a client that costs little."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

TEXT = "Use a smaller pan, and keep the lid on."
WHOLE = {
    "id": "chatcmpl-stub",
    "object": "chat.completion",
    "created": 1,
    "model": "stub",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
}


def response(value: object) -> bytes:
    """An HTTP response with a JSON body."""
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


CHAT = response(WHOLE)
MODELS = response({"object": "list", "data": [{"id": "stub", "object": "model", "created": 1, "owned_by": "stub"}]})


class Upstream(asyncio.Protocol):
    """One connection of the endpoint."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        """Bytes came: answer every request that is whole."""
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            size = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
            if len(self.data) < end + 4 + size:
                return
            self.data = self.data[end + 4 + size :]
            self.transport.write(CHAT if head.startswith(b"post") else MODELS)  # type: ignore[attr-defined]


async def served(port: int) -> None:
    """Answer until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


def post(path: str, host: str, value: object, key: str) -> bytes:
    """An HTTP request with a JSON body."""
    body = json.dumps(value).encode()
    about = {"Host": host, "Authorization": f"Bearer {key}", "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {said}\r\n" for name, said in about.items()) + "\r\n"
    return head.encode() + body


async def _caller(port: int, requests: Sequence[bytes], start: int, until: float, into: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    at = start
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(requests[at % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:200]!r}")
        low = head.lower()
        size = int(low.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        if TEXT.encode() not in body:
            raise RuntimeError(f"another answer: {body[:200]!r}")
        into.append(time.perf_counter() - began)
        at += 1
    writer.close()


async def load(port: int, requests: Sequence[bytes], callers: int, seconds: float) -> list[float]:
    """The latency of each request that so many callers made one after another, in seconds."""
    into: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_caller(port, requests, 7 * number, until, into) for number in range(callers)))
    return into


if __name__ == "__main__":
    asyncio.run(served(int(sys.argv[1])))
