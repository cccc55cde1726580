"""mem0's and Letta's memories: what the person wrote apart from what was noted of them, and nobody else's. Shapes as their code writes them."""

import json
import sqlite3

import pytest

from idiolect.data import rivals
from idiolect.data.rivals import Whose
from idiolect.errors import DataError

ANN = Whose("ann")


def mem0(text, user="ann", **more):
    about = {"id": f"id-{text[:9]}", "hash": "h", "created_at": "2025-03-01T10:00:00+00:00", "updated_at": None}
    return {**about, "memory": text, **({"user_id": user} if user else {}), **more}


def history(place, rows):
    with sqlite3.connect(place) as db:
        columns = "id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT, created_at DATETIME"
        db.execute(f"CREATE TABLE history ({columns}, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)")
        for number, (memory, text, event, role) in enumerate(rows):
            row = (str(number), memory, None, text, event, "2025-03-01T10:00:00+00:00", None, int(event == "DELETE"), None, role)
            db.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return place


def letta(*messages, human="First name: Ann\nLast name: ?\n- Plays the cello"):
    starter = "This is what I know so far about the user, I should expand this as I learn more about them."
    blocks = [
        {"id": "block-0", "label": "human", "value": f"\n{starter}\n\n{human}\n"},
        {"id": "block-1", "label": "persona", "value": "I am Sam."},
        {"id": "block-2", "label": "human", "value": "Somebody else's"},
    ]
    agent = {"name": "sam", "id": "agent-0", "block_ids": ["block-0", "block-1"], "messages": list(messages)}
    return {"agents": [agent], "groups": [], "blocks": blocks, "files": [], "sources": [], "tools": [], "mcp_servers": []}


def said(role, text, **more):
    return {"role": role, "content": [{"type": "text", "text": text}], "created_at": "2025-03-01T10:00:00+00:00", **more}


def test_what_mem0s_model_noted_is_a_note_and_what_it_stored_as_it_was_is_the_persons():
    found = rivals.memories({"results": [mem0("Loves cricket"), mem0("I bowl on Sundays.", role="user")]}, ANN)
    assert [(one.text, one.source, one.time) for one in found.notes] == [("Loves cricket", "mem0", 1740823200.0)]
    assert [(one.answer, one.id) for one in found.records] == [("I bowl on Sundays.", "mem0:id-I bowl on")]


def test_of_mem0s_memories_those_of_others_of_the_assistant_and_those_that_expired_stay_out():
    items = [mem0("Mine, all mine"), mem0("Bob's"), mem0("As an assistant", role="assistant"), mem0("Old", expiration_date="2020-01-01")]
    items[1]["user_id"] = "bob"
    found = rivals.memories(items, ANN)
    assert [one.text for one in found.notes] == ["Mine, all mine"] and found.records == []
    assert found.skipped == {"is somebody else's": 1, "is the assistant's": 1, "has expired": 1} and found.others == {"bob"}


def test_points_of_mem0s_qdrant_are_read_by_their_payloads():
    payload = {"data": "Loves cricket", "user_id": "ann", "created_at": "2025-03-01T10:00:00+00:00", "hash": "h"}
    tree = {"result": {"points": [{"id": "p1", "payload": payload, "vector": None}], "next_page_offset": None}, "status": "ok"}
    assert [(one.id, one.text) for one in rivals.memories(tree, ANN).notes] == [("mem0:p1", "Loves cricket")]


def test_what_is_all_of_others_or_says_not_whose_it_is_is_refused_with_the_way_out():
    with pytest.raises(DataError, match="'bob'.*`of`"):
        rivals.memories([mem0("His", user="bob")], ANN)
    with pytest.raises(DataError, match="`alone`"):
        rivals.memories([mem0("Whose?", user=None)], ANN)
    assert [one.text for one in rivals.memories([mem0("Whose?", user=None)], Whose("ann", alone=True)).notes] == ["Whose?"]


def test_an_id_is_no_pattern_for_memories_either():
    for name in ("*", "%", "an", ""):
        with pytest.raises(DataError):
            rivals.memories([mem0("Hers")], Whose(name))


def test_mem0s_history_gives_the_last_word_on_each_memory_and_none_that_was_deleted(tmp_path):
    rows = [
        ("m1", "Likes tea", "ADD", None),
        ("m2", "Lives in Oslo", "ADD", None),
        ("m1", "Likes coffee", "UPDATE", None),
        ("m2", None, "DELETE", None),
        ("m3", "I row.", "ADD", "user"),
    ]
    place = history(tmp_path / "history.db", rows)
    with pytest.raises(DataError, match="`alone`"):
        rivals.history(place, ANN)
    found = rivals.history(place, Whose("ann", alone=True))
    assert [one.text for one in found.notes] == ["Likes coffee"] and [one.answer for one in found.records] == ["I row."]
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(DataError, match="not mem0's history"):
        rivals.history(tmp_path / "other.db", ANN)


def test_a_letta_agent_gives_what_it_noted_of_the_human_line_by_line_and_what_the_human_wrote():
    found = rivals.memories(letta(said("assistant", "Where do you row?"), said("user", "On the Isis."), said("tool", "{}")), ANN)
    assert [one.text for one in found.notes] == ["First name: Ann", "Plays the cello"]
    assert [(one.prompt, one.answer, one.time) for one in found.records] == [("Where do you row?", "On the Isis.", 1740823200.0)]
    assert found.skipped == {"was never filled in": 2}


def test_of_a_letta_agent_that_thinks_aloud_what_it_sent_was_heard_and_events_are_nobodys_words():
    sent = {"function": {"name": "send_message", "arguments": json.dumps({"message": "More human than human."})}}
    login = json.dumps({"type": "login", "last_login": "Never"})
    wrapped = json.dumps({"type": "user_message", "message": "Hello, Sam.", "time": "now"})
    talk = [
        said("assistant", "I should greet them.", tool_calls=[sent]),
        said("user", login),
        said("user", wrapped),
        said("user", '{"a": 1}'),
    ]
    found = rivals.memories(letta(*talk), ANN)
    assert [(one.prompt, one.answer) for one in found.records] == [
        ("More human than human.", "Hello, Sam."),
        ("More human than human.", '{"a": 1}'),
    ]
    assert found.skipped["is an event"] == 1


def test_the_older_form_of_a_letta_agent_and_its_archive_are_read_too():
    blocks = [
        {"label": "human", "value": "Plays the cello", "updated_at": "2025-04-01T03:47:27"},
        {"label": "persona", "value": "I am Sam."},
    ]
    passages = [{"id": "p1", "text": "They were in Lisbon in May.", "created_at": "2025-05-01T00:00:00"}]
    found = rivals.memories({"name": "sam", "core_memory": blocks, "messages": [], "archival_memory": passages}, ANN)
    assert [(one.id, one.text) for one in found.notes] == [
        ("letta:sam:human:Plays the cello", "Plays the cello"),
        ("letta:sam:p1", "They were in Lisbon in May."),
    ]


@pytest.mark.parametrize("tree", [{}, {"a": 1}, [{"answer": "x"}], "text", 3, None, {"results": 3}])
def test_what_is_neither_mem0s_nor_lettas_is_left_to_others(tree):
    assert rivals.memories(tree, ANN) is None
