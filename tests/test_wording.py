"""Records and profiles in words: what is quoted, in which order, and what can be counted from a person's texts."""

import random

import pytest

from idiolect.types import History, Record
from idiolect.wording import ANSWER_WORDS, GIST_WORDS, PROFILE, QUOTED, SUMMARIZE, about, clip, describe, quote, quote_one


def answers(*texts):
    return [Record("p", text, i) for i, text in enumerate(texts)]


def test_clipping_keeps_the_first_words_and_shows_the_cut():
    assert clip("one  two\nthree", 3) == "one two three"
    assert clip("one two three four", 3) == "one two three ..."
    assert clip(" \n ", 3) == ""


@pytest.mark.parametrize(
    ("prompt", "matter"),
    [
        ("Write a title:\n\nThe abstract.\n\nIts second paragraph.", "The abstract.\n\nIts second paragraph."),
        ("No instruction at all", "No instruction at all"),
        ("An instruction with nothing after it\n\n \n", "An instruction with nothing after it\n\n \n"),
        ("word " * 30 + "\n\nmore", "word " * 30 + "\n\nmore"),
        ("", ""),
    ],
    ids=["an instruction", "no blank line", "nothing after it", "a long first paragraph", "nothing"],
)
def test_what_a_prompt_is_about_leaves_the_instruction_out(prompt, matter):
    assert about(prompt) == matter


def test_quoting_is_oldest_first_whatever_the_order_given():
    records = answers("first", "second", "third")
    shuffled = random.Random(1).sample(records, 3)
    assert quote(shuffled) == quote(records) == f"{QUOTED}\n\nAbout: p\nWrote: first\n\nAbout: p\nWrote: second\n\nAbout: p\nWrote: third"


def test_nothing_quoted_is_nothing_said():
    assert quote([]) == "" and quote(History()) == ""


def test_plain_text_is_quoted_without_a_prompt():
    assert quote_one(Record("", "just said")) == quote_one(Record(" \n", "just said")) == "Wrote: just said"


def test_long_prompts_and_answers_are_shortened_in_a_quote():
    made = quote_one(Record("Write:\n\n" + "p " * 500, "a " * 500))
    assert made == f"About: {'p ' * GIST_WORDS}...\nWrote: {'a ' * ANSWER_WORDS}..."


def test_braces_and_odd_characters_are_quoted_as_they_are():
    odd = "{history} %s \x00 שלום \U0001f642 \ud83d"
    assert odd in quote_one(Record("p", odd))
    assert odd in SUMMARIZE.format(history=quote(answers(odd)))


@pytest.mark.parametrize("records", [[], answers("", " \n")], ids=["none", "empty answers"])
def test_of_no_texts_there_is_no_profile(records):
    assert describe(records) == ""


def test_a_profile_counts_lengths_capitals_endings_openings_and_words():
    made = describe(answers("fix parser of dates!", "fix parser again!", "fix the docs!"))
    assert made == f"{PROFILE} About 3 words. Starts in lower case. Ends with ! Often starts with: fix. Often writes about: parser."


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["The Study Of Foxes", "A Model Of Dogs"], "Capitalizes Every Word."),
        (["The study of foxes", "A model of dogs"], "Starts with a capital."),
        (["the study", "a model"], "Starts in lower case."),
        (["the study", "a model"], "No final punctuation."),
        (["the study.", "a model."], "Ends with ."),
        (["one two three", "one", "one two three four five"], "About 3 words."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_way_of_writing_is_named(texts, said):
    assert said in describe(answers(*texts))


def test_where_half_the_texts_differ_nothing_is_said_of_it():
    made = describe(answers("the study of foxes.", "A model of dogs"))
    assert "capital" not in made.lower() and "lower case" not in made and "Ends" not in made and "punctuation" not in made


def test_what_was_said_once_is_no_habit():
    assert "Often" not in describe(answers("foxes sleep", "parsers run"))


def test_a_word_used_ten_times_in_one_text_is_no_habit():
    assert "Often writes about" not in describe(answers("foxes " * 10, "parsers run"))


def test_different_people_get_different_profiles():
    assert describe(answers("Fix the parser.", "Fix the docs.")) != describe(answers("ok!! lovely foxes", "ok!! more foxes"))


@pytest.mark.parametrize("text", ["\x00", "\U0001f642", "שלום עולם", "\ud83d", "...", "1 2 3", "\u202e"], ids=ascii)
def test_any_text_can_be_described(text):
    assert describe(answers(text, text)).startswith(PROFILE)
