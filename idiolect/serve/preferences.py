"""How a person wants to be answered: their sliders, over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from idiolect.serve import idempotent
from idiolect.serve.desk import Desk
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Whose
from idiolect.serve.sliders import SLIDERS, checked
from idiolect.store.wishes import Change, Wished

router = APIRouter(prefix="/v1/users/{user}/preferences", tags=["People"], route_class=Quoted, default_response_class=Ascii)


class Preferences(BaseModel):
    """Sliders from -1 to 1; those that are left out are 0."""

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, float]


@router.get("")
async def preferences(whose: Whose) -> dict[str, Any]:
    """A person's sliders, what each means, and what is told to the model because of it."""
    own = await whose.run(_set)
    await whose.note("preferences.read")
    return _shown(own)


def _set(desk: Desk, key: str) -> dict[str, float]:
    return dict(desk.of(key).wished.sliders)


@router.put("")
async def put(body: Preferences, whose: Whose, http: Request) -> dict[str, Any]:
    """Set a person's sliders: the next answer is told. 400 for one that does not exist, or that is beyond -1 or 1."""
    weights = checked(body.weights)
    await whose.run(_put, weights)
    await whose.note("preferences.edit")
    idempotent.of(http).keep(_shown(weights), whose.key)
    return _shown(weights)


def _put(desk: Desk, key: str, weights: dict[str, float]) -> Wished:
    said: list[Change] = [("slider", name, weights.get(name) or None) for name in SLIDERS]
    return desk.say(key, said)


def _shown(weights: dict[str, float]) -> dict[str, Any]:
    sliders = {
        name: {"value": weights.get(name, 0.0), "low": slider.low, "high": slider.high, "told": slider.line(weights.get(name, 0.0)) or None}
        for name, slider in SLIDERS.items()
    }
    return {"object": "preferences", "weights": {name: weights.get(name, 0.0) for name in SLIDERS}, "sliders": sliders}
