"""Paths whose parts may be any text: "%2F" in a person's id is part of the id, and not where it ends."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from idiolect.errors import RequestError


class Quoted(APIRoute):
    """A route that is matched before the path is decoded. Its parts are decoded one by one afterwards, each whole."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is this route's, and its parts."""
        raw: bytes | None = scope.get("raw_path")
        if scope["type"] != "http" or raw is None:
            return super().matches(scope)
        found, child = super().matches({**scope, "path": raw.decode("latin-1")})
        params: dict[str, Any] = child.get("path_params", {})
        return found, {**child, "path_params": {name: _read(value) for name, value in params.items()}} if child else child


class Ascii(JSONResponse):
    """JSON in ASCII: a text with half of a surrogate pair, which UTF-8 cannot write, goes through."""

    def render(self, content: Any) -> bytes:
        """The bytes of the answer."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _read(part: Any) -> Any:
    try:
        return unquote(part, errors="surrogatepass") if isinstance(part, str) else part
    except UnicodeDecodeError:
        raise RequestError(f"{part[:60]!r} in the path is not percent-encoded UTF-8") from None
