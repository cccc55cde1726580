"""What a person wishes, on their page: how they are answered, what may be kept, and which methods may be used for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect import catalogue
from idiolect.serve import consent, preferences
from idiolect.serve.consent import Consent
from idiolect.serve.pages import words
from idiolect.serve.pages.page import Page, parted, shown
from idiolect.serve.pages.talk import levels
from idiolect.serve.person import Person, Whose
from idiolect.serve.preferences import Preferences
from idiolect.serve.sliders import SLIDERS
from idiolect.store.wishes import CONSENTED

router = APIRouter(prefix="/about/{user}", route_class=Page)
KINDS = {
    "message": "What you write and say, and what is brought along from elsewhere",
    "rating": "The thumbs you give answers",
    "edit": "Answers as you put them right",
    "choice": "Which of several answers you take",
    "correction": "What you say was wrong, and what you put in about yourself",
    "conversation": "Your questions in a conversation, kept as your own words",
}


async def told(whose: Person) -> dict[str, Any]:
    """How they want to be answered, and what they allow."""
    sliders, allowed = await preferences.preferences(whose), await consent.consent(whose)
    methods = levels(whose.now, whose.now.gateway.served(None))
    return {"sliders": sliders["sliders"], "allowed": allowed, "said_of": KINDS, "methods": methods}


@router.post("/preferences")
async def prefer(http: Request, whose: Whose) -> Response:
    """Keep the sliders."""
    form = await http.form()
    weights = {name: float(str(form[name])) for name in SLIDERS if form.get(name)}
    kept = await preferences.put(Preferences(weights=weights), whose, http)
    lines = [one["told"] for one in kept["sliders"].values() if one["told"]]
    return _said(
        http, whose, "preferences", "Kept. The next answer is told: " + " ".join(lines) if lines else "Kept. The model answers as it would."
    )


@router.post("/consent")
async def allow(
    http: Request,
    whose: Whose,
    kinds: Annotated[tuple[str, ...], Form()] = (),
    methods: Annotated[tuple[str, ...], Form()] = (),
    erase: Annotated[bool, Form()] = False,
) -> Response:
    """Keep what is allowed: what is ticked."""
    asked = Consent(
        kinds={kind: kind in kinds for kind in CONSENTED}, methods={name: name in methods for name in catalogue.names() if name != "plain"}
    )
    kept = await consent.put(asked, whose, http, erase)
    gone = kept["forgotten"]["removed"]["records"] if kept["forgotten"] else 0
    said = "Kept. What is switched off is hidden from every method at once, and what was learnt of it is gone."
    return _said(http, whose, "consent", f"{said} {words.count(gone, 'record')} forgotten." if gone else said)


def _said(http: Request, whose: Person, section: str, said: str) -> Response:
    if not parted(http):
        return RedirectResponse(f"{words.about(whose.id)}#{section}", 303)
    return shown(http, whose.now, "_said.html", said=said)
