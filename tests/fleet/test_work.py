"""What a worker does: one person's failure is theirs alone, and a worker that cannot start says why."""

import os
from functools import partial

import pytest

from idiolect.assistant import Assistant
from idiolect.errors import ModelError
from idiolect.fleet.work import Failed, Learnt, Work, enroll, reason, start
from idiolect.method import Method
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.types import State
from tests.fleet.marked import people, work, written


class Needy(Method):
    needs = frozenset({"train"})


class Short(Method):
    def enroll(self, users, lm):
        return [State()] * (len(users) - 1)


def broken():
    raise OSError("the disk of this machine is away")


def test_people_are_enrolled_together_with_the_digest_of_their_records(tmp_path):
    everyone = people(3)
    made = enroll(work(tmp_path).assistant, everyone)
    assert [one.user_id for one in made] == ["p00", "p01", "p02"]
    assert [one.history for one in made] == [user.records.digest for user in everyone]
    assert made[1].state.text == "p01: says 1.0 says 1.1" and written(tmp_path)["enrolled p01"] == 1


def test_one_who_fails_is_named_with_the_reason_and_the_others_are_learnt(tmp_path):
    made = enroll(work(tmp_path, fails=("p01",)).assistant, people(3))
    assert made[1] == Failed("p01", "ValueError: p01 cannot be read")
    assert [one.user_id for one in made if isinstance(one, Learnt)] == ["p00", "p02"]


def test_a_method_that_gives_too_few_states_gives_nobody_anothers():
    made = enroll(Assistant(ScriptedLM(), Short()), people(3))
    assert all(isinstance(one, Failed) for one in made)


def test_a_reason_is_one_line_and_ours_speak_for_themselves():
    assert reason(ModelError("the model is away")) == "the model is away"
    assert reason(ValueError("two\nlines")) == "ValueError: two lines"


def test_work_arrives_whole_with_what_was_learnt_together(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    sent = work(tmp_path)
    sent.method.shared = State("all of them")
    _ = sent.assistant  # open here, and not sent
    arrived = start(sent.packed())
    assert arrived.method == sent.method and arrived.method.shared.text == "all of them"
    assert written(tmp_path)["opened"] == 2 and os.environ["OMP_NUM_THREADS"] == "1"


def test_what_cannot_be_sent_is_one_sentence():
    with pytest.raises(ModelError, match="cannot be sent to another process"):
        Work(lambda: ScriptedLM(), RAG()).packed()


@pytest.mark.parametrize(
    ("opener", "method", "said"),
    [(ScriptedLM, Needy(), "Needy needs train"), (broken, RAG(), "OSError: the disk of this machine is away")],
)
def test_a_worker_that_cannot_start_says_why(opener, method, said):
    told = start(Work(partial(opener), method).packed())
    assert isinstance(told, ModelError) and said in str(told)


def test_bytes_that_are_no_work_are_an_error_and_not_a_crash():
    assert isinstance(start(b"nothing"), ModelError)
