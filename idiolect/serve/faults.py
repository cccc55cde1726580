"""What goes wrong, as an HTTP status and an error in OpenAI's shape: the message is the sentence that the project raised."""

from __future__ import annotations

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from idiolect.errors import (
    BudgetError,
    DataError,
    EndpointError,
    IdiolectError,
    MethodError,
    MissingExtra,
    ModelError,
    RequestError,
    StoreError,
)
from idiolect.models.speech import Busy, TimedOut


class NotFound(IdiolectError):
    """Not there, or not the caller's to know of."""


class Unauthorized(IdiolectError):
    """No key, or one that does not open this server."""


class Forbidden(IdiolectError):
    """A key of another role is needed."""


class Conflict(IdiolectError):
    """Against what the person consented to, or against another request under way."""


class TooMany(IdiolectError):
    """More than a key may ask in a time."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


STATUS: tuple[tuple[type[Exception], int, str, str | None], ...] = (  # the first that fits: status, type, code
    (Unauthorized, 401, "invalid_request_error", "invalid_api_key"),
    (Forbidden, 403, "permission_error", "forbidden"),
    (NotFound, 404, "invalid_request_error", "not_found"),
    (Conflict, 409, "invalid_request_error", "conflict"),
    (TooMany, 429, "requests", "rate_limit_exceeded"),
    (Busy, 429, "requests", "busy"),
    (BudgetError, 429, "insufficient_quota", "insufficient_quota"),
    (TimedOut, 504, "timeout", "timeout"),
    (EndpointError, 502, "upstream_error", "upstream_error"),
    (MethodError, 404, "invalid_request_error", "model_not_found"),
    (ModelError, 400, "invalid_request_error", "model_error"),
    (RequestError, 400, "invalid_request_error", None),
    (DataError, 400, "invalid_request_error", None),
    (MissingExtra, 501, "server_error", "missing_extra"),
    (StoreError, 503, "server_error", "store_error"),
)

_SAID = {
    "message": {"type": "string"},
    "type": {"type": "string"},
    "param": {"type": ["string", "null"]},
    "code": {"type": ["string", "null"]},
}
_ERROR = {"type": "object", "properties": _SAID, "required": list(_SAID)}
_SHAPE = {"type": "object", "properties": {"error": _ERROR}, "required": ["error"]}
REFUSED: dict[int | str, dict[str, Any]] = {  # how the OpenAPI document tells it
    "4XX": {"description": "Refused: the message says why, and the way out.", "content": {"application/json": {"schema": _SHAPE}}}
}


def answer(error: Exception) -> JSONResponse:
    """The response that an error is answered with."""
    status, kind, code = next(
        ((status, kind, code) for cls, status, kind, code in STATUS if isinstance(error, cls)), (500, "server_error", None)
    )
    said = str(error) if isinstance(error, IdiolectError) else "something went wrong on the server; its log has the reason"
    wait = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(max(1, math.ceil(wait)))} if wait is not None else None
    return shaped(status, said, kind, code, headers={"WWW-Authenticate": "Bearer"} if status == 401 else headers)


def shaped(
    status: int, message: str, kind: str, code: str | None, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error in OpenAI's shape."""
    return JSONResponse(body(message, kind, code, param), status, headers=headers)


def body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The JSON of an error, as it also stands in a stream."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def install(app: FastAPI) -> None:
    """Have every error of `app` answered in this shape."""
    app.add_exception_handler(IdiolectError, _raised)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)


async def _raised(_: Request, error: Exception) -> JSONResponse:
    return answer(error)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return shaped(400, f"{where}: {first['msg']}" if where else str(first["msg"]), "invalid_request_error", "invalid_value", where or None)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = error.detail if isinstance(error, HTTPException) else str(error)
    return shaped(status, str(said), "invalid_request_error", "not_found" if status == 404 else None)
