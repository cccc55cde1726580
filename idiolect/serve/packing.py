"""Everything of a person as one archive that can be read, and brought back without loss."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import IO, Any

from idiolect.errors import DataError, IdiolectError
from idiolect.serve import knowing
from idiolect.serve.desk import Desk
from idiolect.serve.gateway import Gateway
from idiolect.store import wishes
from idiolect.store.audit import Audit
from idiolect.store.portable import FORMAT
from idiolect.store.replies import Given, Replies
from idiolect.store.states import record_from_tree, record_to_tree
from idiolect.store.wishes import PLAIN, Change, Gone, Handling, Wished, noted_from
from idiolect.types import Record

MANIFEST, PACKED = "export.json", "idiolect.export.1"
REPLIES, ENTRIES = 10_000, 1000  # at most
LARGEST = 1 << 30  # bytes of all that an archive holds
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    IdiolectError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
)
README = """\
Everything that is kept of {person}.

records.jsonl     what they wrote, rated and corrected, a line each; how it is handled where that was set
facts.json        what is known of them, with the records it comes from; what was put in by hand, and what is never to be remembered
profile.txt       what methods learnt of them, as far as it is text
states/           all that methods learnt of them: texts, numbers and arrays, little-endian, as base64
replies.jsonl     the last answers they were given, and what bent each
preferences.json  their sliders, from -1 to 1
consent.json      which kinds of data they let be kept, and which methods be used
usage.json        what they used of which model on which day (days since 1970)
audit.jsonl       who did what with their data

POST this file to /v1/users/ID/records/import to bring it back; usage and the audit log stay behind.
"""


def write(desk: Desk, gateway: Gateway, key: str, person: str, into: IO[bytes]) -> int:
    """Pack everything of a person into `into`; how many records. Raises StoreError for one who is not in the store."""
    user, wished = desk.store.user(key), desk.of(key).wished
    exported = desk.store.export(key)
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(MANIFEST, _json({"format": PACKED, "user": person, "records": len(user.records)}))
        packed.writestr("README.txt", README.format(person=person).encode("utf-8", "replace"))
        packed.writestr("records.jsonl", _lines(_record(record, wished) for record in user.records))
        packed.writestr("facts.json", _json(_facts(desk, gateway, key, wished)))
        packed.writestr("profile.txt", _profile(exported["states"]))
        for number, state in enumerate(exported["states"], start=1):
            packed.writestr(f"states/{number:02d}-{_plain(state['method'])}.json", _json(state))
        given = Replies(desk.store._session).of(key, REPLIES)
        packed.writestr("replies.jsonl", _lines(_reply(one) for one in reversed(given)))
        packed.writestr("preferences.json", _json({"weights": dict(wished.sliders)}))
        packed.writestr("consent.json", _json({"kinds": dict(wished.consent), "methods": dict(wished.methods)}))
        packed.writestr("usage.json", _json([day._asdict() for day in desk.store.usage.days(key)]))
        packed.writestr("audit.jsonl", _lines(asdict(one) for one in Audit(desk.store._session).entries(ENTRIES, None, key)))
    return len(user.records)


def read(desk: Desk, key: str, file: IO[bytes], states: bool) -> dict[str, int]:
    """Bring back what `write` packed, beside what is there; how much of what. States only where `states` is set: they are not read
    by people, and are learnt again from the records.

    Raises DataError for an archive that is damaged or something else: then nothing was brought.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            if sum(one.file_size for one in packed.infolist()) > LARGEST:
                raise DataError(f"this archive holds more than {LARGEST >> 20} MB: it is not taken")
            if json.loads(packed.read(MANIFEST)).get("format") != PACKED:
                raise DataError("this archive was not written by /v1/users/ID/export")
            lines = [json.loads(line) for line in packed.read("records.jsonl").splitlines()]
            records, marks = [record_from_tree(line) for line in lines], [_mark(line) for line in lines]
            said = _said(packed)
            given = [_given(json.loads(line), key) for line in packed.read("replies.jsonl").splitlines()]
            learnt = [json.loads(packed.read(name)) for name in packed.namelist() if name.startswith("states/")] if states else []
    except DataError:
        raise
    except DAMAGED as error:
        raise DataError(f"this archive is damaged ({error!r}): nothing was brought back; export it again") from None
    desk.wishes.put(key, [*said, *(mark for mark in marks if mark[2] is not None)])
    added = desk.store.add(key, records)
    if learnt:
        desk.store.import_({"format": FORMAT, "user": key, "records": [], "states": learnt})
    replies = Replies(desk.store._session)
    new = [one for one in given if replies.get(one.id) is None]
    replies.add(new, REPLIES)
    return {"records": added, "facts": sum(about == "fact" for about, _, _ in said), "states": len(learnt), "replies": len(new)}


def _record(record: Record, wished: Wished) -> dict[str, Any]:
    how = wished.handling(record.id)
    return record_to_tree(record) if how == PLAIN else {**record_to_tree(record), **asdict(how)}


def _mark(line: Mapping[str, Any]) -> Change:
    return wishes.handled(line["id"], Handling(line.get("sensitivity", "allowed"), line.get("pinned", False)))


def _facts(desk: Desk, gateway: Gateway, key: str, wished: Wished) -> dict[str, Any]:
    known = [one.as_json() for one in knowing.known(desk, gateway, key, ended=True)]
    return {"known": known, "by_hand": [asdict(one) for one in wished.facts], "never": [wishes.gone(one)[2] for one in wished.gone]}


def _said(packed: zipfile.ZipFile) -> list[Change]:
    """What a person wished, of an archive."""
    facts, consent = json.loads(packed.read("facts.json")), json.loads(packed.read("consent.json"))
    said: list[Change] = [("slider", name, float(value)) for name, value in json.loads(packed.read("preferences.json"))["weights"].items()]
    said += [("consent", kind, bool(allowed)) for kind, allowed in consent["kinds"].items()]
    said += [("method", method, bool(allowed)) for method, allowed in consent["methods"].items()]
    said += [wishes.noted(noted_from(one)) for one in facts["by_hand"]]
    return said + [wishes.gone(Gone(**{**one, "sources": tuple(one["sources"])})) for one in facts["never"]]


def _reply(given: Given) -> dict[str, Any]:
    return {name: value for name, value in asdict(given).items() if name != "user"}


def _given(line: Mapping[str, Any], key: str) -> Given:
    return Given(**{**line, "user": key, "because": tuple(line["because"])})


def _profile(states: list[dict[str, Any]]) -> bytes:
    told = [f"## {state['method']}\n\n{text}" for state in states for text in _texts(state["state"])]
    return ("\n\n".join(told) or "No method keeps a text of them.").encode("utf-8", "replace")


def _texts(tree: Mapping[str, Any]) -> Iterator[str]:
    if tree["text"]:
        yield tree["text"]
    for part in tree["parts"]:
        yield from _texts(part)


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:60]


def _lines(trees: Iterator[dict[str, Any]]) -> bytes:
    return b"".join(_json(tree, None) + b"\n" for tree in trees)


def _json(tree: Any, indent: int | None = 1) -> bytes:
    """JSON in UTF-8, or in ASCII where a text has half of a surrogate pair."""
    try:
        return json.dumps(tree, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        return json.dumps(tree, indent=indent).encode()
