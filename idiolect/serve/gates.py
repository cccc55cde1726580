"""Who is calling: keys and people's tokens, and a server without keys kept to this machine and to its own pages."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fastapi import Request
from starlette.responses import Response

from idiolect.errors import DataError, StoreError
from idiolect.serve.callers import Caller, parts, place
from idiolect.serve.faults import Forbidden, Unauthorized
from idiolect.serve.limits import Limits
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.store.accounts import KEY, SECRET, TOKEN, Accounts, Holder

COOKIE = "idiolect"
FRESH = 5.0  # seconds for which what the store says of a secret is believed: a revocation in another process is seen by then
HELD = 10_000  # secrets remembered at once
DAY = 86_400
OPEN = Caller()  # who calls a server without keys: nobody counts what they ask
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(\S+) *")
WHO = "this server needs a key: send it as 'Authorization: Bearer KEY'; `idiolect keys add` makes one"
log = logging.getLogger("idiolect.serve")


class Keyed:
    """The gate of a server with keys, and until there is one, of a server that only this machine can reach.

    Without keys everybody is the operator, so what a browser sends for another site's page is refused then: by its Host, which
    is this machine's own name (another name that leads here is a site that rebound it), and by Origin and Sec-Fetch-Site.
    A secret in a cookie goes with whatever the browser sends, so then, too, another site's page is refused, and what changes
    something must prove that it comes from this server's own page. SameSite=Strict alone takes every port of a host for one site.
    """

    def __init__(self, settings: Settings, accounts: Accounts, limits: Limits | None = None) -> None:
        self._settings, self._accounts, self.limits = settings, accounts, Limits() if limits is None else limits  # an empty one is false
        self._held: dict[bytes, tuple[Holder, float]] = {}  # by digest: no secret stays in memory
        self._known = 0  # grows with `forget`: what was being looked up meanwhile is not believed
        self._some, self._asked = False, -FRESH

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._held)} secrets held)"

    async def caller(self, http: Request) -> Caller:
        """The caller of a request. Raises Unauthorized, which never says what was wrong, Forbidden for another site's, or TooMany."""
        state = http.scope.setdefault("state", {})
        if "caller" not in state:
            state["caller"] = await self._caller(http)
        self._count(http, state)
        caller: Caller = state["caller"]
        return caller

    def about(self, http: Request, person: str | None) -> None:
        """Count a request about a person (their key in the store), once. Raises TooMany."""
        state = http.scope.setdefault("state", {})
        if person is not None and "counted person" not in state and state.get("caller", OPEN).key != OPEN.key:
            state["counted person"] = True
            self.limits.person(person)

    def forget(self) -> None:
        """Believe the store anew: a key or token was revoked, or a person erased."""
        self._held.clear()
        self._known += 1
        self._asked = -FRESH

    def _count(self, http: Request, state: dict[str, Any]) -> None:
        """Each request once, though it may pass here twice: the first time where its path is not read yet."""
        caller: Caller = state["caller"]
        if "counted" not in state and caller.key != OPEN.key:
            state["counted"] = True
            self.limits.key(caller.key)
        person = caller.person or http.path_params.get("user")
        self.about(http, None if person is None else place(caller.application, str(person)))

    async def _caller(self, http: Request) -> Caller:
        needed = await self._needed(http)
        said = http.headers.getlist("authorization")
        secret = _secret(said) if said else http.cookies.get(COOKIE, "")
        holder = await self._holder(http, secret) if SECRET.fullmatch(secret) else None
        if holder is not None and (holder.kept or not needed):
            if not said:
                _refuse_others(http, prove=http.method not in SAFE)
            return _caller_of(holder)
        if needed or (said and secret.startswith((KEY, TOKEN))):
            raise Unauthorized(WHO)
        _refuse_names(http)
        _refuse_others(http)
        return OPEN

    async def _needed(self, http: Request) -> bool:
        """Whether a key is needed: said, or where others can call, or once one was made."""
        if self._settings.keys is not None or not self._settings.local:
            return self._settings.keys is not False
        if not self._some and time.monotonic() - self._asked >= FRESH:
            self._some = await http.app.state.gateway.run(self._accounts.some)
            self._asked = time.monotonic()
        return self._some

    async def _holder(self, http: Request, secret: str) -> Holder | None:
        name = hashlib.sha256(secret.encode()).digest()
        held, until = self._held.get(name, (None, 0.0))
        if held is None or time.monotonic() >= until:
            known = self._known
            held = await http.app.state.gateway.run(self._looked_up, secret)
            if known == self._known:
                self._keep(name, held)
        if held is not None and held.expires is not None and time.time() >= held.expires:
            return None
        return held

    def _keep(self, name: bytes, held: Holder | None) -> None:
        if len(self._held) >= HELD:
            self._held.clear()
        self._held.pop(name, None)
        if held is not None:
            self._held[name] = held, time.monotonic() + FRESH

    def _looked_up(self, secret: str) -> Holder | None:
        holder, today = self._accounts.holder(secret), int(time.time() // DAY)
        if holder is not None and holder.user is None and holder.used != today:
            try:
                self._accounts.seen(holder.id, today)
            except StoreError as error:
                log.warning("that the key %s was used today could not be kept: %s", holder.id, error)
        return holder


def gate_for(settings: Settings, store: Store, limits: Limits | None = None) -> Keyed:
    """The gate of a server. Raises DataError for an address that others can reach where no key is asked for, or none opens it."""
    accounts = Accounts(store._session)
    if not settings.local:
        out = "serve on this machine alone with `--host 127.0.0.1`"
        if settings.keys is False:
            raise DataError(f"others can reach {settings.host}, and nobody would be asked for a key: ask for keys, or {out}")
        if not accounts.live():
            raise DataError(f"others can reach {settings.host}, and there is no key yet: make one with `idiolect keys add`, or {out}")
    return Keyed(settings, accounts, limits)


def forget(http: Request) -> None:
    """Have this server see at once that a key or token was revoked, or a person erased."""
    if isinstance(gate := http.app.state.gate, Keyed):
        gate.forget()


def about(http: Request, person: str | None) -> None:
    """Count a request about a person (their key in the store) whom its body names. Raises TooMany."""
    if isinstance(gate := http.app.state.gate, Keyed):
        gate.about(http, person)


def remember(response: Response, http: Request, secret: str, until: float | None = None) -> None:
    """Have a browser send `secret` along with what this server's own pages ask, until a time, or until it is closed."""
    ends = None if until is None else datetime.fromtimestamp(until, UTC)
    response.set_cookie(COOKIE, secret, expires=ends, path="/", httponly=True, samesite="strict", secure=http.url.scheme == "https")


def unremember(response: Response) -> None:
    """Have a browser forget it."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


def _secret(said: list[str]) -> str:
    """The secret in the header Authorization; "" for one that cannot be read, or for two of them."""
    read = BEARER.fullmatch(said[0]) if len(said) == 1 else None
    return read[1] if read else ""


def _caller_of(holder: Holder) -> Caller:
    if holder.user is None:
        return Caller(holder.application, "operator" if holder.role == "operator" else "application", None, holder.id)
    application, person = parts(holder.user)
    return Caller(application, "person", person, holder.id)


def _refuse_names(http: Request) -> None:
    """Raises Forbidden where the server is called by another name than this machine's own."""
    try:
        name = _read(f"//{_host(http)}").hostname or ""
        own = name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        own = False
    if not own:
        raise Forbidden(
            "without keys this server answers to 127.0.0.1 and localhost alone: call it so, or make a key with `idiolect keys add`"
        )


def _refuse_others(http: Request, prove: bool = False) -> None:
    """Raises Forbidden for what a browser sends for another site's page; with `prove`, also where no browser says whose page it is."""
    site, origin = http.headers.get("sec-fetch-site"), http.headers.get("origin")
    page = _read(origin or "")
    own = page.scheme in ("http", "https") and page.netloc.lower() == _host(http)
    if site == "same-origin" or (site is None and own):
        return
    if not prove and (site == "none" or (site is None and origin is None) or _followed(http)):
        return
    raise Forbidden("this did not come from this server's own page: send a key as 'Authorization: Bearer KEY', without the cookie")


def _followed(http: Request) -> bool:
    """Whether somebody follows a link to here: a page that nobody but they can read."""
    said = http.headers.get
    return http.method in ("GET", "HEAD") and said("sec-fetch-mode") == "navigate" and said("sec-fetch-dest") == "document"


def _read(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as "http://["
        return urlsplit("")


def _host(http: Request) -> str:
    return http.headers.get("host", "").lower()
