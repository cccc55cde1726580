"""Memories brought along from mem0 and Letta: what the person wrote apart from what a model noted of them.

mem0: the JSON of `get_all` or `search`, points of its Qdrant collection with their payloads, and the table `history` of its SQLite
file. Letta: agent files (.af) of both forms, one agent with `core_memory`, or `agents` with `blocks` beside them; archival passages
where a file has them (Letta's own export leaves them out).
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idiolect.data.corpora import stamp
from idiolect.errors import DataError
from idiolect.types import Record

SQLITE = b"SQLite format 3\x00"
HUMAN = "human"  # the label of Letta's block about the person
_STARTER = re.compile(r"^this is what i know so far about the user|^[\w ]{1,40}:\s*\??$", re.IGNORECASE)  # what nobody filled in


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a model, or another's program, noted of a person: never the person's own words."""

    id: str
    text: str
    time: float
    source: str  # "mem0", "letta"


@dataclass
class Brought:
    """What a file holds of one person, and of whom else it speaks."""

    records: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)  # why -> how many
    others: set[str] = field(default_factory=set)

    def skip(self, why: str) -> None:
        """Count one that is left out."""
        self.skipped[why] = self.skipped.get(why, 0) + 1


@dataclass(frozen=True)
class Whose:
    """Whose memories are wanted: those under this id; with `alone` also those that say of nobody whose they are."""

    person: str
    alone: bool = False


def memories(tree: Any, whose: Whose) -> Brought | None:
    """What a JSON value of mem0 or Letta holds of a person; None for one that is neither's.

    Raises DataError where all of it is of others, or says of nobody whose it is and may be of several.
    """
    if (found := _letta(tree)) is not None:
        return found
    items = _mem0(tree)
    return _sorted_out(items, whose) if items is not None else None


def history(path: Path, whose: Whose) -> Brought:
    """What mem0's SQLite file says now of each memory. It does not say whose they are: everybody's lie in one table.

    Raises DataError for another database, and unless all of it is `alone` one person's.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            rows = db.execute(
                "SELECT memory_id, new_memory, event, is_deleted, created_at, updated_at, role FROM history ORDER BY rowid"
            ).fetchall()
    except sqlite3.Error as error:
        raise DataError(f"this SQLite file is not mem0's history ({error}): it has no such table") from None
    now: dict[str, tuple[Any, ...]] = {str(row[0]): row for row in rows}  # the last word on each
    items = [
        {"id": name, "memory": row[1], "created_at": row[5] or row[4], "role": row[6]}
        for name, row in now.items()
        if row[2] != "DELETE" and not row[3]
    ]
    return _sorted_out(items, whose)


def _mem0(tree: Any) -> list[dict[str, Any]] | None:
    """mem0's items in a JSON value, payloads of points made alike; None where there are none."""
    for name in ("results", "memories", "points", "result"):
        if isinstance(tree, Mapping) and isinstance(tree.get(name), list | dict):
            return _mem0(tree[name])
    if not isinstance(tree, list) or not tree:
        return [] if isinstance(tree, list) else None
    made = [_item(one) for one in tree]
    return [one for one in made if one is not None] if all(one is not None for one in made) else None


def _item(one: Any) -> dict[str, Any] | None:
    if not isinstance(one, Mapping):
        return None
    if isinstance(payload := one.get("payload"), Mapping) and isinstance(payload.get("data"), str):
        return {"id": one.get("id"), "memory": payload["data"], **payload}
    return dict(one) if isinstance(one.get("memory"), str) else None


def _sorted_out(items: Iterable[Mapping[str, Any]], whose: Whose) -> Brought:
    made, count = Brought(), 0
    for item in items:
        owner = item.get("user_id")
        count += 1
        if owner is None and not whose.alone:
            made.skip("says not whose it is")
        elif owner is not None and owner != whose.person:
            made.others.add(str(owner))
            made.skip("is somebody else's")
        else:
            _take(made, item)
    if count and not made.records and not made.notes and set(made.skipped) <= {"says not whose it is", "is somebody else's"}:
        raise DataError(_nobodys(made, whose))
    return made


def _nobodys(made: Brought, whose: Whose) -> str:
    if made.others:
        some = ", ".join(repr(one) for one in sorted(made.others)[:3])
        return f"all of it is of {len(made.others)} other people ({some}), and nothing of {whose.person!r}: say whose it is with `of`"
    return f"it does not say whose it is, and may be of several people: if all of it is of {whose.person!r}, say so with `alone`"


def _take(made: Brought, item: Mapping[str, Any]) -> None:
    """mem0 keeps a role where it stored a message as it was, and none where a model wrote the memory."""
    text, role = str(item.get("memory") or "").strip(), item.get("role")
    if not text:
        made.skip("is empty")
    elif role == "assistant":
        made.skip("is the assistant's")
    elif _past(item.get("expiration_date")):
        made.skip("has expired")
    elif role == "user":
        made.records.append(Record("", text, _time(item.get("created_at")), f"mem0:{item.get('id')}"))
    else:
        made.notes.append(Note(f"mem0:{item.get('id')}", text, _time(item.get("created_at")), "mem0"))


def _letta(tree: Any) -> Brought | None:
    if not isinstance(tree, Mapping):
        return None
    agents = tree.get("agents") if isinstance(tree.get("agents"), list) else [tree] if isinstance(tree.get("core_memory"), list) else None
    if agents is None:
        return None
    made = Brought()
    for number, agent in enumerate(one for one in agents if isinstance(one, Mapping)):
        about = f"letta:{agent.get('name') or number}"
        blocks = [*_list(agent, "core_memory"), *_list(agent, "memory_blocks")]
        own = agent.get("block_ids")
        blocks += [block for block in _list(tree, "blocks") if not isinstance(own, list) or block.get("id") in own]
        for block in blocks:
            if block.get("label") == HUMAN:
                _lines(made, block, about)
        for passage in (one for name in ("passages", "archival_memory", "archival_passages") for one in _list(agent, name)):
            if text := str(passage.get("text") or "").strip():
                made.notes.append(Note(f"{about}:{passage.get('id') or len(made.notes)}", text, _time(passage.get("created_at")), "letta"))
        made.records += _said(_list(agent, "messages"), about, made)
    return made


def _lines(made: Brought, block: Mapping[str, Any], about: str) -> None:
    """A block's lines, each a note; not those that nobody filled in."""
    since = _time(block.get("updated_at") or block.get("created_at"))
    for line in str(block.get("value") or "").splitlines():
        text = line.strip().lstrip("-*• ").strip()
        if not text or text.startswith("#"):
            continue
        if _STARTER.match(text):
            made.skip("was never filled in")
        else:
            made.notes.append(Note(f"{about}:{HUMAN}:{text}", text, since, "letta"))


def _said(messages: Iterable[Mapping[str, Any]], about: str, made: Brought) -> Iterator[Record]:
    """What the person wrote, each with what they were told before."""
    heard = ""
    for number, message in enumerate(messages):
        text = _text(message)
        if message.get("role") == "user":
            said = _unpacked(text)
            if said.strip():
                yield Record(heard, said, _time(message.get("created_at")), f"{about}:{message.get('id') or number}")
            elif text.strip():
                made.skip("is an event")
        elif message.get("role") == "assistant":
            heard = _sent(message) or heard


def _unpacked(text: str) -> str:
    """What a person wrote, of a message that the server wrapped in JSON; "" for a login or a heartbeat."""
    try:
        tree = json.loads(text)
    except ValueError:
        return text
    if not isinstance(tree, Mapping) or "type" not in tree:
        return text
    return str(tree.get("message") or "") if tree["type"] == "user_message" else ""


def _sent(message: Mapping[str, Any]) -> str:
    """What the person was told: of an agent that thinks aloud, what it sent; otherwise what it said."""
    calls = [call.get("function") or {} for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
    for call in calls:
        if call.get("name") == "send_message":
            try:
                return str(json.loads(call.get("arguments") or "{}").get("message") or "")
            except (ValueError, AttributeError):
                return ""
    return "" if calls else _text(message)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content", message.get("text"))
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _list(tree: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = tree.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _time(value: Any) -> float:
    """POSIX seconds; of what has no time that can be read, now."""
    try:
        return float(value) if isinstance(value, int | float) else stamp(value) if isinstance(value, str) else time.time()
    except DataError:
        return time.time()


def _past(value: Any) -> bool:
    return value is not None and _time(value) < time.time()
