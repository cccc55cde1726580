"""Janus: what the system message says of whom, that only earlier words are in it when it is taught, and which answer is given of several."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting import janus
from idiolect.prompting.janus import Janus
from idiolect.training.conditions import WORDS
from idiolect.training.sft import sft
from idiolect.types import Adapter, Record, Reply, State, User, ask
from tests.conformance.people import EVERYBODY, NOBODY, conversation, marks, text_of

EVE = User(
    "eve",
    [
        Record("", "I live in Ghent. I am allergic to peanuts. Please always keep your answers short.", 0.0),
        *(Record(f"What of part {n}?", f"the quay of part {n}", float(n)) for n in range(1, 6)),
    ],
)
BRIEF, THOROUGH = {"brief": 1.0, "thorough": 0.0}, {"brief": 0.0, "thorough": 1.0}
NONE = ScriptedLM([], can=())


@pytest.fixture
def taught(monkeypatch):
    """The pairs that were taught; nothing is trained."""
    pairs = []
    monkeypatch.setattr(janus, "sft", lambda lm, jobs, **options: pairs.extend(jobs[0]) or [Adapter({}, name="janus")])
    return pairs


def system(bent):
    return bent.messages[0].content if bent.messages[0].role == "system" else ""


def test_the_message_has_the_four_dimensions_of_what_is_known(taught):
    method = Janus()
    method.fit([EVE], NONE)
    bent = method.personalize(method.enroll([EVE], NONE)[0], ask("What of dinner?").weighing(BRIEF), NONE)
    told = system(bent)
    assert "How this person writes: " in told and "I live in Ghent" in told and "allergic to peanuts" in told
    assert WORDS["brief"][1] in told and "keep your answers short" in told
    assert f"record:{EVE.records[0].id}" in bent.because and bent.question == "What of dinner?"


def test_weights_are_spelled_out_in_sentences(taught):
    method = Janus()
    method.fit(EVERYBODY, NONE)
    brief, thorough = (system(method.personalize(State(), ask("q").weighing(own), NONE)) for own in (BRIEF, THOROUGH))
    assert WORDS["brief"][1] in brief and WORDS["thorough"][0] in brief
    assert WORDS["brief"][0] in thorough and WORDS["thorough"][1] in thorough


def test_each_answer_is_taught_with_what_was_known_strictly_before_it_and_with_what_it_is_like(taught):
    method = Janus()
    method.fit([EVE, *EVERYBODY], NONE)
    for asked, answer in taught:
        for name, number in marks(answer):
            assert all(who == name and earlier < number for who, earlier in marks(text_of(asked)))
    first = next(asked for asked, answer in taught if answer == EVE.records[0].answer)
    assert "Ghent" not in system(first) and WORDS["brief"][0] in system(first)  # the longest of all answers
    assert all("Ghent" in system(asked) for asked, answer in taught if answer.startswith("the quay"))


def test_nobody_who_asks_for_nothing_is_asked_plainly_and_with_weights_is_told_them(taught):
    method = Janus()
    method.fit(EVERYBODY, NONE)
    state = method.enroll([NOBODY], NONE)[0]
    assert method.personalize(state, conversation(), NONE).messages == conversation().messages
    assert WORDS["brief"][1] in system(method.personalize(state, ask("q").weighing(BRIEF), NONE))


def test_the_system_message_that_was_there_stands_before_ours(taught):
    method = Janus()
    method.fit([EVE], NONE)
    bent = method.personalize(method.enroll([EVE], NONE)[0], conversation(), NONE)
    assert system(bent).startswith("Answer with a title.\n\n") and bent.messages[1:] == conversation().messages[1:]


@pytest.mark.parametrize(("weights", "given"), [(BRIEF, "no"), (THOROUGH, "foxes, owls and kettles at great length")])
def test_of_several_answers_the_one_worth_most_by_the_weights_is_given(taught, weights, given):
    texts = ["no", "foxes, owls and kettles at great length", "something else", ""]
    lm = ScriptedLM(lambda asked: texts[asked.sampling.seed + 1 if asked.sampling.temperature else 0], can=("adapters",))
    method = Janus(drawn=3)
    method.fit(EVERYBODY, NONE)
    reply = method.personalize(State(), ask("What of foxes, owls, kettles?").weighing(weights), lm)
    assert isinstance(reply, Reply) and reply.text == given and reply.calls == 4


def test_the_loss_is_on_the_answer_alone(llama):
    seen = []

    def taught_on(lm, jobs, **options):
        seen.extend(lm.encode(asked, answer, end=True) for asked, answer in jobs[0])
        return sft(lm, jobs, **options)

    janus_sft, janus.sft = janus.sft, taught_on
    try:
        method = Janus(rank=2, epochs=1)
        method.fit([EVE], llama.lm)
    finally:
        janus.sft = janus_sft
    tokens = [len(llama.lm.tokenizer(record.answer).input_ids) + 1 for record in EVE.records]
    assert sorted(row.answer for row in seen) == sorted(tokens)
    assert any(b.any() for _, b in method.shared.adapter.modules.values())


def test_a_message_that_was_taught_makes_its_answers_likelier(llama):
    method = Janus(rank=4, epochs=8, lr=1e-2)
    method.fit([EVE], llama.lm)
    state = method.enroll([EVE], llama.lm)[0]
    bent = method.personalize(state, ask("What of part 6?"), llama.lm)
    bare = llama.lm.score([ask("What of part 6?")], ["the quay of part 6"])[0].nats
    assert llama.lm.score([bent], ["the quay of part 6"])[0].nats > bare + 5


def test_weights_are_counted_and_need_no_model():
    method = Janus()
    assert np.isclose(sum(method.observe(State(), EVE, list(EVE.records), None).numbers.values()), 1)
