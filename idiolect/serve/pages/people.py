"""People: who is known, looked for by how their ids begin; somebody added, many brought along, and a link for one of them."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect.data import files
from idiolect.errors import DataError
from idiolect.serve import accounts, exports, keeping, people, records
from idiolect.serve.accounts import NewToken
from idiolect.serve.desk import Desk
from idiolect.serve.here import Here, Now
from idiolect.serve.pages import words
from idiolect.serve.pages.page import Page, parted, shown
from idiolect.serve.person import Person, Whose, person
from idiolect.serve.records import NewRecord, NewRecords
from idiolect.types import User

router = APIRouter(route_class=Page)
AT_ONCE = 25
WEEK = 7 * 86_400.0  # for which a link that was made here opens a person's page
SUFFIXES = (".jsonl", ".csv", ".tsv", ".jsonl.gz", ".csv.gz", ".parquet")
PROBLEMS = 8  # lines that were left out, shown


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody in the list: how many records there are of them, and when the last one is of."""

    id: str
    records: int
    last: float | None


@router.get("/people")
async def listed(http: Request, now: Now, q: str = "", after: str | None = None) -> Response:
    """The people of the caller's application, some at a time."""
    found = await people.people(now, http, q, AT_ONCE, after)
    lines = await now.gateway.run(_lines, http.app.state.desk, now, [one["id"] for one in found["data"]])
    return shown(http, now, "_people.html" if parted(http) else "people.html", lines=lines, q=q, next=found["next"])


@router.post("/people")
async def add(http: Request, now: Now, user: Annotated[str, Form()], text: Annotated[str, Form()] = "") -> Response:
    """Make somebody known, perhaps with their first words."""
    whose = await person(user, now.trusted(), http)
    if text.strip():
        await records.keep(NewRecord.model_validate({"answer": text}), whose, http)
    else:
        await whose.run(_known)
        await whose.note("people.add")
    return RedirectResponse(words.about(user), 303)


@router.post("/people/import")
async def bring(http: Request, now: Now, file: UploadFile) -> Response:
    """Bring in a history file: the people in it, and what each wrote. Bringing it in twice adds nothing."""
    now.trusted()
    loaded = await now.gateway.run(_read, file)
    new = sum([await _kept(http, now, user) for user in loaded.users])
    some = [user.id for user in loaded.users[:AT_ONCE]]
    problems = [f"line {one.line}: {one.reason}" for one in loaded.problems]
    return shown(
        http, now, "imported.html", people=some, count_of=len(loaded.users), new=new, problems=problems[:PROBLEMS], left=len(problems)
    )


@router.post("/about/{user}/import")
async def bring_one(http: Request, whose: Whose) -> Response:
    """Bring in a file with what one person wrote: their own export, or what another program kept of them."""
    made = await exports.bring(whose, http, None, True, "")
    counts = {name: made[name] for name in ("records", "facts") if made.get(name)}
    return shown(http, whose.now, "brought.html", person=whose.id, counts=counts, made=made)


@router.post("/about/{user}/link")
async def link(http: Request, whose: Whose) -> Response:
    """A link that opens what is known of a person, to them, for a week."""
    made = await accounts.issue(whose.id, whose.now, http, NewToken.model_validate({"expires_in": WEEK}))
    place = f"{http.url.scheme}://{http.url.netloc}/sign-in?back={quote(words.about(whose.id), safe='')}#{made['token']}"
    return shown(http, whose.now, "_link.html" if parted(http) else "link.html", person=whose.id, link=place)


async def ids(http: Request, now: Here, start: str, limit: int) -> list[str]:
    """The first ids of people whom the caller may talk as, of those that begin so."""
    if now.caller.person is not None:
        return [now.caller.person]
    return [one["id"] for one in (await people.people(now, http, start, limit, None))["data"]]


def _lines(desk: Desk, now: Here, some: list[str]) -> list[Line]:
    found = [(one, desk.pages.about(now.caller.reach(one))) for one in some]
    return [Line(one, sum(about["kinds"].values()), about["last"]) for one, about in found if about is not None]


def _known(desk: Desk, key: str) -> None:
    desk.wishes.put(key, [])


def _read(file: UploadFile) -> files.Loaded:
    suffix = next((one for one in SUFFIXES if (file.filename or "").lower().endswith(one)), None)
    if suffix is None:
        raise DataError(f"a history is a file that ends in {', '.join(SUFFIXES)}; choose one")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"history{suffix}")
        with path.open("wb") as copy:
            while some := file.file.read(1 << 20):
                copy.write(some)
        loaded = files.read(path)
    if not loaded.users:
        raise DataError(f"nothing in this file can be used; {loaded.problems[0].reason}")
    return loaded


async def _kept(http: Request, now: Here, user: User) -> int:
    """How many of somebody's records were new."""
    whose, new = Person(now, http.app.state.desk, user.id, now.caller.reach(user.id)), 0
    said = [NewRecord.model_validate(asdict(one)) for one in user.records]
    for at in range(0, len(said), keeping.MOST):
        new += (await records.keep(NewRecords(records=said[at : at + keeping.MOST]), whose, http))["new"]
    return new
