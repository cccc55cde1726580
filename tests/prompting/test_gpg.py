"""GPG with a model that digests and profiles by script: three calls, the first two kept, and a profile told word for word."""

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.gpg import GPG, PROFILE, SCORES, TEXTS
from idiolect.types import Record, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation, marks, text_of

QUESTION = ask("Speak of foxes and of sleep.")
RATER = User("rater", [Record(f"Film {i}", str(1 + i % 5), i) for i in range(5)])


def guided():
    """Says what was asked of it, and of whom it was told."""

    def say(request):
        who = "and".join(sorted({name for name, _ in marks(text_of(request))}))
        return (
            f"Points of {who}."
            if request.question in (TEXTS, SCORES)
            else f"Profile of {who}."
            if request.question == PROFILE
            else "An answer"
        )

    return ScriptedLM(say, can=())


def test_there_are_three_calls_and_the_first_two_are_made_once_for_a_person():
    lm, method = guided(), GPG(k=0)
    state = method.enroll([ANN], lm)[0]
    assert len(lm.requests) == 2 and state.text == "Profile of ann."
    for _ in range(3):
        lm.generate([method.personalize(state, QUESTION, lm)])
    assert len(lm.requests) == 2 + 3


def test_the_second_call_is_told_the_first_ones_points_and_the_records():
    lm = guided()
    GPG(newest=2).enroll([ANN], lm)
    digest, profile = lm.requests
    assert digest.question == TEXTS and marks(text_of(digest)) == {("ann", 4), ("ann", 5)} == marks(text_of(profile))
    assert "Points of ann." in text_of(profile) and "Points" not in text_of(digest)


def test_in_the_arm_with_the_profile_alone_the_profile_stands_verbatim_and_no_record():
    lm = guided()
    bent = GPG(k=0).personalize(GPG(k=0).enroll([ANN], lm)[0], QUESTION, lm)
    assert bent.messages[0].content == "Profile of ann." and not marks(text_of(bent)) and bent.because == ("profile",)


def test_beside_context_k_records_are_quoted_after_it():
    lm = guided()
    bent = GPG(k=2).personalize(GPG(k=2).enroll([ANN], lm)[0], QUESTION, lm)
    assert bent.messages[0].content.startswith("Profile of ann.") and len(marks(text_of(bent))) == 2 and len(bent.because) == 3


def test_who_scores_is_asked_about_otherwise_and_a_guide_of_ones_own_is_put():
    lm = guided()
    GPG().enroll([RATER, ANN], lm)
    assert [request.question for request in lm.requests[:2]] == [SCORES, TEXTS]
    GPG(guide="Name their pets.").enroll([ANN], lm)
    assert lm.requests[4].question == "Name their pets."


def test_each_is_profiled_from_their_own_records_and_nobody_costs_nothing():
    lm = guided()
    states = GPG().enroll([ANN, NOBODY, BOB], lm)
    assert [state.text for state in states] == ["Profile of ann.", "", "Profile of bob."] and len(lm.requests) == 4
    assert GPG().personalize(states[1], conversation(), lm) == conversation()


def test_counted_it_asks_nobody():
    lm = ScriptedLM([])
    state = GPG(writer="counted").enroll([RATER, ANN], lm)
    assert "on average 3.0" in state[0].text and state[1].text.startswith("How this person writes:")
