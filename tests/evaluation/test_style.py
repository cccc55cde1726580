"""Style distance: 0 where it must be, smaller in one's own manner, never more than the cap."""

from idiolect.evaluation.style import CAP, Style
from idiolect.types import History, Record, User


def user(name: str, *answers: str) -> User:
    return User(name, History(Record("", answer, float(i)) for i, answer in enumerate(answers)))


def test_a_text_equal_to_the_history_is_at_distance_zero() -> None:
    style = Style([user("a", "fix the parser", "fix the parser"), user("b", "RELEASE!!")])
    assert style.distance("fix the parser", "a") == 0.0
    assert style.distance("fix the parser", "b") > 0.0


def test_a_text_in_ones_own_manner_is_nearer_than_one_in_anothers() -> None:
    style = Style(
        [user("a", "fix: parser", "add: tests", "fix: docs"), user("b", "We Ship It Today!", "You Will Love This!"), user("c", "ok", "no")]
    )
    assert style.distance("add: parser", "a") < style.distance("add: parser", "b")
    assert style.distance("We Love It!", "b") < style.distance("We Love It!", "a")


def test_no_feature_counts_more_than_the_cap() -> None:
    style = Style([user("a", "same"), user("b", "same")])
    assert style.distance("same", "a") == 0.0
    assert style.distance("UTTERLY, DIFFERENT! 123 🎉\n\n" * 30, "a") <= CAP


def test_one_person_alone_is_measured_by_the_spread_of_their_own_texts() -> None:
    style = Style([user("a", "short", "a rather longer text of many words")])
    assert 0.0 < style.distance("short", "a") < CAP
