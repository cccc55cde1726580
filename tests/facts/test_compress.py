"""Compression only ever takes words away, those that say least first."""

import pytest

from idiolect.errors import RequestError
from idiolect.facts.compress import compressed

TEXT = "Ann: the heron of the river ate the buns that the baker left.\nBob: so did 2 of the foxes."


def subsequence(short, long):
    rest = iter(long.split())
    return all(word in rest for word in short.split())


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_words_are_only_left_out_lines_stay_and_so_do_names_numbers_and_ends(rate):
    short = compressed(TEXT, rate)
    assert subsequence(short, TEXT) and short.count("\n") == 1
    assert len(short.split()) >= rate * len(TEXT.split()) - 1e-9
    assert {"Ann:", "left.", "Bob:", "2", "foxes.", "heron", "buns", "baker"} <= set(short.split())


def test_the_most_frequent_function_words_go_first():
    assert compressed(TEXT, 0.9) == TEXT.replace("the heron of the river", "heron of river")
    assert compressed("", 0.5) == "" and compressed("heron heron heron", 0.5) == "heron heron"


def test_a_rate_that_is_no_share_is_refused():
    with pytest.raises(RequestError, match=r"not 1\.5"):
        compressed(TEXT, 1.5)
