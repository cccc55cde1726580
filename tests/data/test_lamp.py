"""LaMP's tasks: recognised by their own words, the traps of finding what is asked, and what of a record is searched and shown."""

import pytest

from idiolect.data import corpora, lamp, ratings
from idiolect.data.lamp import FORMS, Piece, form, free, piece, query, recognised
from idiolect.errors import DataError
from idiolect.types import Record

CITATION = (
    'For an author who has written the paper with the title "On foxes", which reference is related? Just answer with [1] or [2] '
    'without explanation. [1]: "Sleep of dogs" [2]: "Dates"'
)
REVIEW = (
    'Generate the review text written by a reviewer who has a given an overall rating of "4.0" for a product with description '
    '"A "big" kettle". The summary of the review text is "Boils".'
)


@pytest.mark.parametrize("one", FORMS.values(), ids=lambda one: one.name)
def test_a_question_belongs_to_the_task_that_worded_it(one):
    assert recognised(one.ask("some text")) is one and form(one.name.lower().replace("-", "_")) is one


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        (corpora.TITLE, "LaMP-5"),
        (corpora.SUBJECT, "LaMP-6"),
        (corpora.AUTHORSHIP, "LaMP-1"),
        (ratings.OFFENCE, "LaMP-3"),
        (ratings.TAG, "LaMP-2"),
    ],
)
def test_what_stands_in_is_recognised_too(instruction, name):
    one = recognised(f"{instruction}\n\nthe matter: of it")
    assert one is not None and one.name == name
    assert free(one, f"{instruction}\n\nthe matter: of it") == "the matter: of it"


def test_a_question_of_nobodys_is_not_recognised_and_an_unknown_name_is_refused():
    assert recognised("What of the dogs?") is None and recognised("") is None
    with pytest.raises(DataError, match="LaMP-2-old"):
        form("LaMP-9")


@pytest.mark.parametrize("name", ["LaMP-2", "LaMP-2-old", "LaMP-3", "LaMP-4", "LaMP-5", "LaMP-6", "LaMP-7"])
def test_the_query_is_the_free_text_after_the_mark(name):
    assert query(form(name), form(name).ask("A text: with a colon."), strict=True) == "A text: with a colon."


def test_a_citation_is_searched_by_its_two_references_and_a_quote_in_a_title_shifts_only_the_published_query():
    assert query(form("LaMP-1"), CITATION, strict=True) == query(form("LaMP-1"), CITATION) == "Sleep of dogs Dates"
    shifted = CITATION.replace("On foxes", 'On "foxes"')
    assert query(form("LaMP-1"), shifted, strict=True) != "Sleep of dogs Dates"
    assert query(form("LaMP-1"), shifted) == "Sleep of dogs Dates"


def test_the_query_of_an_abstract_is_what_follows_its_items_and_a_review_asks_with_everything():
    asked = 'Generate an abstract for the title "Foxes" using the following items: 1. sleep 2. dates'
    assert query(form("LongLaMP-abstract"), asked) == "1. sleep 2. dates"
    assert query(form("LongLaMP-review"), REVIEW) == REVIEW


def test_titles_are_searched_where_the_published_code_does_it():
    for name, corpus in (("LaMP-3", "x y"), ("LaMP-4", "T x y"), ("LaMP-5", "T x y"), ("LaMP-6", "x y"), ("LaMP-2", "x y")):
        assert piece(form(name), Record(form(name).ask("x y"), "T")) == Piece("x y", "T", corpus)
    news = piece(form("LaMP-2-old"), Record(form("LaMP-2-old").ask("The title\nThe text"), "sports"))
    assert news == Piece("The text", "sports", "The title The text")
    assert piece(form("LaMP-7"), Record("", "a tweet")) == Piece("a tweet", "", "a tweet")


def test_a_paper_of_an_author_is_shown_by_its_title_and_searched_by_its_abstract_too():
    assert piece(form("LaMP-1"), Record(f"{lamp.ABSTRACT}On foxes", "They sleep.")) == Piece("On foxes", "", "On foxes They sleep.")
    asked, answer = corpora.choice("Mine", "Theirs", first=False)
    assert piece(form("LaMP-1"), Record(asked, answer)) == Piece("Mine", "", "Mine")


def test_long_records_keep_their_fields():
    made = piece(form("LongLaMP-review"), Record(REVIEW, "It boils."))
    assert made.corpus == '4.0 Boils A "big" kettle It boils.'
    assert made.label == '"4.0" is a rating for the product with description "A "big" kettle". "Boils'
    paper = piece(form("LongLaMP-abstract"), Record('Generate an abstract for the title "Foxes"', "word " * 800))
    assert paper.label == "Foxes" and len(paper.text.split()) == 750
    post = piece(form("LongLaMP-topic"), Record("Generate the content for a reddit post a dog", "He barks."))
    assert post == Piece("He barks.", "a dog", "a dog He barks.")


def test_the_labels_stand_in_the_published_order():
    assert (len(lamp.TAGS), lamp.TAGS[0], lamp.TAGS[-1]) == (15, "sci-fi", "true story")
    assert (len(lamp.CATEGORIES), lamp.CATEGORIES[0], lamp.CATEGORIES[-1]) == (15, "women", "food & drink")
