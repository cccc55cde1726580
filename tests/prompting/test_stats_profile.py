"""StatsProfile on histories made to be described: what is counted is named, and nothing is quoted."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.stats_profile import StatsProfile
from idiolect.types import Record, User, ask
from idiolect.wording import PROFILE
from tests.conformance.people import NOBODY, conversation

QUIET = ["how foxes sleep at night", "how dogs dig in sand", "why foxes run so far", "how foxes hide from dogs", "how ants walk back home"]
LOUD = ["Foxes Sleep!", "Dogs Sleep!", "Foxes Run!"]


def profile(answers, **options):
    user = User("ann", [Record(f"Question {i}", answer, i) for i, answer in enumerate(answers)])
    return StatsProfile(**options).enroll([user], ScriptedLM([]))[0].text  # a model asked for anything would fail


def test_length_small_letters_and_the_opening_word_are_named():
    text = profile(QUIET)
    assert text.startswith(PROFILE)
    for sentence in ("About 5 words.", "Starts in lower case.", "No final punctuation.", "Often starts with: how.", "foxes"):
        assert sentence in text


def test_another_hand_is_described_otherwise():
    text = profile(LOUD)
    for sentence in ("About 2 words.", "Capitalizes Every Word.", "Ends with !", "Often starts with: Foxes."):
        assert sentence in text
    assert "lower case" not in text


def test_no_three_words_of_an_answer_are_repeated():
    for answers in (QUIET, LOUD * 3):
        words = [answer.split() for answer in answers]
        runs = {" ".join(line[at : at + 3]) for line in words for at in range(len(line) - 2)}
        assert not [run for run in runs if run in profile(answers)]


def test_the_profile_is_all_that_is_kept_and_all_that_is_told():
    user = User("ann", [Record("Question", answer, i) for i, answer in enumerate(QUIET)])
    method, lm = StatsProfile(), ScriptedLM([])
    state = method.enroll([user], lm)[0]
    bent = method.personalize(state, ask("Of foxes?"), lm)
    assert not len(state.records)
    assert [message.content for message in bent.messages] == [state.text, "Of foxes?"] and bent.because == ("profile",)


@pytest.mark.parametrize("user", [NOBODY, User("silent", [Record("Question", " \n", 0)])])
def test_of_a_person_who_wrote_nothing_nothing_is_told(user):
    method, lm = StatsProfile(), ScriptedLM([])
    assert method.personalize(method.enroll([user], lm)[0], conversation(), lm) == conversation()


def test_only_the_newest_answers_are_counted():
    assert profile(LOUD + QUIET, newest=5) == profile(QUIET) != profile(LOUD + QUIET)
