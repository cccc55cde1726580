"""A person's data taken away whole, and brought along from elsewhere."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Annotated, Any, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from idiolect.data.rivals import Whose as Meant
from idiolect.errors import RequestError
from idiolect.serve import bringing, packing
from idiolect.serve.desk import Desk
from idiolect.serve.gateway import Gateway
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Whose

router = APIRouter(prefix="/v1/users/{user}", tags=["People"], route_class=Quoted, default_response_class=Ascii)
IN_MEMORY, PIECE = 8 << 20, 1 << 16  # bytes
MOST = 256 << 20  # bytes of a file that comes in
ANY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": ANY,
            "application/json": {"schema": {}},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": ANY["schema"]}, "required": ["file"]}},
        },
    }
}


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {"application/zip": ANY}}})
async def export(whose: Whose) -> StreamingResponse:
    """Everything that is kept of a person, as a zip that can be read, and brought back without loss."""
    await whose.known()
    into = cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY))  # closed when it is sent
    try:
        await whose.now.answers.written()
        count = await whose.run(_packed, whose.now.gateway, whose.id, into)
        await whose.note("users.export", records=count)
    except BaseException:
        into.close()
        raise
    headers = {"Content-Disposition": 'attachment; filename="export.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(_sent(whose.now.gateway, into), media_type="application/zip", headers=headers)


def _packed(desk: Desk, key: str, gateway: Gateway, person: str, into: IO[bytes]) -> int:
    count = packing.write(desk, gateway, key, person, into)
    into.seek(0)
    return count


async def _sent(gateway: Gateway, file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await gateway.run(file.read, PIECE):
            yield piece
    finally:
        await asyncio.shield(gateway.run(file.close))


@router.post("/records/import", openapi_extra=BODY)
async def bring(
    whose: Whose,
    http: Request,
    of: Annotated[str | None, Query(description="Whose records they are in the file; left out: those of the same id.")] = None,
    alone: Annotated[bool, Query(description="What does not say whose it is, is all of this person's.")] = False,
    name: Annotated[str, Query(max_length=200, description="The file's name, where it is the body: its ending says what it is.")] = "",
) -> dict[str, Any]:
    """Bring in a file, as the body or as an upload: our own export, JSONL, CSV or Parquet, chats, memories of mem0 or of Letta.

    What the person wrote becomes records; what a model noted of them becomes facts, never their words. Of a file with several people
    only this one's are taken. Twice adds nothing.
    """
    with bringing.place() as folder:
        file = await _received(whose.now.gateway, http, Path(folder), name)
        made: dict[str, Any] = await whose.run(bringing.bring, file, Meant(of or whose.id, alone), whose.now.caller.role != "person")
    await whose.note("records.import", **{name: made[name] for name in ("records", "facts", "states", "replies")})
    return {"object": "import", **made}


async def _received(gateway: Gateway, http: Request, folder: Path, name: str) -> Path:
    """The file in a request, on the disk under a name of ours with the ending of its own. Raises RequestError."""
    if http.headers.get("content-type", "").startswith("multipart/form-data"):
        async with http.form(max_files=1, max_fields=4) as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise RequestError("the upload has no file under the name 'file'")
            place = _place(folder, upload.filename or name)
            await gateway.run(_copied, upload.file, place)
            return place
    place = _place(folder, name)
    with place.open("wb") as into:
        size = 0
        async for piece in http.stream():
            size += len(piece)
            if size > MOST:
                raise RequestError(f"a file has at most {MOST >> 20} MB: bring it in parts")
            await gateway.run(into.write, piece)
    if not size:
        raise RequestError("the body is empty: send a file")
    return place


def _place(folder: Path, name: str) -> Path:
    endings = [ending for ending in sorted(bringing.TABLES, key=len, reverse=True) if name.lower().endswith(ending)]
    return folder / f"file{endings[0] if endings else ''}"


def _copied(upload: IO[bytes], place: Path) -> None:
    with place.open("wb") as into:
        while piece := upload.read(PIECE):
            into.write(piece)
            if into.tell() > MOST:
                raise RequestError(f"a file has at most {MOST >> 20} MB: bring it in parts")
