"""The reader of PrefEval, on two invented preferences of its form."""

import pytest

from idiolect.data import prefeval
from idiolect.errors import DataError
from tests.evaluation.published import write_prefeval


def test_an_item_has_three_forms_and_the_sentence_that_tells(tmp_path):
    hotel, soup = prefeval.read(write_prefeval(tmp_path))
    assert (hotel.id, soup.id, hotel.topic) == ("travel-0", "travel-1", "travel") and hotel.options[0] == "right 0"
    assert hotel.telling["explicit"] == ("travel-0:0", "I avoid hotels with noisy bars.")
    assert hotel.telling["choice"] == ("travel-0:1", "I take the first, since the other is not for me.")
    assert hotel.telling["persona"] == ("travel-0:1", "I avoid hotels with noisy bars.")
    assert [record.prompt for record in hotel.said["choice"]] == ["", "1. This\n2. That"]
    assert [record.prompt for record in hotel.said["persona"]] == ["", "Nice."]


def test_a_preference_that_no_sentence_shows_has_no_such_form(tmp_path):
    file = write_prefeval(tmp_path) / "implicit_preference/persona-driven/travel.json"
    file.write_text(file.read_text().replace("I only eat plants. What", "What"))
    assert set(prefeval.read(tmp_path)[1].telling) == {"explicit", "choice"}


def test_other_talk_is_what_the_person_said_with_what_it_answers(tmp_path):
    others = prefeval.between(write_prefeval(tmp_path))
    assert len(others) == 6 and others[:3] == [("", "user 0 0"), ("assistant 0 0", "user 0 1"), ("", "user 1 0")]


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    with pytest.raises(DataError, match="amazon-science/PrefEval"):
        prefeval.read(tmp_path)
    (write_prefeval(tmp_path) / "mcq_options" / "travel.json").write_text("[]")
    with pytest.raises(DataError, match="differ in length"):
        prefeval.read(tmp_path)


def test_of_sentences_that_share_as_much_the_one_that_speaks_of_a_taste_tells(tmp_path):
    file = write_prefeval(tmp_path) / "implicit_preference/persona-driven/travel.json"
    texts = (
        file.read_text()
        .replace("I plan a trip.", "These plants grow well.")
        .replace("I only eat plants. What", "I never eat but plants. What")
    )
    file.write_text(texts)
    assert prefeval.read(tmp_path)[1].telling["persona"] == ("travel-1:1", "I never eat but plants.")
