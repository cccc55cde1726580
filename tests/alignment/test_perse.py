"""PerSE: the model judges as this reader would, and what cannot be read neither wins nor is forgotten."""

import pytest

from idiolect.alignment.perse import PerSE
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, Reply, State, User
from tests.alignment.tastes import ASKED, BRIEF, CANDIDATES

RATED = User(
    "r", [Record("Of foxes?", "5", 0.0, "one", "rating", "They sleep."), Record("Of dogs?", "1", 1.0, "two", "rating", "They run.")]
)


def judging(judge):
    """A model that answers as candidates are written down, and judges by `judge` of the question."""

    def say(asked):
        if asked.question != ASKED.question:
            return judge(asked.question)
        return CANDIDATES[0 if not asked.sampling.temperature else 1 + (asked.sampling.seed - 10) % 2]

    return ScriptedLM(say, can=())


def reply_of(user, judge, **options):
    lm = judging(judge)
    method = PerSE(drawn=2, **options)
    reply = method.personalize(method.enroll([user], lm)[0], ASKED, lm)
    assert isinstance(reply, Reply)
    return reply, lm


def scores(*given):
    """What the judge says of each candidate."""
    return lambda question: next(said for text, said in reversed(list(zip(CANDIDATES, given, strict=True))) if f"Reply: {text}" in question)


@pytest.mark.parametrize("best", range(3))
def test_the_answer_that_the_reader_would_score_highest_is_given(best):
    reply, lm = reply_of(RATED, scores(*(f'{{"score": {5 if place == best else 2}}}' for place in range(3))))
    assert reply.text == CANDIDATES[best] and reply.calls == 6
    assert set(reply.because) == {"record:one", "record:two", "judgements: 3 of 3 read"}
    assert all("Score: 5" in asked.messages[0].content for asked in lm.requests[3:])


def test_a_judgement_that_cannot_be_read_never_wins_and_is_counted():
    reply, _ = reply_of(RATED, scores('{"score": 1}', "wonderful!", '{"score": 99}'))
    assert reply.text == CANDIDATES[0] and "judgements: 1 of 3 read" in reply.because
    none, _ = reply_of(RATED, lambda question: "no idea")
    assert none.text == CANDIDATES[0] and "judgements: 0 of 3 read" in none.because


def test_scores_are_read_on_the_readers_scale():
    assert reply_of(RATED, scores("8", "3", "2"))[0].text == CANDIDATES[1]
    assert reply_of(RATED, scores("8", "3", "2"), scale=(1.0, 10.0))[0].text == CANDIDATES[0]


@pytest.mark.parametrize("best", range(3))
def test_who_chose_between_replies_is_asked_for_by_choice_both_ways_round(best):
    def judge(question):
        return "A" if f"A: {CANDIDATES[best]}\n" in question else "B" if f"B: {CANDIDATES[best]}\n" in question else "A"

    reply, lm = reply_of(BRIEF, judge)
    assert reply.text == CANDIDATES[best] and len(lm.requests) == 3 + 4 and reply.calls == 7


def test_a_judge_that_always_says_the_same_letter_changes_nothing():
    for letter in ("A", "B", "neither"):
        assert reply_of(BRIEF, lambda question: letter)[0].text == CANDIDATES[0]


def test_who_judged_nothing_is_asked_plainly_and_only_judgements_are_kept():
    method, lm = PerSE(), ScriptedLM([], can=())
    wrote = User("w", [Record("q", "a text", 0.0), Record("q", "not a number", 1.0, "", "rating", "reply")])
    state = method.enroll([wrote], lm)[0]
    assert method.personalize(state, ASKED, lm) == ASKED and [record.kind for record in state.records] == ["rating"]
    assert method.personalize(State(), ASKED, lm) == ASKED
    assert PerSE(k=0).personalize(PerSE(k=0).enroll([RATED], lm)[0], ASKED, lm) == ASKED
