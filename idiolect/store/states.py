"""A State as bytes and back, to the bit: one safetensors container, its text and numbers as JSON inside. Never pickle."""

from __future__ import annotations

import contextlib
import json
import math
import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from idiolect.errors import IdiolectError, StoreError
from idiolect.extras import need
from idiolect.store.keys import KeyGone, Keys
from idiolect.store.layouts import takes
from idiolect.types import Adapter, Fact, Floats, History, Record, State

FORMAT = "idiolect.state.1"
SEALED = "sealed"  # in place of a person's tree: the tensor of bytes that their key opens
TREE = "state"  # the tensor of bytes that holds the JSON; the others are named "0", "1", ...
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


def dump(state: State, rows: list[Adapter] | None = None, keys: Keys | None = None) -> bytes:
    """`state` in the safetensors format. Text may be any text, lone surrogates too; arrays of any shape, in native byte order.

    With `rows`, adapters that can lie in a row of their own go into that list, and `load` wants them back. With `keys`, what is one
    person's in a state that people taught together is sealed with theirs.
    Raises StoreError for an array type that safetensors does not have (complex, longdouble, objects).
    """
    tensors: dict[str, Floats] = {}
    tree = json.dumps(to_tree(state, tensors, rows, keys), ensure_ascii=False).encode("utf-8", "surrogatepass")
    for array in tensors.values():
        if array.dtype.newbyteorder("<").str not in DTYPES.values():
            raise StoreError(f"an array of type {array.dtype} cannot be kept; turn it into float32, or one of {', '.join(DTYPES)}")
    everything = {**tensors, TREE: np.frombuffer(tree, np.uint8)}
    packed: bytes = need("safetensors.numpy", "the store").save(everything, metadata={"format": FORMAT})
    return packed


def load(raw: bytes | memoryview | mmap.mmap, rows: Sequence[Adapter] = (), keys: Keys | None = None) -> State:
    """The State that `dump` made `raw` of, and the adapters `rows`. Its arrays are read-only views into `raw`: nothing is copied.

    What is sealed of people whose keys were destroyed is left out.

    Raises StoreError if `raw` is cut, or is something else.
    """
    with _told(raw):
        tensors = read_tensors(raw)
        return from_tree(json.loads(_text(tensors[TREE])), tensors, rows, keys)


def map_file(path: Path) -> mmap.mmap:
    """The bytes of a file, mapped and not read: processes share its pages, and arrays are read when they are touched.

    Raises FileNotFoundError, and StoreError if it is empty.
    """
    with path.open("rb") as opened:
        try:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise StoreError(f"{path} is empty and should hold a saved state; enroll the user again") from None


def texts(raw: bytes | memoryview | mmap.mmap) -> Iterator[str]:
    """Every text in a saved state: profiles and quoted records, at any depth. Raises StoreError if `raw` is no saved state."""
    yield from _texts(_trees(raw)[:1])


def own_texts(raw: bytes | memoryview | mmap.mmap, keys: Keys | None = None) -> dict[str, list[str]]:
    """In a state that people taught together: the texts of what is one person's own, by their id; none where their key is gone.

    Raises StoreError as `texts`.
    """
    found: dict[str, list[str]] = {}
    with _told(raw):
        tensors = read_tensors(raw)
    for tree in _trees(raw):
        for user_id, own in tree.get("people", {}).items():
            mine = found.setdefault(user_id, [])
            if SEALED not in own:
                mine.extend(_texts([own]))
            elif (opened := _opened(own, tensors, keys)) is not None:
                mine.extend(texts(opened))
    return found


def _trees(raw: bytes | memoryview | mmap.mmap) -> list[dict[str, Any]]:
    """The tree of a saved state, and those of its parts at any depth."""
    with _told(raw):
        pending: list[dict[str, Any]] = [json.loads(_text(read_tensors(raw)[TREE]))]
    for tree in pending:
        pending.extend(tree["parts"])
    return pending


def _texts(pending: list[dict[str, Any]]) -> Iterator[str]:
    for tree in pending:
        pending.extend([*tree["parts"], *(own for own in tree.get("people", {}).values() if SEALED not in own)])
        yield tree["text"]
        yield from (fact["text"] for fact in tree.get("facts", ()))
        for record in tree["records"]:
            yield from (record["prompt"], record["answer"], record.get("other", ""))


def without(state: State, user_id: str) -> State:
    """A state that people taught together, without what is that person's own."""
    others = {one: theirs for one, theirs in state.people.items() if one != user_id}
    return replace(state, people=others, parts=tuple(without(part, user_id) for part in state.parts))


def read_tensors(raw: bytes | memoryview | mmap.mmap) -> dict[str, Floats]:
    """The arrays of a safetensors container, as views into it. Raises ValueError, KeyError or TypeError if it is cut."""
    start = 8 + struct.unpack_from("<Q", raw)[0]
    header = json.loads(bytes(raw[8:start]))
    if header.pop("__metadata__", {}).get("format") != FORMAT:
        raise ValueError(f"the format is not {FORMAT}")
    return {
        name: np.ndarray(tuple(entry["shape"]), np.dtype(DTYPES[entry["dtype"]]), raw, start + entry["data_offsets"][0])
        for name, entry in header.items()
    }


def to_tree(state: State, tensors: dict[str, Floats], rows: list[Adapter] | None = None, keys: Keys | None = None) -> dict[str, Any]:
    """`state` as JSON takes it; each array goes into `tensors`, or an adapter whole into `rows`, and leaves its name behind."""

    def keep(array: Floats) -> str:
        name = str(len(tensors))
        tensors[name] = np.asarray(array, order="C")
        return name

    def keep_adapter(adapter: Adapter) -> dict[str, Any]:
        if rows is not None and takes(adapter):
            rows.append(adapter)
            return {"row": len(rows) - 1}
        modules = {path: [keep(a), keep(b)] for path, (a, b) in adapter.modules.items()}
        tree = {"name": adapter.name, "scale": _number(adapter.scale), "modules": modules}
        return tree if adapter.activation == "none" else {**tree, "activation": adapter.activation}

    def keep_own(user_id: str, own: State) -> dict[str, Any]:
        if keys is None:
            return to_tree(own, tensors, rows)
        sealed = keys.of(user_id, make=True).seal(dump(own, keys=keys))
        return {SEALED: keep(np.frombuffer(sealed, np.uint8))}

    return {
        "text": state.text,
        "records": [record_to_tree(record) for record in state.records],
        "numbers": {name: _number(value) for name, value in state.numbers.items()},
        "arrays": {name: keep(array) for name, array in state.arrays.items()},
        "adapter": None if state.adapter is None else keep_adapter(state.adapter),
        "facts": [fact_to_tree(fact) for fact in state.facts],
        "parts": [to_tree(part, tensors, rows, keys) for part in state.parts],
        "people": {user_id: keep_own(user_id, own) for user_id, own in state.people.items()},
    }


def from_tree(tree: dict[str, Any], tensors: Mapping[str, Floats], rows: Sequence[Adapter] = (), keys: Keys | None = None) -> State:
    """The State that `to_tree` took apart. Raises LookupError or TypeError where something is missing."""
    return State(
        text=tree["text"],
        records=History(record_from_tree(record) for record in tree["records"]),
        numbers=tree["numbers"],
        arrays={name: tensors[key] for name, key in tree["arrays"].items()},
        adapter=_adapter(tree["adapter"], tensors, rows),
        facts=tuple(fact_from_tree(fact) for fact in tree.get("facts", ())),
        parts=tuple(from_tree(part, tensors, rows, keys) for part in tree["parts"]),
        people=dict(_people(tree.get("people", {}), tensors, rows, keys)),
    )


def _people(
    trees: Mapping[str, dict[str, Any]], tensors: Mapping[str, Floats], rows: Sequence[Adapter], keys: Keys | None
) -> Iterator[tuple[str, State]]:
    for user_id, own in trees.items():
        if SEALED not in own:
            yield user_id, from_tree(own, tensors, rows)
        elif (opened := _opened(own, tensors, keys)) is not None:
            yield user_id, load(opened, keys=keys)


def _opened(own: Mapping[str, Any], tensors: Mapping[str, Floats], keys: Keys | None) -> bytes | None:
    """What is sealed of one person; None where their key is gone."""
    with contextlib.suppress(KeyGone):
        return keys.open(tensors[own[SEALED]].tobytes()) if keys else None
    return None


def _adapter(kept: dict[str, Any] | None, tensors: Mapping[str, Floats], rows: Sequence[Adapter]) -> Adapter | None:
    if not kept:
        return None
    if "row" in kept:
        adapter: Adapter = rows[int(kept["row"])]
        return adapter
    modules = {path: (tensors[a], tensors[b]) for path, (a, b) in kept["modules"].items()}
    return Adapter(modules, kept["scale"], kept["name"], kept.get("activation", "none"))


def record_to_tree(record: Record) -> dict[str, Any]:
    """A record as JSON takes it; a message has neither kind nor other."""
    tree = {"id": record.id, "time": _number(record.time), "prompt": record.prompt, "answer": record.answer}
    return tree if record.kind == "message" else {**tree, "kind": record.kind, "other": record.other}


def record_from_tree(tree: dict[str, Any]) -> Record:
    """The record that `record_to_tree` took apart. Raises KeyError where something is missing."""
    return Record(tree["prompt"], tree["answer"], tree["time"], tree["id"], tree.get("kind", "message"), tree.get("other", ""))


def fact_to_tree(fact: Fact) -> dict[str, Any]:
    """A fact as JSON takes it: a time without end is left out."""
    tree = asdict(fact)
    return {name: value for name, value in tree.items() if not (isinstance(value, float) and math.isinf(value))}


def fact_from_tree(tree: dict[str, Any]) -> Fact:
    """The fact that `fact_to_tree` took apart. Raises TypeError or KeyError where something is missing or unknown."""
    return Fact(**{**tree, "sources": tuple(tree["sources"])})


@contextlib.contextmanager
def _told(raw: bytes | memoryview | mmap.mmap) -> Iterator[None]:
    """What goes wrong with damaged bytes, as a StoreError."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, struct.error, IdiolectError) as error:
        raise StoreError(f"these {len(raw)} bytes are not a whole saved state ({error!r}); enroll the user again") from None


def _text(tensor: Floats) -> str:
    return tensor.tobytes().decode("utf-8", "surrogatepass")


def _number(value: float) -> float:
    """A plain Python number; numpy's become floats."""
    return value if type(value) in (int, float, bool) else float(value)
