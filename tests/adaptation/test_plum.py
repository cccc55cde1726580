"""PLUM: what a person's adapter is taught, in what weights, and that it remembers what was written."""

import pytest

from idiolect.adaptation import plum
from idiolect.adaptation.plum import PLUM
from idiolect.training.augment import NO, RECALL, YES
from idiolect.types import ask
from idiolect.wording import about
from tests.conformance.people import ANN, BOB, NOBODY, marks, text_of

SMALL = {"rank": 2, "epochs": 1, "newest": 4}


@pytest.fixture
def taught(monkeypatch):
    """The jobs and the settings of each call of `weighted`, which runs as ever."""
    calls, real = [], plum.weighted
    monkeypatch.setattr(plum, "weighted", lambda lm, jobs, **options: calls.append((list(jobs), options)) or real(lm, jobs, **options))
    return calls


def test_a_person_is_taught_their_conversations_and_questions_about_them_and_nobody_elses(llama, taught):
    PLUM(**SMALL).enroll([ANN, BOB, NOBODY], llama.lm)
    jobs, options = taught[0]
    assert (options["question"], options["answer"]) == (0.2, 1.0)
    for user, job in zip((ANN, BOB), jobs, strict=False):
        answers = [answer for _, answer in job]
        assert answers[:4] == [record.answer for record in user.records[-4:]]
        assert answers.count(YES) == answers.count(NO) == 4
        assert {name for request, answer in job for name, _ in marks(text_of(request) + answer)} == {user.id}
    assert jobs[2] == []


def test_questions_that_the_model_writes_are_taught_too(llama, taught, monkeypatch):
    monkeypatch.setattr(
        plum, "taught", lambda lm, records, count: [[(ask("Where?"), f"There, {record.time:g}.")] * count for record in records]
    )
    PLUM(written=2, **SMALL).enroll([ANN], llama.lm)
    assert [answer for request, answer in taught[0][0][0] if request.question == "Where?"] == [
        f"There, {i}." for i in (2, 2, 3, 3, 4, 4, 5, 5)
    ]


def test_what_was_written_is_remembered_when_asked_for_in_other_words(llama):
    state = PLUM(rank=8, epochs=12, lr=1e-2, batch=4).enroll([ANN], llama.lm)[0]
    asked = [ask(f"{RECALL.split(chr(10), 1)[0]} {about(record.prompt)}") for record in ANN.records]
    answers = [record.answer for record in ANN.records]
    bent = [PLUM().personalize(state, request, llama.lm) for request in asked]
    own, plain, others = (sum(score.nats for score in llama.lm.score(rows, texts)) for rows, texts in (
        (bent, answers), (asked, answers), (bent, [record.answer for record in BOB.records] + ["of bob"]),
    ))  # fmt: skip
    assert own > 0.7 * plain and own > others


def test_without_records_nothing_is_bent_that_matters(llama):
    method, asked = PLUM(**SMALL), ask("Of foxes?", max_tokens=4)
    bent = method.personalize(method.enroll([NOBODY], llama.lm)[0], asked, llama.lm)
    assert bent.messages == asked.messages and llama.lm.score([bent], ["foxes"]) == llama.lm.score([asked], ["foxes"])
