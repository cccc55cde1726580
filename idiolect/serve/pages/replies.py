"""What can be done with an answer: ask why it is so, say whether it was good, put it right, or say what was wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from idiolect.serve import listing
from idiolect.serve.callers import parts
from idiolect.serve.feedback import Feedback, feedback
from idiolect.serve.here import Here, Now
from idiolect.serve.pages.page import Page, parted, shown

router = APIRouter(route_class=Page)
LEFT = "left out"
ORDER = ("record", "fact", "profile", "setting", LEFT)


@router.get("/replies/{reply_id}/tools")
async def tools(http: Request, now: Now, reply_id: str) -> Response:
    """What stands below an answer that was streamed."""
    given = await now.answers.get(now.caller, reply_id)
    return shown(http, now, "_tools.html", given=given, person=parts(given.user)[1])


@router.get("/replies/{reply_id}/why")
async def why(http: Request, now: Now, reply_id: str) -> Response:
    """What bent an answer, with the person's own words."""
    told = await listing.why(reply_id, now)
    return shown(http, now, "_why.html" if parted(http) else "why.html", reply=told, kinds=_kinds(told["because"]))


@router.post("/replies/{reply_id}/rating")
async def rate(http: Request, now: Now, reply_id: str, thumbs: Annotated[Literal["up", "down"], Form()]) -> Response:
    """A thumb, up or down."""
    said = "Good: noted." if thumbs == "up" else "Not good: noted."
    return await _heard(http, now, Feedback.model_validate({"reply": reply_id, "thumbs": thumbs}), said)


@router.post("/replies/{reply_id}/edit")
async def edit(http: Request, now: Now, reply_id: str, text: Annotated[str, Form()]) -> Response:
    """The answer as the person would have it."""
    body = Feedback.model_validate({"reply": reply_id, "edit": text.replace("\r\n", "\n")})
    return await _heard(http, now, body, "Kept as their own words, and the next answer knows them.")


@router.post("/replies/{reply_id}/words")
async def correct(http: Request, now: Now, reply_id: str, text: Annotated[str, Form()]) -> Response:
    """What was wrong with it, in words."""
    body = Feedback.model_validate({"reply": reply_id, "words": text})
    return await _heard(http, now, body, "Understood, and the next answer knows it.")


async def _heard(http: Request, now: Here, body: Feedback, said: str) -> Response:
    told = await feedback(body, now, http)
    given = await now.answers.get(now.caller, body.reply or "")
    about = {"said": said, "person": told["user"], "given": given, "again": told["kind"] != "rating"}
    return shown(http, now, "_heard.html" if parted(http) else "heard.html", **about)


def _kinds(because: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The reasons, those of a kind together, in the order that a reader asks for them."""
    known = [kind for kind in ORDER if any(one["kind"] == kind for one in because)]
    others = sorted({one["kind"] for one in because} - set(ORDER))
    ordered = [*(kind for kind in known if kind != LEFT), *others, *(kind for kind in known if kind == LEFT)]
    return {kind: [one for one in because if one["kind"] == kind] for kind in ordered}
