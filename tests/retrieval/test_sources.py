"""The grammar of sources, which no score can leave, and relevance in tenths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.retrieval.sources import END, NULL, SOURCES, allowed, decoded, plans, relevance, tenths, whole

TOKENS = (NULL, END, *SOURCES, "nonsense")


def test_the_whole_sequences_are_null_and_the_sources_in_their_order():
    assert plans() == ((), ("profile",), ("records",), ("profile", "records"))


@given(st.dictionaries(st.sampled_from(TOKENS), st.floats(-5, 5)))
def test_whatever_the_scores_only_a_sequence_of_the_grammar_is_decoded(likes):
    assert decoded(lambda begun: likes) in plans()


@pytest.mark.parametrize("begun", [("nonsense",), ("records", "profile"), (NULL, "records"), ("profile", "profile"), ("records", END, END)])
def test_what_is_off_the_grammar_is_refused(begun):
    with pytest.raises(RequestError, match="is no sequence of sources"):
        allowed(begun)


def test_null_ends_at_once_and_a_source_may_call_on_a_later_one():
    assert allowed(()) == (NULL, "profile", "records") and allowed((NULL,)) == (END,)
    assert allowed(("profile",)) == ("records", END) and allowed(("records",)) == (END,)


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4, unique=True))
def test_scores_of_whole_sequences_decode_to_the_best_of_them(scores):
    assert decoded(whole(dict(zip(plans(), scores)))) == plans()[int(np.argmax(scores))]


@given(st.floats(0, 1))
def test_a_tenth_is_within_half_a_tenth_of_what_it_stands_for(value):
    assert abs(relevance(tenths(value)) - value) <= 0.05 + 1e-9


def test_tenths_reach_from_0_to_10_and_there_is_no_other():
    assert [tenths(value) for value in (-3, 0, 0.04, 0.06, 0.96, 1, 7)] == [0, 0, 0, 1, 10, 10, 10]
    assert all(tenths(relevance(place)) == place for place in range(11))
    with pytest.raises(RequestError, match="not 11"):
        relevance(11)
