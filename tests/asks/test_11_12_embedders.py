"""Asks 11 and 12: dimensions that do not match, and changing the embedding model without losing memory or mixing spaces."""

import numpy as np
import pytest

from idiolect.errors import IdiolectError, ModelError, StoreError
from idiolect.retrieval.index import Index
from idiolect.store import Store
from tests.asks.lives import database, said

NOTES = [said(text, hour) for hour, text in enumerate(("herons by the river", "the late train", "green tea", "a letter to Tom"))]


class Letters:
    """Counts letters, turned by a rotation of its own: two of one width are still two spaces."""

    def __init__(self, width, turn=0, breaks_after=None):
        self.width, self.turn, self.left = width, turn, breaks_after

    @property
    def name(self):
        return f"letters-{self.width}-{self.turn}"

    def encode(self, texts):
        if self.left is not None:
            self.left -= len(texts)
            if self.left < 0:
                raise ModelError("the embedder broke down")
        made = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for char in text.lower():
                made[row, (ord(char) * (self.turn + 1) + self.turn) % self.width] += 1
        return made


class Lying(Letters):
    @property
    def width(self):
        return 1536

    @width.setter
    def width(self, value):
        self.real = value

    def encode(self, texts):
        return np.ones((len(texts), self.real), np.float32)


def filled(store, embedder):
    index = Index(store, embedder)
    index.add("ann", NOTES)
    index.complete()
    return index


def test_ask_11_the_width_is_the_embedders_own_and_one_that_lies_is_refused_with_both_numbers(tmp_path):
    with Store(database(tmp_path)) as store:
        filled(store, Letters(37))
        assert store.vectors.current().width == 37
    with Store(database(tmp_path / "other")) as store, pytest.raises(ModelError, match=r"gave \(\d+, 64\) .* 1536 wide"):
        filled(store, Lying(64))


@pytest.mark.parametrize("other", [Letters(64), Letters(37, turn=5)], ids=["another width", "the same width"])
def test_ask_11_another_embedder_is_refused_by_name_with_the_command_that_helps(tmp_path, other):
    with Store(database(tmp_path)) as store:
        filled(store, Letters(37))
        for use in (lambda index: index.search("ann", "tea"), lambda index: index.complete()):
            with pytest.raises(StoreError, match="letters-37-0.*cannot be compared.*idiolect reindex"):
                use(Index(store, other))
        assert Index(store, Letters(37)).search("ann", "green tea", 1) == [NOTES[2]]


def test_ask_12_after_reindex_everything_is_found_by_the_new_model_and_the_old_one_is_refused(tmp_path):
    with Store(database(tmp_path)) as store:
        old, new = Letters(37), Letters(64, turn=3)
        index = filled(store, old)
        assert index.reindex(new) == len(NOTES)
        for note in NOTES:
            assert index.search("ann", note.answer, 1) == [note] == Index(store, new).search("ann", note.answer, 1)
        with pytest.raises(IdiolectError):
            Index(store, old).search("ann", "tea")
        assert list(store.user("ann").records) == NOTES


def test_ask_12_a_reindex_that_breaks_down_loses_nothing_and_goes_on_where_it_was(tmp_path):
    with Store(database(tmp_path)) as store:
        for name in ("ann", "bob", "cyd"):
            store.add(name, [said(f"{note.answer} of {name}", hour) for hour, note in enumerate(NOTES)])
        index = Index(store, Letters(37))
        index.complete()
        breaking = Letters(64, turn=3, breaks_after=6 + 4)  # the probes, and one person
        with pytest.raises(ModelError, match="broke down"):
            index.reindex(breaking, at_once=4)
        assert Index(store, Letters(37)).search("bob", "green tea of bob", 1)[0].answer == "green tea of bob"
        assert Index(store, Letters(37)).reindex(Letters(64, turn=3), at_once=4) == 8
        assert Index(store, Letters(64, turn=3)).search("cyd", "herons by the river of cyd", 1)[0].answer == "herons by the river of cyd"


def test_ask_12_while_a_new_model_comes_no_vector_of_one_is_compared_with_one_of_the_other(tmp_path):
    """A search in the middle, by whoever, gives what one of the two models alone would give."""
    with Store(database(tmp_path)) as store:
        for name in ("ann", "bob"):
            store.add(name, NOTES)
        old, new = Letters(37), Letters(37, turn=5)
        index, found = Index(store, old), []
        index.complete()
        index.reindex(new, tell=lambda _: found.append([index.search(name, "green tea", 1) for name in ("ann", "bob")]), at_once=4)
        assert found and all(one == [[NOTES[2]], [NOTES[2]]] for one in found)
