"""The index: found as soon as it is kept, by vectors as soon as they are made, and by no two embedders at once."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from idiolect.errors import MethodError, ModelError, RequestError, StoreError
from idiolect.retrieval.encoding import HashedWords
from idiolect.retrieval.index import Index, Progress
from idiolect.store import Store
from idiolect.types import Record

ROOT = Path(__file__).parents[2]
SAID = ["the heron ate nineteen buns", "rain on the slow train home", "tea is better than coffee", "the parser fails on dates"]


class Turned(HashedWords):
    """Another embedder: the same words in other places. It can be told to stop."""

    name = "turned"

    def __init__(self, calls=10**9):
        self.calls = calls

    def encode(self, texts):
        self.calls -= 1
        if self.calls < 0:
            raise ModelError("the embedder is gone")
        return np.roll(super().encode(texts), 7, axis=1)


def records(texts, start=0):
    return [Record("", text, start + at) for at, text in enumerate(texts)]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "p.db") as opened:
        yield opened


def answers(index, user_id, query, k=1, by=""):
    return [record.answer for record in index.search(user_id, query, k, by)]


@pytest.mark.parametrize("embedder", [None, HashedWords()])
def test_a_record_is_found_as_soon_as_it_is_acknowledged(store, embedder):
    index = Index(store, embedder)
    assert index.add("ann", records(SAID)) == 4 and index.add("ann", records(SAID)) == 0
    index.add("bob", records(["bob saw a heron too"]))
    assert answers(index, "ann", "a heron with buns") == SAID[:1] and len(index.search("ann", "the", 99)) <= 4
    assert answers(index, "bob", "heron", 9) == ["bob saw a heron too"]


def test_vectors_are_made_in_batches_over_all_people_and_only_once(store):
    class Counting(HashedWords):
        sizes: list[int] = []

        def encode(self, texts):
            self.sizes.append(len(texts))
            return super().encode(texts)

    index, heard = Index(store, Counting()), []
    for who in ("ann", "bob", "cyd"):
        index.add(who, records([f"{who} {text}" for text in SAID]))
    assert index.waiting() == 3
    Counting.sizes.clear()
    assert index.complete(heard.append, at_once=6) == 12 and Counting.sizes == [6, 6]
    assert heard == [Progress(1, 3, 6), Progress(3, 3, 12)] and index.waiting() == 0
    assert index.complete() == 0 and Counting.sizes == [6, 6]
    assert answers(index, "bob", "tea or coffee") == [f"bob {SAID[2]}"]
    index.add("bob", records(["a zebra on the line"], 9))
    assert answers(index, "bob", "zebra line", 1) == ["a zebra on the line"], "found by its words"
    assert index.complete() == 1 and answers(index, "bob", "zebra line", 1) == ["a zebra on the line"]


def test_a_pending_record_that_shares_no_word_takes_nobodys_place(store):
    index = Index(store, HashedWords())
    index.add("ann", records(SAID))
    index.complete()
    index.add("ann", records(["quite another thing"], 9))
    assert answers(index, "ann", "nineteen buns", 2)[0] == SAID[0] and "quite another thing" not in answers(
        index, "ann", "nineteen buns", 4
    )


def test_words_vectors_and_both_are_ways_to_search(store):
    index = Index(store, HashedWords())
    index.add("ann", records(SAID))
    index.complete()
    for by in ("dense", "words", "both"):
        assert answers(index, "ann", "dates that the parser fails on", 1, by) == SAID[3:]
    index.add("ann", records(["the parser fails on other dates"], 9))
    assert answers(index, "ann", "parser fails on other dates", 1, "words") == ["the parser fails on other dates"]
    with pytest.raises(MethodError, match="not searched by 'smell'; there are dense, words, both"):
        index.search("ann", "x", by="smell")
    with pytest.raises(RequestError, match="not -1"):
        index.search("ann", "x", -1)
    with pytest.raises(MethodError, match="no embedder"):
        Index(store).search("ann", "x", by="dense")
    for by in ("words", "dense"):
        with pytest.raises(StoreError, match="'zoe' is not in the store"):
            index.search("zoe", "x", by=by)


def test_another_embedder_than_the_stores_is_refused_with_the_way_out(store):
    index = Index(store, HashedWords())
    index.add("ann", records(SAID))
    index.complete()
    for ask in (lambda other: other.search("ann", "x"), lambda other: other.complete(), lambda other: other.waiting()):
        with pytest.raises(StoreError, match=r"made by 'hash' \(1024 wide.*not by 'turned' .*idiolect reindex"):
            ask(Index(store, Turned()))

    class Changed(Turned):
        name = "hash"

    with pytest.raises(StoreError, match="made by 'hash' .*not by 'hash'"):
        Index(store, Changed()).search("ann", "x")
    assert answers(Index(store, Turned()), "ann", "heron", by="words") == SAID[:1]


def test_reindexing_answers_all_the_while_goes_on_where_it_was_and_ends_in_the_new_space(store):
    index = Index(store, HashedWords())
    for number in range(9):
        index.add(f"person {number}", records([f"{number} {text}" for text in SAID]))
    index.complete()
    elsewhere, seen = Index(store, HashedWords()), []

    def meanwhile(progress):
        seen.append(progress)
        for one in (index, elsewhere):
            for number in (0, 8):
                assert answers(one, f"person {number}", "nineteen buns") == [f"{number} {SAID[0]}"]

    with pytest.raises(ModelError, match="the embedder is gone"):
        index.reindex(Turned(5), meanwhile, at_once=8)  # the probes, and twice a batch and a query
    assert seen == [Progress(2, 9, 8), Progress(4, 9, 16)]
    assert answers(index, "person 8", "tea or coffee") == [f"8 {SAID[2]}"]
    elsewhere.add("person 0", records(["a zebra on the line"], 9))
    assert index.reindex(Turned(), meanwhile, at_once=8) == 5 * 4 + 1
    assert index.embedder.name == "turned" and answers(index, "person 0", "zebra line") == ["a zebra on the line"]
    assert answers(Index(store, Turned()), "person 8", "tea or coffee") == [f"8 {SAID[2]}"]
    with pytest.raises(StoreError, match="made by 'turned' .*not by 'hash'"):
        elsewhere.search("person 0", "x")
    assert index.reindex(Turned()) == 0, "there is nothing to do"


def test_while_another_embedder_is_coming_each_person_is_asked_in_a_space_of_theirs_that_is_whole(store):
    index = Index(store, HashedWords())
    for who in ("ann", "bob"):
        index.add(who, records(SAID))
    index.complete()
    coming, asked = Turned(), []
    plain = coming.encode
    coming.encode = lambda texts: (asked.extend(texts), plain(texts))[1]

    def meanwhile(progress):
        asked.clear()
        assert answers(index, "ann", "nineteen buns") == SAID[:1] and asked == ["nineteen buns"]
        asked.clear()
        assert answers(index, "bob", "nineteen buns") == SAID[:1] and asked == ["nineteen buns"] * (progress.done == 2)

    index.reindex(coming, meanwhile, at_once=4)


def test_threads_search_and_add_while_vectors_are_made(store):
    index = Index(store, HashedWords())
    index.add("ann", records(SAID))
    failed = []

    def searching():
        try:
            for _ in range(40):
                assert answers(index, "ann", "nineteen buns") == SAID[:1]
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=searching) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        index.add("ann", records([f"filler {number}"], 10 + number))
        index.complete()
    for thread in threads:
        thread.join()
    assert not failed and index.waiting() == 0


def test_erasing_takes_words_and_vectors_out_of_memory_too(store):
    index = Index(store, HashedWords())
    index.add("ann", records(SAID))
    index.complete()
    assert answers(index, "ann", "heron", by="both") and len(index._words) == len(store.vectors.recent) == 1
    assert index.erase("ann").clean and len(index._words) == len(store.vectors.recent) == 0


REINDEXER = """
import sys, time
from idiolect.retrieval.index import Index
from idiolect.store import Store
from tests.retrieval.test_index import Turned
store = Store(sys.argv[1])
Index(store).reindex(Turned(), lambda progress: (print(progress.done, flush=True), time.sleep(0.02)), at_once=4)
print("done", flush=True)
"""


def test_a_reindex_that_is_killed_loses_nothing_and_goes_on(store, tmp_path):
    index = Index(store, HashedWords())
    for number in range(30):
        index.add(f"person {number}", records([f"{number} {text}" for text in SAID]))
    index.complete()
    command = [sys.executable, "-c", REINDEXER, str(tmp_path / "p.db")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    for _ in range(5):
        running.stdout.readline()
        assert answers(index, "person 29", "nineteen buns") == [f"29 {SAID[0]}"]
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert answers(index, "person 0", "tea or coffee") == [f"0 {SAID[2]}"]
    left = index.reindex(Turned())
    assert 0 < left <= 100, "five people of thirty were done"
    assert all(answers(index, f"person {number}", "tea or coffee") == [f"{number} {SAID[2]}"] for number in range(30))
