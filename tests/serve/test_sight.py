"""What of a person a model may see: cut where something is not to be told, and nothing else changed."""

import pytest

from idiolect.serve.sight import Cut, on_this_machine, seen, without
from idiolect.store.wishes import Gone, Handling, Wished
from idiolect.types import Record, User

HOME = Gone("I live in Ghent", ("elsewhere",))


def left(text, gone=HOME, **more):
    found = without(Record(more.pop("prompt", ""), text, more.pop("time", 1.0), "r", **more), [Cut(gone)])
    return None if found is None else found.answer


@pytest.mark.parametrize(
    "text,after",
    [
        ("I live in Ghent.", None),
        ("I live in Ghent and I love cycling. Rain is fine.", "I love cycling. Rain is fine."),
        ("Well: I LIVE  in\nGhent! And you?", "Well! And you?"),
        ("It is in Ghent that I live. Rain is fine.", "Rain is fine."),
        ("My brother lives in Ghent.", "My brother lives in Ghent."),
        ("I live in Bruges.", "I live in Bruges."),
        ("Version 3.5 of it , really", "Version 3.5 of it , really"),
    ],
)
def test_a_text_is_cut_where_it_says_what_is_not_to_be_told_and_only_there(text, after):
    assert left(text) == after


def test_what_others_said_to_them_is_cut_too_and_a_record_without_words_of_its_own_is_none():
    record = Record("So you live in Ghent, I live in Ghent too?", "Yes.", 1.0, "q", "correction", "I live in Ghent.")
    kept = without(record, [Cut(HOME)])
    assert (kept.prompt, kept.answer, kept.other) == ("So you live in Ghent, too?", "Yes.", "") or "Ghent" not in kept.prompt + kept.other


def test_of_a_fact_put_right_only_records_up_to_then_are_cut():
    gone = Gone("I live in Ghent", ("r",), until=5.0)
    assert left("I live in Ghent.", gone, time=5.0) is None and left("I live in Ghent.", gone, time=6.0) == "I live in Ghent."


def test_of_a_fact_in_a_models_words_the_sentence_goes_that_it_was_read_from():
    gone = Gone("The dog is named Bodo", ("r",))
    assert left("We got a dog in May and named it Bodo. Rain is fine.", gone) == "Rain is fine."
    assert left("Rain is fine.", gone) == "Rain is fine."


def test_a_short_text_is_no_licence_to_cut_much():
    assert left("I like rain. It is fine.", Gone("I like it", ("x",))) == "I like rain. It is fine."


def test_nothing_wished_changes_nothing_and_costs_no_copy():
    user = User("ann", [Record("", "I live in Ghent.", 1.0)])
    assert seen(user, Wished(), local=False) is user


def test_consent_and_sensitivity_decide_what_is_seen():
    records = [
        Record("", "a", 1, "a"),
        Record("", "b", 2, "b"),
        Record("", "c", 3, "c"),
        Record("Q", "5", 4, "d", "rating"),
        Record("", "e", 5, "chat:1"),
    ]
    wished = Wished({"rating": False}, records={"a": Handling("local"), "b": Handling("never")})
    assert [record.id for record in seen(User("ann", records), wished, local=True).records] == ["a", "c"]
    assert [record.id for record in seen(User("ann", records), wished, local=False).records] == ["c"]
    wished = Wished({"conversation": True})
    assert [record.id for record in seen(User("ann", records), wished, local=False).records] == ["a", "b", "c", "d", "chat:1"]


@pytest.mark.parametrize("model,local", [("tiny", True), ("Qwen/Qwen2.5-0.5B", True), ("http://127.0.0.1:8000/v1#x", False), ("", False)])
def test_whatever_has_an_address_is_taken_to_be_elsewhere(model, local):
    assert on_this_machine(model) is local
