"""StyleToT: how often the model is asked, what wins, and that the narrowest tree is one plain call."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.style_tot import WHICH_ACCOUNT, StyleToT, elected
from idiolect.types import Reply, Request, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, marks, text_of

QUESTION = "Write a title on foxes."


def voter(favourite):
    """Proposes by seed and temperature; votes for the candidate in which `favourite` stands, wherever it is listed."""

    def say(request):
        if "Answer with its number" in request.question:
            listed = [line for line in request.question.splitlines() if line[:1].isdigit() and favourite in line]
            return f"Number {listed[0].split('.')[0]}." if listed else "None of them."
        kind = "account" if "how this person writes" in request.question else "answer"
        return f"{kind} {request.sampling.seed if request.sampling.temperature else 'greedy'}"

    return ScriptedLM(say, can=())


def answered(lm, **settings):
    method = StyleToT(**settings)
    return method, method.enroll([ANN], lm)[0]


def test_a_tree_of_depth_and_breadth_one_is_one_plain_call():
    lm = voter("x")
    method, state = answered(lm, depth=1, breadth=1)
    bent = method.personalize(state, ask(QUESTION), lm)
    assert isinstance(bent, Request) and not lm.requests and not state.text
    assert bent.question == QUESTION and len(marks(text_of(bent))) == 4


@pytest.mark.parametrize(("depth", "breadth", "votes"), [(1, 3, 2), (2, 2, 3), (3, 4, 1)])
def test_the_model_is_asked_depth_times_breadth_and_votes(depth, breadth, votes):
    lm = voter("greedy")
    method, state = answered(lm, depth=depth, breadth=breadth, votes=votes)
    assert len(lm.requests) == (depth - 1) * (breadth + votes)
    reply = method.personalize(state, ask(QUESTION), lm)
    assert isinstance(reply, Reply) and reply.calls == breadth + votes and len(lm.requests) == depth * (breadth + votes)


@pytest.mark.parametrize("best", ["greedy", "0", "1"])
def test_what_the_model_votes_for_wins_in_accounts_and_in_answers(best):
    lm = voter(f" {best}")
    method, state = answered(lm, breadth=3)
    assert state.text == f"account {best}"
    assert method.personalize(state, ask(QUESTION), lm).text == f"answer {best}"


def test_the_account_that_won_is_told_with_the_answer_and_the_next_level_begins_from_it():
    lm = voter("greedy")
    method, state = answered(lm, depth=3, breadth=2, votes=1)
    assert "Somebody said of how this person writes: account greedy" in text_of(lm.requests[-2])
    reply = method.personalize(state, ask(QUESTION), lm)
    assert all("account greedy" in text_of(request) for request in lm.requests[-3:-1])
    assert reply.because[0] == "profile" and all(reason.startswith("record:") for reason in reply.because[1:])


def test_each_is_described_by_their_own_samples_and_nobody_is_not():
    lm = voter("greedy")
    states = StyleToT(samples=2).enroll([ANN, NOBODY, BOB], lm)
    assert [bool(state.text) for state in states] == [True, False, True]
    assert {frozenset(name for name, _ in marks(text_of(request))) for request in lm.requests} == {frozenset({"ann"}), frozenset({"bob"})}
    assert WHICH_ACCOUNT in text_of(lm.requests[-1])


def test_the_most_votes_win_of_equals_the_first_and_nonsense_is_left_out():
    assert elected(["2", "Number 2!", "1"], 3) == 1
    assert elected(["3", "2"], 3) == 1
    assert elected(["7", "none", "", "0", "9" * 4000], 3) == 0
    assert elected([], 2) == 0


def test_a_question_with_braces_and_line_breaks_is_put_to_the_vote_whole():
    lm = voter("greedy")
    method, state = answered(lm)
    method.personalize(state, ask("What of {history}\n{0}?"), lm)
    assert "Answers to: What of {history}\n{0}?" in lm.requests[-1].question


def test_one_record_is_enough_for_a_vote():
    lm = voter("greedy")
    state = StyleToT().enroll([User("one", ANN.records[:1])], lm)[0]
    assert isinstance(StyleToT().personalize(state, ask(QUESTION), lm), Reply)
