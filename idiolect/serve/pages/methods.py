"""Methods: the catalogue, which of it the served models can run, and what was fitted."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from idiolect import catalogue
from idiolect.serve.here import Here, Now
from idiolect.serve.pages.page import Page, shown

router = APIRouter(route_class=Page)
NEEDS = {
    "adapters": "adapters", "guide": "several wordings at once", "images": "pictures", "logprobs": "probabilities",
    "memory": "a memory of words", "prefix": "learnt vectors", "steering": "steering", "train": "training",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """A method, the served models that can run it, and when it was last fitted (None: never)."""

    row: catalogue.Row
    models: tuple[str, ...]
    needs: tuple[str, ...]
    fitted: float | None


@router.get("/methods")
async def methods(http: Request, now: Now) -> Response:
    """Every method under what it bends."""
    levels = await now.gateway.run(_offers, now)
    return shown(http, now, "methods.html", levels=levels, models=list(now.gateway.voices), usual=now.gateway.served(None))


def _offers(now: Here) -> list[tuple[str, str, list[Offer]]]:
    fitted = {one.method: one.created for one in now.gateway.store.taught()}
    can = {model: set(now.gateway.methods(model)) for model in now.gateway.voices}
    offers = [
        Offer(
            row,
            tuple(model for model in can if row.name in can[model]),
            tuple(NEEDS.get(need, need) for need in sorted(row.needs)),
            fitted.get(row.name),
        )
        for row in catalogue.ROWS
    ]
    return [(level, said, [one for one in offers if one.row.level == level]) for level, said in catalogue.LEVELS.items()]
