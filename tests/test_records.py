"""Kinds of records, what is derived from a history, and when a fact holds."""

import math
import pickle

import pytest

from idiolect.errors import DataError
from idiolect.types import KINDS, WRITTEN, Fact, History, Record


def test_a_message_keeps_the_id_it_had_before_there_were_kinds():
    assert Record("p", "a", 1.0).id == "fb4b709270f24063"


def test_kind_and_other_are_part_of_what_a_record_is():
    made = {Record("p", "a", 1.0, kind=kind, other="draft").id for kind in KINDS} | {Record("p", "a", 1.0).id}
    assert len(made) == len(KINDS) + 1
    one, other = History([Record("p", "a", id="i")]), History([Record("p", "a", id="i", kind="edit")])
    assert one.digest != other.digest


def test_an_unknown_kind_is_refused_with_the_kinds_there_are():
    with pytest.raises(DataError, match=r"message, rating, edit, choice, correction, not 'thumb'"):
        Record("p", "a", kind="thumb")  # type: ignore[arg-type]


def test_a_history_is_asked_for_kinds_and_without_ids():
    history = History([Record("", "wrote", 1), Record("q", "4", 2, kind="rating"), Record("q", "final", 3, kind="edit", other="draft")])
    assert [record.answer for record in history.of(WRITTEN)] == ["wrote", "final"]
    assert history.of(KINDS) is history and history.without(["no such id"]) is history
    assert [record.answer for record in history.without([history[0].id])] == ["4", "final"]


def test_what_is_made_of_a_history_is_made_once_and_stays_behind_when_it_travels():
    made = []
    history = History([Record("", "a")])
    for _ in range(3):
        assert history.made("size", lambda own: made.append(len(own)) or len(own)) == 1
    assert made == [1] and history[:1].made("size", lambda own: 7) == 7
    history.made("unpicklable", lambda own: lambda: own)
    assert pickle.loads(pickle.dumps(history)) == history


def test_a_fact_holds_from_its_time_to_before_its_end():
    fact = Fact("lives in Ghent", ("r1",), since=2.0, until=5.0)
    assert [fact.holds(time) for time in (1.0, 2.0, 4.9, 5.0, math.inf)] == [False, True, True, False, False]
    assert Fact("lives in Ghent", ("r1",), since=2.0).holds()


def test_a_fact_is_named_by_what_it_says_and_its_sources():
    assert Fact("a", ("r1",)).id == Fact("a", ("r1",), since=9.0, uses=3).id != Fact("a", ("r2",)).id
