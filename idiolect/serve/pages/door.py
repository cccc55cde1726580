"""The door: a key or a token given once, and remembered by the browser until it is closed, or until somebody leaves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect.serve import gates
from idiolect.serve.pages.page import Page, inside, shown
from idiolect.store.accounts import Accounts

router = APIRouter(route_class=Page)


@router.get("/sign-in")
async def door(http: Request, back: str = "/") -> Response:
    """Where a key is given."""
    return shown(http, None, "door.html", back=inside(back), wrong=False)


@router.post("/sign-in")
async def enter(http: Request, secret: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/") -> Response:
    """In, where the key opens this server."""
    gateway = http.app.state.gateway
    holder = await gateway.run(Accounts(gateway.store._session).holder, secret.strip())
    if holder is None:
        return shown(http, None, "door.html", code=401, back=inside(back), wrong=True)
    response = RedirectResponse(inside(back), 303)
    gates.remember(response, http, secret.strip(), holder.expires)
    return response


@router.post("/sign-out")
async def leave() -> Response:
    """Out: the browser forgets the key."""
    response = RedirectResponse("/sign-in", 303)
    gates.unremember(response)
    return response
