"""A page: how it is made of a template, which headers guard it, and how what goes wrong is told to somebody who reads."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import jinja2
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from idiolect.errors import IdiolectError
from idiolect.serve import faults, gates
from idiolect.serve.faults import Forbidden, Unauthorized
from idiolect.serve.here import Here
from idiolect.serve.pages import words
from idiolect.serve.paths import Quoted

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
GUARD = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # none at all would make the Origin of a page's own forms "null"
    "X-Content-Type-Options": "nosniff",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

templates = jinja2.Environment(
    loader=jinja2.PackageLoader("idiolect.serve.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals |= words.GLOBALS
templates.filters |= words.FILTERS


class Page(Quoted):
    """A route that answers with HTML: an error is a page, or a part of one where htmx asked for it. No browser keeps any of it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with a guard before it and headers after it."""
        handler = super().get_route_handler()

        async def handled(http: Request) -> Response:
            try:
                refuse_elsewhere(http)
                response = await handler(http)
            except Unauthorized:
                response = to_the_door(http)
            except (IdiolectError, RequestValidationError) as error:
                response = failed(http, error)
            for name, value in {**GUARD, "Cache-Control": "no-store"}.items():
                response.headers.setdefault(name, value)
            return response

        return handled


def refuse_elsewhere(http: Request) -> None:
    """Raises Forbidden for a form that a page of another site sent: it would act in the reader's name."""
    if http.method in SAFE:
        return
    site, origin = http.headers.get("sec-fetch-site"), http.headers.get("origin")
    own = origin is None or urlsplit(origin).netloc == http.headers.get("host")
    if site not in (None, "same-origin", "none") or (site is None and not own):
        raise Forbidden("this form was sent by another site; open the page here and send it again")


def shown(http: Request, now: Here | None, name: str, code: int = 200, **values: Any) -> HTMLResponse:
    """The template `name` with `values`, as a page or, where its name begins with "_", as a part of one."""
    caller = now.caller if now else getattr(http.state, "caller", None)
    about = {
        "caller": caller,
        "operator": caller is not None and caller.role == "operator",
        "theme": theme(http),
        "here": http.url.path,
        "signed": gates.COOKIE in http.cookies,
    }
    body = templates.get_template(name).render({**about, **values})
    return HTMLResponse(body.encode("utf-8", "replace"), code)


def failed(http: Request, error: Exception) -> Response:
    """What went wrong, as a page or, for htmx, as a line for the notice at its top."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        said, status = f"{first['loc'][-1]}: {first['msg']}", 422
    else:
        said, status = str(error), faults.answer(error).status_code
    return shown(http, None, "_notice.html" if parted(http) else "error.html", code=status, said=said, status=status)


def to_the_door(http: Request) -> Response:
    """To where a key is given, and back to what was asked for."""
    asked = http.url.path + (f"?{http.url.query}" if http.url.query else "")
    place = "/sign-in?" + urlencode({"back": asked if http.method in SAFE and not parted(http) else "/"})
    return Response(status_code=204, headers={"HX-Redirect": place}) if parted(http) else RedirectResponse(place, 303)


def inside(place: str) -> str:
    """A place of this server to go to: "/" for one of another, which a link could name."""
    return place if place.startswith("/") and not place.startswith(("//", "/\\")) else "/"


def parted(http: Request) -> bool:
    """Whether a part of a page is asked for, by htmx."""
    return "hx-request" in http.headers


def theme(http: Request) -> Theme:
    """Light, dark, or as the reader's system is: what they chose last."""
    chosen = http.cookies.get("theme", "auto")
    return next((known for known in THEMES if known == chosen), "auto")
