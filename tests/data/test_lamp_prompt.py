"""LaMP's prompts: one literal text a task, the arithmetic of the published budget, and the budget as it should be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.data.lamp import Piece, form
from idiolect.data.lamp_prompt import Tokenizer, Words, fair, published, tokens_of, told
from idiolect.models.scripted import ScriptedLM
from tests.models.conftest import make_tokenizer

TWO = [Piece("x y", "T", ""), Piece("z", "U", "")]
PROMPTS = {  # two records and a question "Q", written down by hand
    "LaMP-2": 'the tag for the movie: "x y" is "T" , and the tag for the movie: "z" is "U" . Q',
    "LaMP-2-old": 'the category for the article: "x y" is "T" , and the category for the article: "z" is "U" . Q',
    "LaMP-3": 'T is the score for "x y" , and U is the score for "z" . Q',
    "LaMP-4": '"T" is the title for "x y" , and "U" is the title for "z" . Q',
    "LaMP-5": '"T" is a title for "x y" , and "U" is a title for "z" . Following the given patterns Q',
    "LaMP-6": '"T" is the title for "x y" , and "U" is the title for "z" . Q',
    "LaMP-7": '"x y" , and "z"  are written by a person. Following the given patterns Q',
    "LongLaMP-email": '"T" is the title for "x y" , and "U" is the title for "z" . Q',
    "LongLaMP-topic": '"T" is a summary for "x y" , and "U" is a summary for "z" . Following the given patterns, Q',
    "LongLaMP-abstract": '"x y" is the abstract for the title "T", and "z" is the abstract for the title "U". '
    "Use the above abstracts as context to understand the style and language of the user and, Q",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_a_published_prompt_is_this_text(name):
    assert published(form(name), "Q", TWO, 256, Words()) == (PROMPTS[name], 2)


def test_the_titles_of_an_author_stand_inside_the_question():
    asked = 'For an author who has written the paper with the title "On foxes", which reference is related?'
    made, shown = published(form("LaMP-1"), asked, [Piece("t1", "", ""), Piece("t2", "", "")], 256, Words())
    assert made.startswith('For an author who has written the paper with the title, and "t1", and "t2" "On foxes", which') and shown == 2


def test_a_review_names_its_rating_product_and_summary():
    one = Piece("It boils.", '"4.0" is a rating for the product with description "Kettle". "Boils', "")
    made, _ = published(form("LongLaMP-review"), "Q", [one], 256, Words())
    assert made == (
        '"4.0" is a rating for the product with description "Kettle". "Boils" is summary for "It boils." . Following the given patterns Q'
    )


def long_words(text):
    return len(re.findall(r"\bw\b", text))


@pytest.mark.parametrize(("length", "shares"), [(50, (205, 101, 49)), (153, (102, 50, 24)), (255, (102, 50, 24))])
def test_shares_are_the_published_ones(length, shares):
    """An entry's text has its share less 8, which are the words and the end of `T is the score for " " `, and less its own end."""
    asked = " ".join(["q"] * (length - 1))
    for k, share in zip((1, 2, 4), shares, strict=True):
        made, shown = published(form("LaMP-3"), asked, [Piece("w " * 500, "T", "")] * k, 256, Words())
        assert shown == k and long_words(re.split(r" , and |\. q", made)[0]) == share - 8 - 1


def test_room_that_is_left_goes_to_later_entries_only():
    asked = " ".join(["q"] * 49)
    short, long = Piece("s", "T", ""), Piece("w " * 500, "U", "")

    def words(*pieces):
        return long_words(published(form("LaMP-3"), asked, pieces, 256, Words())[0])

    assert words(long, short) == 101 - 8 - 1
    assert words(short, long) == 101 + (101 - 8 - 2) - 8 - 1


def test_where_nothing_fits_less_is_kept_for_the_question_and_at_last_it_stands_alone():
    asked, label = " ".join(["q"] * 200), " ".join(["l"] * 60)
    made, shown = published(form("LaMP-4"), asked, [Piece("w " * 50, label, "")] * 2, 256, Words())
    assert shown == 2 and len(made.split()) == 255 and 0 < made.count("q") < 200, "the question lost its end"
    assert published(form("LaMP-4"), "q", [Piece("w", "l " * 300, "")], 256, Words()) == ("q", 0)
    assert published(form("LaMP-4"), "q", [], 256, Words()) == ("q", 0)


def test_entries_are_counted_in_the_published_codes_own_words():
    """LaMP-5's budget counts `"T" is a title " " `, a word less than the entry has; LaMP-7's counts no space between its quotes."""
    asked = " ".join(["q"] * 49)
    titles, _ = published(form("LaMP-5"), asked, [Piece("w " * 500, "T", "")], 256, Words())
    tweets, _ = published(form("LaMP-7"), asked, [Piece("w " * 500, "", "")], 256, Words())
    assert long_words(titles) == 206 - 1 - 5 - 7 - 1 and long_words(tweets) == 206 - 1 - 9 - 2 - 1


def test_a_tokenizer_that_adds_no_end_leaves_a_text_empty_before_it_gives_up():
    class Unended(Words):
        def count(self, text):
            return len(text.split())

        def cut(self, text, room):
            return " ".join(text.split()[:room])

    exactly = len('T is the score for " " '.split()) + 1 + 4  # the share is the entry's own words: nothing is left for its text
    made, shown = published(form("LaMP-3"), "a b c d", [Piece("w w w", "T", "")], exactly, Unended())
    assert (made, shown) == ('T is the score for "" . a b c d', 1)


def test_long_prompts_have_no_limit():
    assert long_words(published(form("LongLaMP-topic"), "q", [Piece("w " * 900, "T", "")], 64, Words())[0]) == 900
    assert long_words(told(form("LongLaMP-topic"), "q", [Piece("w " * 900, "T", "")], 64, Words())[0]) == 900


short_texts = st.text("ab {}", max_size=60)
pieces = st.lists(st.builds(Piece, st.text("w ", max_size=300), st.text("lm ", max_size=30), st.just("")), max_size=6)
any_form = st.sampled_from(["LaMP-1", "LaMP-2", "LaMP-3", "LaMP-5", "LaMP-7"])


@given(any_form, pieces, st.integers(1, 150))
def test_no_prompt_is_longer_than_its_limit_and_no_question_loses_a_word_that_has_room(name, some, length):
    asked = " ".join(["title", *["q"] * (length - 1)])
    made, _ = published(form(name), asked, some, 256, Words())
    assert Words().count(made) <= 256 and made.count("q") == length - 1
    before, _ = told(form(name), asked, some, 256, Words())
    assert Words().count(before) + Words().count(asked) <= 256


@given(short_texts)
def test_braces_that_a_person_wrote_stay(text):
    assert text in published(form("LongLaMP-topic"), text, [Piece(text, text, "")], 256, Words())[0]


def test_what_is_told_is_the_same_words_without_stray_spaces_and_what_does_not_fit_is_left_out_the_last_first():
    assert told(form("LaMP-5"), "Q", TWO, 256, Words()) == (
        '"T" is a title for "x y", and "U" is a title for "z". Following the given patterns',
        2,
    )
    assert told(form("LaMP-1"), "Q", TWO, 256, Words())[0] == 'This author has written the papers with the titles "x y", and "z".'
    made, shown = told(form("LaMP-5"), "Q", [Piece("x", "T", ""), Piece("z", "l " * 300, "")], 256, Words())
    assert shown == 1 and made.startswith('"T" is a title for "x".')
    assert told(form("LaMP-5"), "Q", [], 256, Words()) == ("", 0)


def test_short_texts_leave_their_room_to_all_others():
    assert fair([1, 50, 50], 41) == [1, 20, 20]
    assert fair([50, 1, 50], 41) == [20, 1, 20]
    assert fair([2, 3], 41) == [2, 3] and fair([5, 5], -3) == [0, 0] and fair([], 9) == []


def test_a_models_own_tokens_are_counted_where_it_has_them_here():
    tokenizer = make_tokenizer()
    own = Tokenizer(tokenizer)
    text = "the fox sleeps under the street"
    assert own.count(text) == len(tokenizer(text)["input_ids"])
    assert own.count(own.cut(text, own.count("") + 2)) <= own.count("") + 2 and text.startswith(own.cut(text, 9).strip())
    assert own.cut(text, 0) == "" and own.count("half a pair \ud83d") > 0
    assert isinstance(tokens_of(ScriptedLM()), Words)
