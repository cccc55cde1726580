"""A rating changed: the new points in its place, and no words are ever replaced that way."""

import pytest

from idiolect.errors import DataError
from idiolect.store import Store
from idiolect.store.ratings import replace
from idiolect.types import Record


def test_the_new_points_stand_in_the_old_ones_place_and_the_version_grows(places):
    with Store(places()) as store:
        store.add("ann", [Record("Q", "1", 5.0, "rated", "rating", "R"), Record("", "words", 6.0, "said")])
        before = store.version("ann")
        assert replace(store._session, "ann", Record("Q", "5", 7.0, "rated", "rating", "R"))
        assert [(r.id, r.answer, r.time) for r in store.user("ann").records] == [("said", "words", 6.0), ("rated", "5", 7.0)]
        assert store.version("ann") > before
        assert not replace(store._session, "ann", Record("Q", "5", 7.0, "no such", "rating"))
        assert not replace(store._session, "ann", Record("Q", "5", 7.0, "said", "rating"))
        assert not replace(store._session, "bob", Record("Q", "5", 7.0, "rated", "rating"))
        with pytest.raises(DataError, match="Store.edit"):
            replace(store._session, "ann", Record("", "other words", 7.0, "said"))
