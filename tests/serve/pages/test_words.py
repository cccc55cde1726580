"""Times, numbers and addresses as pages put them."""

import pytest

from idiolect.serve.pages import words


def test_a_time_is_a_day_and_a_number_where_it_is_none():
    assert words.when(1_700_000_000.0) == "14 November 2023" and words.stamp(1_700_000_000.0) == "2023-11-14T22:13:20+00:00"
    assert words.moment(1_700_000_000.0) == "14 November 2023, 22:13 UTC"
    for odd in (3.0, -1e18, 1e18):
        assert words.when(odd).startswith("no. ") and words.stamp(odd) == ""


def test_a_number_stands_with_its_noun():
    assert [words.count(number, "record") for number in (0, 1, 2, 12345)] == ["no records", "1 record", "2 records", "12,345 records"]
    assert words.count(2, "person", "people") == "2 people"


def test_any_text_becomes_one_short_line():
    assert words.line("a\n\n b\tc") == "a b c" and words.line("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("person", ["ann", "a/b", "..", "\udc80", "50% & more?#"])
def test_an_address_is_ascii_and_leads_to_one_person(person):
    made = words.about(person)
    assert made.isascii() and made.startswith("/about") and " " not in made and "#" not in made
    assert made.count("/") == (1 if person == ".." else 2)
    assert words.talk(person).startswith("/?user=")
