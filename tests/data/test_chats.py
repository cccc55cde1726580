"""Conversations become records of one side, and never mix the two."""

import json

import pytest

from idiolect.data.chats import turns
from idiolect.data.files import read
from idiolect.errors import DataError

CHAT = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "hi, what is it?"},
    {"role": "user", "content": [{"type": "text", "text": "a question"}, {"type": "image_url", "image_url": {"url": "x"}}]},
    {"role": "user", "content": "and one more"},
    {"role": "assistant", "content": None, "tool_calls": []},
    {"role": "tool", "content": "42"},
    {"role": "assistant", "content": "the answer"},
]


def write(folder, *rows):
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_by_default_the_person_is_the_one_who_asks():
    assert [(turn.prompt, turn.answer) for turn in turns(CHAT)] == [
        ("", "hello"),
        ("hi, what is it?", "a question"),
        ("hi, what is it?", "and one more"),
    ]


def test_for_fine_tuning_data_the_assistant_is_the_one_to_learn():
    assert [(turn.prompt, turn.answer) for turn in turns(CHAT, "assistant")] == [
        ("hello", "hi, what is it?"),
        ("and one more", "the answer"),
    ]


def test_system_and_tool_messages_are_in_no_record():
    said = [text for side in ("user", "assistant") for turn in turns(CHAT, side) for text in (turn.prompt, turn.answer)]
    assert "be kind" not in said and "42" not in said


def test_an_unknown_speaker_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(DataError, match="'user' or 'assistant', not 'robot'"):
        read(write(tmp_path, {"user": "u", "messages": CHAT}), speaker="robot")


def test_an_export_gives_each_person_their_messages_in_order(tmp_path):
    path = write(
        tmp_path,
        {"metadata": {"user_id": "ada"}, "messages": CHAT, "created": 2000, "id": "c2"},
        {"metadata": {"user_id": "ada"}, "messages": CHAT[:2], "created": 1000, "id": "c1"},
    )
    (user,) = read(path).users
    assert [(record.answer, record.time, record.id) for record in user.records] == [
        ("hello", 1000.0, "c1#0"),
        ("hello", 2000.0, "c2#0"),
        ("a question", 2000.001, "c2#1"),
        ("and one more", 2000.002, "c2#2"),
    ]


def test_times_of_single_messages_are_kept(tmp_path):
    messages = [{"role": "user", "content": "a", "created_at": 5}, {"role": "user", "content": "b", "created_at": 9}]
    (user,) = read(write(tmp_path, {"user": "u", "messages": messages})).users
    assert [record.time for record in user.records] == [5.0, 9.0]


def test_a_broken_conversation_is_reported_whole_and_the_rest_is_kept(tmp_path):
    bad = [{"user": "u", "messages": "no list"}, {"user": "u", "messages": [CHAT[1], {"content": "?"}]}, {"messages": CHAT}]
    loaded = read(write(tmp_path, *bad, {"user": "u", "messages": CHAT[:2]}))
    assert [problem.line for problem in loaded.problems] == [1, 2, 3]
    assert [record.answer for user in loaded.users for record in user.records] == ["hello"]
