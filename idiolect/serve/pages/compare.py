"""Compare: which method suits these people, measured in the background, with how far it is and what it found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from idiolect import catalogue
from idiolect.errors import RequestError
from idiolect.extras import need
from idiolect.serve.here import Here, Now
from idiolect.serve.pages.page import Page, parted, shown
from idiolect.serve.pages.runs import Asked, Run, Runs
from idiolect.serve.pages.talk import levels

router = APIRouter(route_class=Page)
TASKS = (
    ("sample", "subject lines of commits by fourteen invented people"),
    ("sample_ratings", "ratings of recipes and books by the same people"),
)
QUICK = frozenset({"plain", "rag", "stats_profile", "long_term"})  # seconds each, and nothing is trained
USUAL = QUICK | set(catalogue.USUAL)
MOST_PEOPLE, MOST_RECORDS = 14, 10  # the sample has no more
LIMITS = {"people": MOST_PEOPLE, "records": MOST_RECORDS}
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


@router.get("/compare")
async def compare(http: Request, now: Now) -> Response:
    """What was compared so far, and what could be."""
    runs = await now.operator().gateway.run(_runs(http, now).all)
    return shown(
        http,
        now,
        "compare.html",
        runs=runs,
        choices=_choices(now),
        tasks=TASKS,
        quick=QUICK,
        limits=LIMITS,
        models=list(now.gateway.voices),
    )


@router.post("/compare")
async def start(
    http: Request,
    now: Now,
    task: Annotated[str, Form()] = "sample",
    model: Annotated[str, Form()] = "",
    methods: Annotated[tuple[str, ...], Form()] = (),
    users: Annotated[int, Form(ge=2, le=MOST_PEOPLE)] = 8,
    targets: Annotated[int, Form(ge=1, le=MOST_RECORDS)] = 2,
) -> Response:
    """Begin a comparison."""
    served = now.operator().gateway.served(model or None)
    unknown = next((name for name in methods if name not in catalogue.names()), None)
    if unknown is not None or task not in dict(TASKS):
        raise RequestError(f"{unknown or task!r} cannot be compared here; take what the page offers")
    if not set(methods) - {"plain"}:
        raise RequestError("choose at least one method beside plain, which is always there")
    await now.gateway.run(need, "matplotlib", "The report of a comparison")
    asked = Asked(task, now.gateway.specs[served.model], tuple(methods), users, targets)
    run = await now.gateway.run(_runs(http, now).start, asked)
    return RedirectResponse(f"/compare/{run}", 303)


@router.get("/compare/{run}")
async def one(http: Request, now: Now, run: str) -> Response:
    """One comparison: while it runs, how far it is; then its report."""
    found = await _one(http, now, run)
    if parted(http) and found.status != "running":
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return shown(http, now, "_run.html" if parted(http) else "run.html", run=found, tasks=dict(TASKS))


@router.get("/compare/{run}/report")
async def report(http: Request, now: Now, run: str) -> Response:
    """The report: a page of its own that runs nothing."""
    page = await now.operator().gateway.run(_runs(http, now).report, run)
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


@router.post("/compare/{run}/cancel")
async def cancel(http: Request, now: Now, run: str) -> Response:
    """Stop it."""
    await now.operator().gateway.run(_runs(http, now).cancel, run)
    return RedirectResponse(f"/compare/{run}", 303)


@router.post("/compare/{run}/remove")
async def remove(http: Request, now: Now, run: str) -> Response:
    """Delete what it found."""
    await now.operator().gateway.run(_runs(http, now).remove, run)
    return RedirectResponse("/compare", 303)


async def _one(http: Request, now: Here, run: str) -> Run:
    return await now.operator().gateway.run(_runs(http, now).get, run)


def _runs(http: Request, now: Here) -> Runs:
    """The server's comparisons: one value as long as it runs, so that its processes are reaped."""
    state = http.app.state
    if not hasattr(state, "comparisons"):
        state.comparisons = Runs(now.settings.store)
    found: Runs = state.comparisons
    return found


def _choices(now: Here) -> list[tuple[str, list[catalogue.Row]]]:
    """The methods that can be compared: those that most begin with, and the others under what they bend."""
    found = [(level, [row for row in rows if row.name != "plain"]) for level, rows in levels(now, now.gateway.served(None))]
    first = [row for _, rows in found for row in rows if row.name in USUAL]
    return [("to begin with", first), *((level, [row for row in rows if row not in first]) for level, rows in found)]
