"""Matryoshka on an answering model that is a table: which intermediates win, what is kept, and what the controller is taught."""

import pytest

from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.matryoshka import BEARS, WRITE, Matryoshka, preferences
from idiolect.types import Record, Reply, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, conversation, marks, text_of
from tests.tiny_models import Watched, tiny_llama

QUESTION = ask("Speak of foxes.")
USER = User("u", [Record(f"Question {i}", "red foxes sleep", i) for i in range(8)])
SMALL = {"trained": True, "drawn": 3, "judged": 2, "newest": 3, "intermediate_tokens": 6, "answer_tokens": 4, "rank": 2, "k": 1}


def table(answers):
    """Draws "text 0", "text 1" ... by seed, and answers to a question told one of them as the table says."""

    def say(request):
        if request.question == WRITE:
            return f"text {request.sampling.seed}"
        return next((answer for text, answer in answers.items() if text in text_of(request)), "nothing alike")

    return ScriptedLM(say, can=())


@pytest.mark.parametrize("winner", range(4))
def test_the_intermediate_under_which_the_model_answers_best_is_kept_and_told(winner):
    lm, method = table({f"text {winner}": "red foxes sleep"}), Matryoshka(k=0)
    state = method.enroll([USER], lm)[0]
    assert state.text == f"text {winner}"
    assert method.personalize(state, QUESTION, lm).messages[0].content == f"text {winner}"


def test_of_equal_ones_the_greedy_one_is_kept():
    lm = table({})
    assert Matryoshka().enroll([USER], lm)[0].text == "text 0"
    drawn = [request.sampling for request in lm.requests if request.question == WRITE]
    assert [one.temperature for one in drawn] == [0.0, 1.0, 1.0, 1.0] and [one.seed for one in drawn] == [0, 1, 2, 3]


def test_pairs_are_all_winners_with_all_losers_and_exactly_the_winners_are_chosen():
    made = preferences(QUESTION, ["a", "b", "c", "d"], [1.0, 0.0, 1.0, 0.0])
    assert {(won, lost) for _, won, lost in made} == {("a", "b"), ("a", "d"), ("c", "b"), ("c", "d")} and len(made) == 4
    assert {won for _, won, _ in preferences(QUESTION, list("abc"), [0.9, 0.1, 0.2])} == {"a"}


@pytest.mark.parametrize("worth", [[], [0.3], [0.0, 0.0, 0.0], [1.0, 1.0], [0.1] * 7])
def test_where_all_are_worth_the_same_there_is_no_pair(worth):
    assert preferences(QUESTION, [str(i) for i in range(len(worth))], worth) == []


def test_what_is_judged_on_a_question_is_written_from_earlier_records_only():
    lm = ScriptedLM(lambda request: f"text {request.sampling.seed}", can=())
    Matryoshka(judged=2).enroll([ANN, BOB], lm)
    numbers = {record.prompt: (user.id, place) for user in (ANN, BOB) for place, record in enumerate(user.records)}
    for request in lm.requests:
        told = marks(text_of(request))
        if request.question == WRITE:
            assert told in ({("ann", i) for i in range(4)}, {("bob", i) for i in range(3)})
        else:
            name, place = numbers[request.question]
            assert all(who == name and number < place for who, number in told)


def test_with_one_record_there_is_nothing_to_judge_by_and_nobody_is_asked_plainly():
    lm, method = table({}), Matryoshka()
    one, none = method.enroll([User("one", USER.records[:1]), NOBODY], lm)
    assert one.text == "text 0" and method.personalize(none, conversation(), lm) == conversation()
    assert [request.question for request in lm.requests] == [WRITE] * 4


def test_counted_it_chooses_among_counted_profiles():
    lm = ScriptedLM(
        lambda request: "red foxes sleep" if "Often writes about: foxes, sleep, question." in text_of(request) else "no", can=()
    )
    state = Matryoshka(writer="counted", k=0).enroll([USER], lm)[0]
    assert state.text == "How this person writes: Often writes about: foxes, sleep, question."


def test_only_the_form_that_trains_needs_more_than_text():
    assert Matryoshka().needs == frozenset() and Matryoshka(trained=True).needs == {"adapters", "train"}
    with pytest.raises(MethodError, match="not both"):
        Matryoshka(trained=True, writer="counted").fit([USER], ScriptedLM())


def test_a_controller_that_is_taught_writes_winners_more_and_losers_less_likely():
    lm, method = tiny_llama().lm, Matryoshka(**SMALL, lr=1e-2, epochs=6)
    pairs = [(ask(BEARS + "foxes?"), "they like foxes", "they like the dates of dogs")] * 4
    method._pairs = lambda users, turn, lm: pairs
    method.fit([ANN], lm)
    adapter = method.shared.parts[0].adapter
    asked = pairs[0][0]
    before = [score.nats for score in lm.score([asked] * 2, list(pairs[0][1:]))]
    after = [score.nats for score in lm.score([asked.bent(adapters={adapter: 1.0})] * 2, list(pairs[0][1:]))]
    assert after[0] - after[1] > before[0] - before[1] + 0.5


def test_trained_it_writes_with_the_controller_and_answers_without_it():
    lm = Watched(tiny_llama().lm)
    method = Matryoshka(**SMALL, rounds=2)
    method._pairs = lambda users, turn, lm: [(ask(f"question {turn}"), "a fox", "the dog")]
    method.fit([ANN, BOB], lm)
    lm.seen.clear()
    reply = method.personalize(method.enroll([ANN], lm)[0], ask(ANN.records[3].prompt, max_tokens=5), lm)
    written, answered = [request for request, _ in lm.seen]
    assert isinstance(reply, Reply) and reply.calls == 2
    assert len(written.adapters) == 2 and written.question.startswith(BEARS) and not answered.adapters
    assert any(reason.startswith("adapter:") for reason in reply.because)


def test_rounds_draw_from_the_controller_of_the_round_before():
    lm = Watched(tiny_llama().lm)
    method = Matryoshka(**SMALL, rounds=2)
    method.fit([ANN, BOB, CYD], lm)
    adapters = {len(request.adapters) for request, answer in lm.seen if answer is None and request.question.startswith(BEARS)}
    assert adapters == {0, 1} and len(method.shared.parts) == 2
