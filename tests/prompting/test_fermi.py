"""FERMI on a model whose answers depend on the instruction in a known way: what is kept, what is shown to the writer, what is chosen."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.fermi import FERMI, MISSED, TRIED, WRITE
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation, marks, text_of

WORDS = "one two three four five six seven eight".split()
USER = User("u", [Record(f"Question {i} of {'foxes' if i % 2 else 'dogs'}", " ".join(WORDS), i) for i in range(12)])


def quality(text):
    """How good an instruction "level N" is: 0 to 8 of the words that the person would write."""
    told = text.partition("level ")[2]
    return int(told[0]) if told else 0


def target(levels):
    """Writes instructions of these levels in turn; answers with as many of the person's words as the instruction's level."""
    script = iter(levels)

    def say(request):
        if request.question == WRITE:
            return f"level {next(script)}"
        return " ".join(WORDS[: quality(text_of(request))]) or "nothing"

    return ScriptedLM(say, can=())


def best_of(state):
    return [part.text for part in state.parts[1:]]


@pytest.mark.parametrize("rounds", range(5))
def test_the_best_so_far_never_gets_worse_and_the_memory_never_longer_than_kept(rounds):
    levels = [3, 1, 2, 6, 4, 5, 1, 8]
    state = FERMI(rounds=rounds, drafts=2, kept=2, k=0).enroll([USER], target(levels))[0]
    best = max([0, *levels[: 2 * rounds]])
    assert len(best_of(state)) <= 2 and quality(best_of(state)[0]) == best
    assert quality(best_of(state)[0]) >= quality(best_of(state)[-1])


def test_of_equal_instructions_those_that_came_first_stay():
    assert best_of(FERMI(rounds=2, drafts=1, kept=1, k=0).enroll([USER], target([5, 5]))[0]) == ["level 5"]
    lm = ScriptedLM(lambda request: "level 1" if request.question == WRITE else "always the same", can=())
    assert best_of(FERMI(rounds=1, drafts=1, k=0).enroll([USER], lm)[0])[0] == ""


def test_the_writer_sees_scores_worst_first_and_what_was_missed_and_only_earlier_than_what_decides():
    lm = target([3, 4])
    FERMI(rounds=2, drafts=1, questions=4, k=0).enroll([USER], lm)
    last = [request.messages[0].content for request in lm.requests if request.question == WRITE][-1]
    scores = [float(line[:4]) for line in last.partition(TRIED)[2].partition(MISSED)[0].strip().splitlines()]
    assert scores == sorted(scores) and scores[-1] == pytest.approx(0.55, abs=0.01)
    missed = last.partition(MISSED)[2]
    assert not missed or all(f"Question {i} " not in last for i in range(8, 12))
    first = [text_of(request) for request in lm.requests if request.question == WRITE][0]
    assert [i for i in range(12) if f"Question {i} " in first] == [4, 5, 6, 7] and "Answered: nothing" in first


def test_what_decides_is_asked_with_strictly_earlier_records_only():
    lm = ScriptedLM(lambda request: "an instruction" if request.question == WRITE else "the foxes", can=())
    FERMI(rounds=1, questions=2).enroll([ANN, BOB], lm)
    numbers = {record.prompt: (user.id, place) for user in (ANN, BOB) for place, record in enumerate(user.records)}
    for asked in lm.requests:
        if asked.question in numbers:
            name, place = numbers[asked.question]
            assert all(who == name and number < place for who, number in marks(text_of(asked)))


def known(*worths):
    """A state whose instructions "a", "b" ... were worth this much on each of four past questions."""
    records = History(Record(f"of {topic}", "x", i) for i, topic in enumerate(["foxes", "dogs", "dates", "cafés"]))
    parts = [State(text=name, arrays={"worth": np.array(own)}) for name, own in zip("abc", worths)]
    return State(records=records, parts=(State(numbers={record.id: place for place, record in enumerate(records)}), *parts))


def chosen(state, question, similar):
    return FERMI(k=0, similar=similar).personalize(state, ask(question), ScriptedLM()).messages[0].content


def test_the_instruction_that_did_best_on_the_questions_alike_is_used():
    state = known([0.5, 0.5, 0.5, 0.6], [0.0, 0.9, 0.1, 0.0], [0.8, 0.0, 0.0, 0.0])
    assert [chosen(state, f"What of {topic}?", 1) for topic in ("foxes", "dogs", "dates")] == ["c", "b", "a"]


def test_with_all_questions_it_is_the_best_of_all_and_of_equal_ones_the_first():
    state = known([0.5, 0.5, 0.5, 0.6], [0.0, 0.9, 0.1, 0.0], [0.8, 0.0, 0.0, 0.0])
    assert {chosen(state, f"What of {topic}?", 4) for topic in ("foxes", "dogs", "dates")} == {"a"}
    assert chosen(known([0.1] * 4, [0.1] * 4), "What?", 4) == "a"


def test_a_past_question_that_was_forgotten_is_left_out():
    state = known([0.5, 0.5, 0.5, 0.6], [0.0, 0.9, 0.1, 0.0])
    fewer = State(records=state.records.without([state.records[1].id]), parts=state.parts)
    assert chosen(state, "What of dogs?", 1) == "b" and chosen(fewer, "What of dogs?", 4) == "a"
    assert chosen(State(parts=state.parts), "What of dogs?", 2) == "a"


def test_without_a_capable_model_the_search_is_over_the_sentences_of_a_counted_profile():
    user = User("u", [Record(f"Question {i}", "quiet foxes sleep", i) for i in range(12)])
    lm = ScriptedLM(
        lambda request: "quiet foxes sleep" if "Starts in lower case." in text_of(request) and "words" not in text_of(request) else "no"
    )
    state = FERMI(rounds=3, drafts=3, k=0, writer="counted").enroll([user], lm)[0]
    assert "Starts in lower case." in best_of(state)[0] and "About" not in best_of(state)[0]
    assert WRITE not in {request.question for request in lm.requests}


def test_two_records_are_too_few_to_try_anything_and_nobody_is_asked_plainly():
    lm, method = ScriptedLM([]), FERMI()
    few, none = method.enroll([User("few", ANN.records[:2]), NOBODY], lm)
    assert few.text.startswith("How this person writes:") and not few.parts
    assert method.personalize(none, conversation(), lm) == conversation()
