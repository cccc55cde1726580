"""OpenAI's chat and completions: `user` selects the person, and `model` names a model, a method, or both."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from idiolect.errors import IdiolectError
from idiolect.models.speech import TokenLogprob
from idiolect.serve import faults, gates
from idiolect.serve.asking import Asked
from idiolect.serve.here import Now
from idiolect.serve.reasons import explained
from idiolect.serve.watch import failed
from idiolect.serve.wire import Chat, Completion, Options
from idiolect.types import Reply

router = APIRouter(tags=["OpenAI"])
log = logging.getLogger("idiolect.serve")
STREAM = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy that gathers what it is sent makes no stream
CHAT, TEXT = "chat.completion", "text_completion"


@router.post("/v1/chat/completions", response_model=None)
async def chat(body: Chat, now: Now, http: Request) -> Response:
    """An answer to a conversation, in the words of `user`."""
    asked = Asked.of(now, body, [body.request(now.settings.max_tokens)], body.alternatives, "chatcmpl")
    return await _answered(asked, body, http)


@router.post("/v1/completions", response_model=None)
async def completions(body: Completion, now: Now, http: Request) -> Response:
    """An answer to each prompt, in the words of `user`."""
    asked = Asked.of(now, body, body.requests(now.settings.max_tokens), body.alternatives, "cmpl")
    return await _answered(asked, body, http)


async def _answered(asked: Asked, body: Options, http: Request) -> Response:
    gates.about(http, asked.key)
    await asked.begin()
    if body.stream:
        return StreamingResponse(_events(asked, body), media_type="text/event-stream", headers=STREAM)
    replies = await _unless_gone(asked, http)
    if replies is None:
        return Response(status_code=499)  # nobody reads it
    await asked.kept(replies[0].text)
    shape = CHAT if isinstance(body, Chat) else TEXT
    choices = [_whole(shape, number, reply, asked) for number, reply in enumerate(replies)]
    made = {**_head(asked, shape), "choices": choices, "usage": asked.usage(replies), "idiolect": _about(asked, body)}
    return JSONResponse(made)


async def _unless_gone(asked: Asked, http: Request) -> list[Reply] | None:
    """The replies, or None where the caller went away: then nothing is gone on with."""
    replies, gone = asyncio.create_task(asked.replies()), asyncio.create_task(_gone(http))
    try:
        await asyncio.wait({replies, gone}, return_when=asyncio.FIRST_COMPLETED)
        if replies.done():
            return replies.result()
        replies.cancel()
        return None
    finally:
        gone.cancel()


async def _gone(http: Request) -> None:
    """Return when the caller has closed the connection."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


async def _events(asked: Asked, body: Options) -> AsyncIterator[bytes]:
    shape = f"{CHAT}.chunk" if isinstance(body, Chat) else TEXT
    head, done = _head(asked, shape), []
    texts, told = [""] * len(asked.speeches), [0] * len(asked.speeches)
    try:
        async for number, piece in asked.pieces():
            if isinstance(piece, Reply):
                done.append((number, piece))
                last = _part(shape, number, "", piece.finish)
                about = {"idiolect": _about(asked, body)} if len(done) == len(texts) else {}
                yield _event({**head, "choices": [last], **about})
                continue
            part = _part(shape, number, piece, None, first=not texts[number])
            if asked.alternatives:
                found = asked.speeches[number].logprobs
                part["logprobs"], told[number] = _logprobs(shape, found[told[number] :]), len(found)
            texts[number] += piece
            yield _event({**head, "choices": [part]})
        await asked.kept(texts[0])
        if body.counted:
            yield _event({**head, "choices": [], "usage": asked.usage([reply for _, reply in sorted(done, key=lambda one: one[0])])})
        yield b"data: [DONE]\n\n"
    except Exception as error:
        if not isinstance(error, IdiolectError):
            log.exception("a stream was broken off")
        failed(error)
        yield _event(json.loads(bytes(faults.answer(error).body)))
    finally:
        asked.cancel()


def _head(asked: Asked, shape: str) -> dict[str, Any]:
    return {"id": asked.id, "object": shape, "created": int(asked.created), "model": asked.served.name}


def _whole(shape: str, number: int, reply: Reply, asked: Asked) -> dict[str, Any]:
    """A choice, at the end."""
    found = asked.speeches[number].logprobs
    about = {"index": number, "finish_reason": reply.finish, "logprobs": _logprobs(shape, found) if asked.alternatives else None}
    return (
        {**about, "text": reply.text}
        if shape == TEXT
        else {**about, "message": {"role": "assistant", "content": reply.text, "refusal": None}}
    )


def _part(shape: str, number: int, piece: str, finish: str | None, first: bool = False) -> dict[str, Any]:
    """A choice, as far as it came."""
    about = {"index": number, "finish_reason": finish, "logprobs": None}
    if shape == TEXT:
        return {**about, "text": piece}
    delta = {"content": piece} if piece else {}
    return {**about, "delta": {"role": "assistant", **delta} if first else delta}


def _logprobs(shape: str, found: Sequence[TokenLogprob]) -> dict[str, Any]:
    if shape == TEXT:
        top = [dict(one.top) for one in found]
        return {
            "tokens": [one.text for one in found],
            "token_logprobs": [one.logprob for one in found],
            "top_logprobs": top,
            "text_offset": [],
        }
    return {
        "content": [{**_token(one.text, one.logprob), "top_logprobs": [_token(*two) for two in one.top]} for one in found],
        "refusal": None,
    }


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace"))}


def _about(asked: Asked, body: Options) -> dict[str, Any]:
    """What the project adds to an answer: under which id it can be explained, and what bent it where that is asked for."""
    about: dict[str, Any] = {"reply": asked.id, "method": asked.served.method, "personal": bool(asked.because)}
    return {**about, "because": explained(asked.because)} if body.extra.explain else about


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
