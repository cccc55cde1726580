"""The reader of MemPrompt's streams, on invented ones of their form."""

import pytest

from idiolect.data import memprompt
from idiolect.errors import DataError
from tests.evaluation.published import write_memprompt


def test_a_task_becomes_a_question_in_its_wording(tmp_path):
    streams = memprompt.read(write_memprompt(tmp_path), 100)
    assert set(streams) == {"linguistic", "hin", "pun"} and len(streams["pun"]) == 8
    like, turned = streams["linguistic"][:2]
    assert (like.question, like.intent) == ("what is like < w0 > ?", "a synonym")
    assert (turned.question, turned.wording) == ("< w0 > turned round ?", "... turned round")


def test_a_clarification_names_the_wording_and_the_intent_and_not_the_word(tmp_path):
    like = memprompt.read(write_memprompt(tmp_path), 100)["linguistic"][0]
    assert like.clarification == 'When I ask "what is like ...", I want a synonym.'


def test_a_size_that_is_not_there_and_a_wording_that_is_not_known_are_refused(tmp_path):
    with pytest.raises(DataError, match="madaan/memprompt"):
        memprompt.read(write_memprompt(tmp_path), 300)
    file = tmp_path / "tasks" / "hin" / "tasks_100.jsonl"
    file.write_text(file.read_text().replace("syn0", "syn7"))
    with pytest.raises(DataError, match="tasks_100"):
        memprompt.read(tmp_path, 100)
