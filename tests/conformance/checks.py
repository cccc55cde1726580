"""The battery's checks of what a method gives for odd people and odd questions. Each raises AssertionError where a method fails."""

from __future__ import annotations

import time
from copy import deepcopy

import pytest

from idiolect.assistant import Assistant
from idiolect.errors import ModelError
from idiolect.types import History, Record, Reply, Request, User
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, NOBODY, ODD_IDS, ODD_TEXTS, QUESTION, conversation, many, odd, question
from tests.conformance.subjects import Trial, same_states
from tests.tiny_models import Bench

SECONDS = 15.0  # of processor time for 10,000 records, on a slow core; a method that reads them twenty times over takes longer


def only_stores_its_keywords(trial: Trial) -> None:
    """Any value at all is kept as it is: nobody looked at it, and nothing else was made of it."""
    names = list(trial.subject.new().config)
    given = {name: object() for name in names}
    made = trial.subject.method(**given)
    assert vars(made) == given, f"the constructor made {set(vars(made)) ^ set(given) or 'other values'} of its keywords"


def equals_another_of_the_same_configuration(trial: Trial) -> None:
    """The configuration makes the method again; without keywords it stands too."""
    made = trial.subject.new()
    assert type(made)(**made.config) == made == trial.subject.new()
    assert trial.subject.method().config.keys() == made.config.keys()
    for name, value in trial.subject.settings.items():
        assert made.config[name] == value, f"{name} was given as {value!r} and is {made.config[name]!r}"


def works_on_a_model_that_can_what_it_needs(trial: Trial) -> None:
    """From fit to the answer, on a model that refuses everything else."""
    lm, method = trial.narrow(trial.subject.new().needs), trial.subject.new()
    assistant = Assistant(lm, method)
    try:
        assistant.fit(EVERYBODY)
        assistant.enroll([ANN, BOB])
        assert isinstance(assistant.replies(["ann"], [question()])[0], Reply)
    except ModelError as error:
        raise AssertionError(f"needs more than {sorted(method.needs)}: {error}") from error


def is_refused_by_a_model_that_lacks_a_need(trial: Trial) -> None:
    """Before anything runs, and by the name of what is missing."""
    method = trial.subject.new()
    for need in sorted(method.needs):
        with pytest.raises(ModelError, match=need):
            Assistant(trial.narrow(method.needs - {need}), method)


def bends_in_the_way_it_needs(trial: Trial) -> None:
    """What a model must be able to do is done: once fitted, a person with records gets every bend that is asked for."""
    bent = trial.bent(trial.enrolled(ANN)[0], question())
    if isinstance(bent, Request):
        asked = trial.subject.new().needs - {"train", "logprobs"}  # these are for learning
        assert bent.needs == asked, f"the model must be able to do {sorted(asked)}, and {sorted(bent.needs)} was used"


def tells_nothing_of_nobody(trial: Trial) -> None:
    """No records: at the input level exactly the plain prompt, at the others an answer."""
    for asked in (question(), conversation()):
        bent = trial.bent(trial.enrolled(NOBODY)[0], asked)
        if trial.subject.level in {"input"}:
            assert isinstance(bent, Request) and bent.messages == asked.messages and not bent.because
        assert isinstance(trial.answer(bent), Reply)


def learns_from_one_record(trial: Trial) -> None:
    """One record is learnt, beside people with more."""
    one = User("one", [ANN.records[0]])
    for state in trial.enrolled(NOBODY, one, BOB):
        assert isinstance(trial.answer(trial.bent(state, question())), Reply)


def answers_after_a_record_longer_than_the_context(trial: Trial) -> None:
    """Prompt and answer each longer than the window, alone and among others."""
    long = Record("foxes and dogs " * 150, "the fox sleeps " * 150, 9.0)
    for state in trial.enrolled(User("long", [long]), User("more", [*ANN.records, long])):
        assert isinstance(trial.answer(trial.bent(state, question())), Reply)


def answers_a_question_longer_than_the_context(trial: Trial) -> None:
    """The question reaches the model whole; what is too much is the model's to cut."""
    asked = question("foxes and dogs " * 200 + "and a title")
    bent = trial.bent(trial.enrolled(ANN)[0], asked)
    assert isinstance(bent, Reply) or bent.question == asked.question
    assert isinstance(trial.answer(bent), Reply)


def learns_10_000_records_in_bounded_time(trial: Trial) -> None:
    """Processor time, so that a busy machine does not count."""
    start = time.process_time()
    state = trial.enrolled(many(10_000))[0]
    assert isinstance(trial.answer(trial.bent(state, question())), Reply)
    assert (spent := time.process_time() - start) < SECONDS, f"10,000 records took {spent:.1f} seconds"


def takes_any_text(trial: Trial) -> None:
    """Emoji, right-to-left, NUL, nothing, braces, a template's own words: in records and in questions."""
    state = trial.enrolled(odd())[0]
    for text in ODD_TEXTS:
        bent = trial.bent(state, question(text))
        assert isinstance(bent, Reply) or bent.question == text
        assert isinstance(trial.answer(bent), Reply)


def takes_any_user_id(trial: Trial) -> None:
    """What a person is called teaches nothing: one text gives one state, whoever wrote it, two in one call as well."""
    named = [User(name, ANN.records) for name in (*ODD_IDS, "ann", "anna")]
    states = trial.enrolled(*named)
    assert all(same_states([state], states[:1]) for state in states), "people with the same text have different states"
    assert isinstance(trial.answer(trial.bent(states[0], question())), Reply)


def leaves_the_request_as_it_was(trial: Trial) -> None:
    """What was asked is not touched, and all of it stands in what comes back: earlier turns, sampling, the question last."""
    state = trial.enrolled(ANN)[0]
    for asked in (question(), conversation()):
        copy = deepcopy(asked)
        bent = trial.bent(state, asked)
        assert asked == copy, "the request that was given was changed"
        if isinstance(bent, Request):
            assert bent.question == QUESTION, f"the last message is {bent.question!r}, not the question"
            assert bent.sampling == asked.sampling
            assert _turns(bent) == _turns(asked), "the turns of the conversation were changed"
            assert _system(bent).startswith(_system(asked)), "the system message that stood there is gone"


def keeps_the_bends_that_were_there(trial: Trial, bench: Bench) -> None:
    """A request that is already bent stays so, and is bent further: links of a chain depend on it."""
    asked = question().bent(adapters={bench.adapter(1): 0.5}, prefix=bench.prefix(1), steering=[bench.steering(1)])
    bent = trial.bent(trial.enrolled(ANN)[0], asked)
    if isinstance(bent, Request):
        assert set(asked.adapters) <= set(bent.adapters), "an adapter is gone"
        assert bent.prefix and (bent.prefix.vectors[:3] == asked.prefix.vectors).all(), "the prefix is gone"
        assert bent.steering[:1] == asked.steering, "the steering is gone"
    assert isinstance(trial.answer(bent), Reply)


def answers_for_people_who_share_records(trial: Trial) -> None:
    """Two users with the same text, and a third with the same at other times."""
    later = User("later", History(Record(r.prompt, r.answer, r.time + 100) for r in CYD.records))
    for state in trial.enrolled(CYD, User("same", CYD.records), later):
        assert isinstance(trial.answer(trial.bent(state, question())), Reply)


def _turns(request: Request) -> list:
    return [message for message in request.messages if message.role != "system"]


def _system(request: Request) -> str:
    return next((message.content for message in request.messages if message.role == "system"), "")
