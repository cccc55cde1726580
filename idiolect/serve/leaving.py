"""Erasing a person: what was kept, what is left, and that nothing in this process remembers them; as a receipt that can be checked."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection
from typing import Any

from idiolect.errors import ModelError
from idiolect.models.vllm import VLLM
from idiolect.serve.desk import Desk
from idiolect.serve.gateway import Gateway
from idiolect.store import Receipt

MEANT = "the methods whose `fit` is kept: what people taught them together stays; fit again without this person to take out their share"


def erase(desk: Desk, gateway: Gateway, key: str, person: str) -> dict[str, Any]:
    """Remove everything of a person; nobody known is no error, so that it can be asked for again. Raises StoreError.

    Replies that wait to be written must be written before.
    """
    about = desk.pages.about(key)
    kept = dict(about["kept"]) if about else {}
    facts, adapters = len(desk.of(key).wished.facts), desk.pages.adapters(key)
    receipt = desk.index.erase(key)
    left = {**dropped(desk, gateway, key), **unloaded(gateway, adapters)}
    removed = {
        **{name: getattr(receipt, name) for name in ("records", "states", "files", "adapters")},
        **{name: kept.get(name, 0) for name in ("replies", "vectors")},
        "facts": facts,
        "settings": kept.get("wishes", 0) - facts,
    }
    return stamped({"object": "erasure", "user": person, "known": about is not None, "removed": removed, **_proof(receipt), **left})


def dropped(desk: Desk, gateway: Gateway, key: str) -> dict[str, Any]:
    """Have the assistants of this process let go of a person who is not in the store; how many knew them, and how many still do."""
    live = gateway.assistants()
    knew = [assistant for assistant in live if key in assistant.states]
    for assistant in knew:
        assistant.state(key)  # sees that they are gone
    desk.drop(key)
    return {"assistants": {"dropped": len(knew), "left": sum(key in assistant.states for assistant in live)}}


def unloaded(gateway: Gateway, adapters: Collection[str]) -> dict[str, Any]:
    """Have engines elsewhere let go of adapters, by their digests; what could not be, and why. Nothing where there is no such engine."""
    engines = [voice.lm for voice in gateway.voices.values() if isinstance(voice.lm, VLLM)]
    if not engines:
        return {}
    folders, failed = 0, []
    for engine in engines:
        for digest in adapters:
            try:
                folders += engine.forget(digest).folders
            except ModelError as error:
                failed.append(str(error))
    return {"engines": {"adapters": folders, "failed": failed}}


def forgotten(receipt: Receipt, person: str, ids: Collection[str]) -> dict[str, Any]:
    """The receipt of records that were taken away."""
    removed = {name: getattr(receipt, name) for name in ("records", "states", "files", "adapters")}
    return stamped({"object": "erasure", "user": person, "ids": sorted(ids), "removed": removed, **_proof(receipt)})


def stamped(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt with its time and a digest of all of it: SHA-256 of its JSON with sorted keys and no spaces, without the digest."""
    told = {**receipt, "at": time.time()}
    raw = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return {**told, "digest": f"sha256:{hashlib.sha256(raw).hexdigest()}"}


def _proof(receipt: Receipt) -> dict[str, Any]:
    scan = {"searched_bytes": receipt.searched_bytes, "found": list(receipt.found), "unsearched": receipt.unsearched}
    left = {"beyond": list(receipt.beyond), "shared": list(receipt.shared), "stays": MEANT if receipt.shared else None}
    return {"clean": receipt.clean, **scan, **left}
