"""Segments put one after another are the history, whatever cut them (the partition law of SeCom)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.facts.segments import SHOWN, WINDOW, continues, fixed, segments
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record

TEA = [Record("", f"green tea from Japan, cup {n}", float(n)) for n in range(3)]
BIKES = [Record("", f"my bicycle has a broken wheel {n}", 3.0 + n) for n in range(3)]
DAY = History([*TEA, *BIKES])


def cutting(*cuts):
    return ScriptedLM([json.dumps(cut) for cut in cuts])


def flat(parts):
    return [record for part in parts for record in part]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 9),
    st.text(max_size=40) | st.lists(st.fixed_dictionaries({"first": st.integers(-2, 12), "last": st.integers()})).map(json.dumps),
)
def test_whatever_a_model_replies_no_record_is_lost_or_twice(count, reply):
    records = [Record("", f"note {n}", float(n)) for n in range(count)]
    parts = segments(records, ScriptedLM(lambda request: reply))
    assert flat(parts) == records and all(parts)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["tea tea", "bicycle", "", "日本"]), st.integers(0, 50))), st.integers(1, 4))
def test_without_a_model_too(rows, longest):
    records = History(Record("", text, float(time), f"{n}") for n, (text, time) in enumerate(rows))
    parts = segments(records, longest=longest)
    assert flat(parts) == list(records) and all(0 < len(part) <= longest for part in parts)


def test_a_models_cuts_are_taken():
    assert segments(DAY, cutting([{"first": 1, "last": 3}, {"first": 4, "last": 6}])) == [tuple(TEA), tuple(BIKES)]


def test_cuts_with_gaps_overlaps_or_numbers_that_are_not_there_are_repaired():
    assert [
        len(part) for part in segments(DAY, cutting([{"first": 2, "last": 3}, {"first": 3, "last": 99}, {"first": 77, "last": 80}]))
    ] == [1, 1, 4]


def test_cuts_that_cannot_be_read_become_windows_of_three():
    assert segments(DAY, ScriptedLM(["no idea"])) == [tuple(TEA), tuple(BIKES)] == fixed(DAY, WINDOW)


def test_a_long_history_is_shown_in_parts():
    records = [Record("", f"note {n}", float(n)) for n in range(SHOWN + 1)]
    lm = cutting([{"first": 1, "last": SHOWN}], [{"first": 1, "last": 1}])
    assert [len(part) for part in segments(records, lm)] == [SHOWN, 1] and len(lm.requests) == 2


def test_words_and_pauses_cut_where_there_is_no_model():
    assert segments(DAY) == [tuple(TEA), tuple(BIKES)]
    later = [Record("", "green tea again", 500.0)]
    assert segments([*TEA, *later]) == [tuple(TEA), tuple(later)]
    assert segments([]) == []


def test_a_new_record_goes_on_with_the_segment_if_model_or_words_say_so():
    assert continues(TEA, Record("", "more green tea", 9.0)) and not continues(TEA, BIKES[0])
    assert continues(TEA, BIKES[0], ScriptedLM(["Yes, it is."])) and not continues(TEA, TEA[0], ScriptedLM(["no"]))


def test_a_window_holds_a_record_or_more():
    with pytest.raises(RequestError, match="1 record or more, not 0"):
        fixed(DAY, 0)
