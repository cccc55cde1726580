"""Statements out of corrections, and which takes whose place."""

import pytest

from idiolect.facts.feedback import TAUGHT, statement, taught
from idiolect.facts.keep import current
from idiolect.types import Record


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("No, that's wrong: whales are mammals.", "whales are mammals."),
        ("Actually, no -- whales\n are mammals", "whales are mammals"),
        ("Nobody knows.", "Nobody knows."),
        ("Nein, Wale sind S\u00e4ugetiere", "Wale sind S\u00e4ugetiere"),
        ("No!", "No!"),
    ],
)
def test_a_statement_is_what_follows_the_reproach(text, stated):
    assert statement(text) == stated


def corrections(*texts, other=""):
    return [Record("", text, float(time), kind="correction", other=other) for time, text in enumerate(texts)]


def test_a_fact_names_its_record_and_its_time():
    (fact,) = taught(corrections("whales are mammals"))
    assert (fact.text, fact.since, fact.kind) == ("whales are mammals", 0.0, TAUGHT) and len(fact.sources) == 1


def test_the_order_in_which_corrections_are_given_does_not_matter():
    given = corrections("whales are fish", "whales are not fish", "whales swim")
    assert taught(given) == taught(given[::-1]) and len(current(taught(given))) == 2


def test_a_reply_that_did_not_repeat_a_statement_ends_none():
    given = corrections("my sister lives in Bergen", "my sister works in Oslo", other="She is a nurse.")
    assert len(current(taught(given))) == 2


def test_a_chain_of_corrections_leaves_the_last():
    replies = ["", "sister lives in Bergen", "sister lives in Oslo", "sister lives in Rome"]
    texts = [f"my sister lives in {town}" for town in ("Bergen", "Oslo", "Rome", "Bergen")]
    given = [Record("", text, float(i), kind="correction", other=reply) for i, (text, reply) in enumerate(zip(texts, replies, strict=True))]
    assert [(fact.text, fact.since) for fact in current(taught(given))] == [(texts[3], 3.0)]
