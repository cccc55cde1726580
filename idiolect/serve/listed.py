"""Lists page by page: how many, from where on, and what comes after; cursors are opaque."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from idiolect.errors import RequestError

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[str | None, Query(description="The `next` of the page before.")]
PAGE = 50


def page(items: Sequence[Item], limit: int, cursor: Callable[[Item], str], shown: Callable[[Item], Any]) -> dict[str, Any]:
    """A page of up to `limit` of `items`; whether there is one more says whether there are more."""
    some, more = items[:limit], len(items) > limit
    return {"object": "list", "data": [shown(one) for one in some], "has_more": more, "next": written(cursor(some[-1])) if more else None}


def written(text: str) -> str:
    """A cursor that stands for a text."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def read(cursor: str) -> str:
    """The text that a cursor stands for. Raises RequestError."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeError, ValueError):
        raise RequestError(f"{cursor[:60]!r} is no cursor: give the `next` of the page before, or leave it out") from None


def place(cursor: str) -> int:
    """The number that a cursor stands for. Raises RequestError."""
    text = read(cursor)
    if not text.isdecimal() or len(text) > 18:
        raise RequestError(f"{cursor[:60]!r} is no cursor of this list: give the `next` of the page before, or leave it out")
    return int(text)
