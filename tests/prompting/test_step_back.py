"""StepBack: all that is drawn is read, nothing but earlier records is drawn, and quoted records carry their notes."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.step_back import GIST, NOTE, ROLE, StepBack
from idiolect.types import Record, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation, marks, person, text_of

QUESTION = ask("Speak of foxes and of sleep.")


def noting():
    """Gists by name; notes by the mark of the one record it was told."""

    def say(request):
        told = sorted(marks(text_of(request)))
        return f"Keywords: {told[0][0]}" if request.question == GIST else f"note {told[0][1]}" if request.question == NOTE else "An answer"

    return ScriptedLM(say, can=())


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_the_gist_is_asked_of_all_that_was_drawn_not_of_the_last(count):
    lm = noting()
    StepBack(sampled=20, noted=1).enroll([person("ann", count)], lm)
    assert marks(text_of(lm.requests[0])) == {("ann", i) for i in range(count)}


def test_at_most_so_many_are_drawn_by_the_seed_and_never_what_is_not_yet_written():
    lm, before = noting(), User("ann", person("ann", 40).records.before(person("ann", 40).records[30]))
    for seed in range(3):
        StepBack(seed=seed).enroll([before], lm)
    drawn = [marks(text_of(request)) for request in lm.requests if request.question == GIST]
    assert all(len(one) == 20 and max(number for _, number in one) < 30 for one in drawn) and drawn[0] != drawn[1]


def test_a_quoted_record_stands_with_the_note_on_it():
    lm, method = noting(), StepBack(k=2, noted=6)
    bent = method.personalize(method.enroll([ANN], lm)[0], ask(ANN.records[2].prompt), lm)
    told = bent.messages[0].content
    assert told.startswith(f"{ROLE}\nKeywords: ann") and f"Wrote: {ANN.records[2].answer}\nStyle: note 2" in told
    assert told.count("Style: ") == 2 == len(marks(told)) and len(bent.because) == 3


def test_only_records_with_a_note_are_quoted_and_each_cost_one_call_once():
    lm, method = noting(), StepBack(k=6, noted=2)
    state = method.enroll([ANN], lm)[0]
    assert len(lm.requests) == 1 + 2
    assert marks(text_of(method.personalize(state, QUESTION, lm))) == {("ann", 4), ("ann", 5)} and len(lm.requests) == 3


def test_each_gets_their_own_gist_and_notes_and_nobody_none():
    lm, method = noting(), StepBack(noted=2)
    states = method.enroll([ANN, NOBODY, BOB], lm)
    assert [state.text for state in states] == ["Keywords: ann", "", "Keywords: bob"]
    assert [[fact.text for fact in state.facts] for state in states] == [["note 4", "note 5"], [], ["note 3", "note 4"]]
    assert method.personalize(states[1], conversation(), lm) == conversation()


def test_counted_it_asks_nobody_and_notes_the_style_of_any_record():
    lm, method = ScriptedLM([]), StepBack(k=1, writer="counted")
    user = User("ann", [Record(f"On sleeping foxes {i}", f"quiet foxes {i}!", i) for i in range(9)])
    state = method.enroll([user], lm)[0]
    told = method.personalize(state, ask("On foxes 3"), lm).messages[0].content
    assert state.text == "Keywords: foxes, quiet\nTopics: foxes, sleeping" and told.startswith(f"{ROLE}\n{state.text}")
    assert "Style: About 3 words. Starts in lower case. Ends with !" in told
