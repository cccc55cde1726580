"""Normal forms and Levenshtein's distance, beside the plain recursion."""

import random
from functools import cache

import pytest

from idiolect.errors import MethodError
from idiolect.retrieval.questions import asked_before, distance, normal


def plain(one, other):
    @cache
    def of(i, j):
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (one[i - 1] != other[j - 1]))

    return of(len(one), len(other))


def test_the_distance_is_the_textbooks_and_the_bound_only_cuts_what_lies_above_it():
    chance = random.Random(0)
    for _ in range(200):
        one, other = ("".join(chance.choices("abc", k=chance.randrange(9))) for _ in range(2))
        true = plain(one, other)
        assert distance(one, other) == distance(list(one), list(other)) == true
        for most in range(6):
            assert distance(one, other, most) == min(true, most + 1)


def test_kitten_and_sitting_are_three_edits_apart_and_tokens_count_as_one():
    assert distance("kitten", "sitting") == 3 and distance("a fine day".split(), "a day".split()) == 1


def test_the_normal_form_leaves_out_what_is_asked_about():
    assert normal("What is  like < Quick > ?") == normal("what is like <slow>") == "what is like"
    assert normal("Write a title:\n\nOf foxes.") == "write a title"
    assert normal("Write the headline of this post.\n\nOf foxes.") == "write the headline of this post"
    assert normal("Hello there!\n\nWhen does it rain?") == "hello there when does it rain"
    assert normal("<fox>") == "fox" and normal("?!") == ""


def test_five_edits_are_the_same_question_and_six_are_not():
    key = "what sounds like this word here"
    assert asked_before(key + "abcde", [key]) == 0 and asked_before(key + "abcdef", [key]) is None


def test_of_two_short_questions_a_third_of_the_letters_must_agree_in_place():
    assert distance("lunch", "movie") < 6 and asked_before("lunch?", ["movie"]) is None


def test_of_several_the_nearest_is_found_and_of_equals_the_latest():
    assert asked_before("what is like", ["what is unlike", "what is like", "what is alike"]) == 1
    assert asked_before("what is like", ["what is liked", "what is likes"]) == 1


def test_nothing_is_found_for_nothing_and_an_unknown_way_is_refused():
    assert asked_before("", ["a question"]) is None and asked_before("a question", []) is None
    with pytest.raises(MethodError, match="there are edits, hash, dense"):
        asked_before("a", ["a"], by="magic")
