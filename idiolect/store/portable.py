"""What is kept of one person as plain JSON, and back: to read, to take away, to bring along."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np

from idiolect.errors import DataError, IdiolectError
from idiolect.store.states import DTYPES, from_tree, record_from_tree, record_to_tree, to_tree
from idiolect.types import Floats, Record, State, User

FORMAT = "idiolect.user.1"
ABOUT = ("method", "config", "history", "created")  # of a state


def pack(user: User, kept: Iterable[tuple[dict[str, Any], State]]) -> dict[str, Any]:
    """Everything of `user` as JSON takes it; `kept` has each state after what is known `ABOUT` it.

    Texts and numbers stand as they are; arrays as shape, type and base64, little-endian, to the bit.
    """
    return {
        "format": FORMAT,
        "user": user.id,
        "records": [record_to_tree(record) for record in user.records],
        "states": [{**about, "state": _pack_state(state)} for about, state in kept],
    }


def unpack(exported: dict[str, Any]) -> tuple[str, list[Record], list[tuple[dict[str, Any], State]]]:
    """The user's id, records and states in what `pack` made. Raises DataError if something is missing or is not what it should be."""
    found = exported.get("format") if isinstance(exported, dict) else None
    if found != FORMAT:
        raise DataError(f"this is not an exported user (its format is {found!r}, not {FORMAT!r}); give what `export` wrote")
    try:
        records = [record_from_tree(tree) for tree in exported["records"]]
        kept = [({name: one[name] for name in ABOUT}, _unpack_state(one["state"])) for one in exported["states"]]
        return _text(exported["user"]), records, kept
    except (KeyError, TypeError, ValueError, AttributeError, IdiolectError) as error:
        raise DataError(f"this exported user is damaged ({error!r}): nothing was imported; export it again") from error


def _pack_state(state: State) -> dict[str, Any]:
    tensors: dict[str, Floats] = {}
    tree = to_tree(state, tensors)
    return {**tree, "tensors": {name: _pack_array(array) for name, array in tensors.items()}}


def _unpack_state(tree: dict[str, Any]) -> State:
    return from_tree(tree, {name: _unpack_array(packed) for name, packed in tree["tensors"].items()})


def _pack_array(array: Floats) -> dict[str, Any]:
    little = array.astype(array.dtype.newbyteorder("<"))
    return {"type": _NAMES[little.dtype.str], "shape": list(array.shape), "base64": base64.b64encode(little.tobytes()).decode()}


def _unpack_array(packed: dict[str, Any]) -> Floats:
    raw = base64.b64decode(packed["base64"], validate=True)
    return np.frombuffer(raw, DTYPES[packed["type"]]).reshape(packed["shape"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


_NAMES = {code: name for name, code in DTYPES.items()}
