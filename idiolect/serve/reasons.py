"""Why an answer is as it is: what bent it, taken apart into kinds, and the person's own words where those are meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from idiolect.types import Fact, Record

KINDS = ("record", "fact", "profile", "adapter", "prefix", "steering", "memory", "guide", "companion", "setting")
_SHARE = re.compile(r"^(.*) x(-?[\d.]+(?:e-?\d+)?)$", re.DOTALL)
_LAYER = re.compile(r"^(.*) layer (\d+)$", re.DOTALL)


def explained(because: Sequence[str]) -> list[dict[str, Any]]:
    """Reasons as a reply names them ("record:<id>", "adapter:<name> x0.5", "left out:record:<id>, ..."), each as kind and name."""
    return [_taken(reason) for reason in dict.fromkeys(because)]


def flat(because: Sequence[str]) -> list[dict[str, Any]]:
    """The same, with what a companion was told, and what was left out, in its own place."""
    return [one.get("of", one) for one in explained(because)]


def told(because: Sequence[str], records: Mapping[str, Record], facts: Mapping[str, Fact]) -> list[dict[str, Any]]:
    """The same, with what the person wrote where a record bent the answer, and what is known of them where a fact did."""
    made = explained(because)
    for one in made:
        of = one.get("of", one)
        if of["kind"] == "record" and (record := records.get(of["name"])):
            of |= {"prompt": record.prompt, "text": record.answer, "time": record.time}
        if of["kind"] == "fact" and (fact := facts.get(of["name"])):
            of |= {"text": fact.text, "sources": list(fact.sources)}
    return made


def _taken(reason: str) -> dict[str, Any]:
    if reason.startswith("left out:"):
        name, _, why = reason.removeprefix("left out:").partition(", ")
        return {"kind": "left out", "name": name, "of": _taken(name), "why": why}
    if reason.startswith("companion:"):
        return {"kind": "companion", "name": reason.removeprefix("companion:"), "of": _taken(reason.removeprefix("companion:"))}
    kind, colon, name = reason.partition(":")
    if kind not in KINDS:
        return {"kind": "other", "name": reason}
    made: dict[str, Any] = {"kind": kind, "name": name if colon else ""}
    for pattern, field, number in ((_SHARE, "share", float), (_LAYER, "layer", int)):
        if kind in ("adapter", "memory", "steering") and (found := pattern.match(name)):
            made |= {"name": found[1], field: number(found[2])}
    return made
