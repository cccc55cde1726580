"""Talk: a question asked once and answered twice, as a person and as the model is, or as two people."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect import catalogue
from idiolect.errors import IdiolectError
from idiolect.serve.asking import Asked
from idiolect.serve.gateway import Served
from idiolect.serve.here import Here, Now
from idiolect.serve.pages.page import THEMES, Page, inside, parted, shown
from idiolect.serve.pages.people import ids
from idiolect.serve.pages.suggestions import suggested
from idiolect.serve.wire import Chat, Said
from idiolect.store.replies import Given

router = APIRouter(route_class=Page)
SHORT = {"tiny": 64}  # tokens: the bundled model seldom finds the end of a longer text
OFFERED = 50  # people whose ids are offered without a search
YEAR = 365 * 86400


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers: a person by a method, or the model as it is ("")."""

    person: str
    model: str  # as /v1/chat/completions takes it
    method: str
    most: int  # tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered, or why nothing came; without either, it is to be asked for by the page's script."""

    speaker: Speaker
    text: str = ""
    given: Given | None = None
    failed: str = ""


@router.get("/")
async def start(http: Request, now: Now, user: str = "", beside: str = "", method: str = "", q: str = "") -> Response:
    """The page, with nobody or somebody chosen."""
    chosen = await _chosen(http, now, user, beside, method)
    return shown(http, now, "talk.html", **chosen, question=q, turn=None)


@router.post("/talk")
async def ask(
    http: Request,
    now: Now,
    question: Annotated[str, Form()] = "",
    user: Annotated[str, Form()] = "",
    beside: Annotated[str, Form()] = "",
    method: Annotated[str, Form()] = "",
) -> Response:
    """A question: for the script, the places where its answers will stand; for a plain form, the page with both answers whole."""
    chosen = await _chosen(http, now, user, beside, method)
    text = question.replace("\r\n", "\n").strip()
    if not text:
        missing = {**chosen, "notice": "There is no question yet: write one, or take one of those below."}
        return shown(http, now, "talk.html", code=422, **missing, question="", turn=None)
    speakers = _speakers(now, chosen)
    if parted(http):
        return shown(http, now, "_turn.html", **_turn(text, [Answer(one) for one in speakers], streamed=True))
    answers = await asyncio.gather(*(_answered(now, one, text) for one in speakers))
    return shown(http, now, "talk.html", **chosen, question="", turn=_turn(text, answers, streamed=False))


@router.get("/people/options")
async def options(http: Request, now: Now, user: str = "", beside: str = "") -> Response:
    """Ids of people that begin with what was typed so far."""
    return shown(http, now, "_options.html", people=await ids(http, now, user or beside, OFFERED))


@router.post("/theme")
async def themed(http: Request, theme: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Light, dark or as the system is, remembered in a cookie."""
    response = RedirectResponse(inside(back), 303)
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=YEAR, samesite="lax")
    return response


def _turn(question: str, answers: list[Answer], streamed: bool) -> dict[str, Any]:
    return {"id": secrets.token_hex(4), "question": question, "answers": answers, "streamed": streamed}


async def _chosen(http: Request, now: Here, user: str, beside: str, method: str) -> dict[str, Any]:
    """Who answers and how, and all that could be chosen instead."""
    served = now.gateway.served(method or None)
    people = await ids(http, now, "", OFFERED)
    person = now.caller.person or user or (people[0] if people else "")
    return {
        "person": person,
        "beside": "" if now.caller.person else beside,
        "served": served,
        "people": people,
        "levels": levels(now, served),
        "suggestions": suggested(people) if not now.caller.person or now.caller.person in people else [],
        "notice": "",
    }


def _speakers(now: Here, chosen: dict[str, Any]) -> list[Speaker]:
    served: Served = chosen["served"]
    most = min(now.settings.max_tokens, SHORT.get(now.gateway.specs[served.model], now.settings.max_tokens))
    own = Speaker(chosen["person"], served.name, served.method, most)
    other = Speaker(chosen["beside"], served.name, served.method, most)
    plain = Speaker("", Served(served.model, "plain").name, "plain", most)
    return [*([own] if chosen["person"] else []), other if chosen["beside"] else plain]


async def _answered(now: Here, speaker: Speaker, question: str) -> Answer:
    """The whole answer; what goes wrong with one stands in its place, and the other is there."""
    try:
        body = Chat(model=speaker.model, user=speaker.person or None, messages=[Said(role="user", content=question)])
        asked = Asked.of(now, body, [body.request(speaker.most)], 0, "chatcmpl")
        await asked.begin()
        text = (await asked.replies())[0].text
        await asked.kept(text)
    except IdiolectError as error:
        return Answer(speaker, failed=str(error))
    given = Given(asked.id, asked.key or "", asked.created, asked.served.model, asked.served.method, question, text, asked.because)
    return Answer(speaker, text, given if speaker.person else None)


def levels(now: Here, served: Served) -> list[tuple[str, list[catalogue.Row]]]:
    """The methods that the model can be asked by, under what they bend."""
    can = set(now.gateway.methods(served.model))
    rows = [row for row in catalogue.ROWS if row.name in can]
    ordered = sorted(rows, key=lambda row: list(catalogue.LEVELS).index(row.level))
    return [(catalogue.LEVELS[level], list(some)) for level, some in groupby(ordered, key=lambda row: row.level)]
