"""Ask 9: adding is slow, because a model is asked before anything is kept."""

from idiolect.memory.long_term import LongTerm
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.retrieval.index import Index
from idiolect.store import Store
from tests.asks.lives import assistant, database, said, silent, told


def test_ask_9_a_record_is_on_the_disk_and_told_at_once_and_no_model_is_asked(tmp_path):
    for number, method in enumerate((RAG(), LongTerm(), LongTerm(reader="model"))):
        with Store(database(tmp_path / str(number))) as store:
            who = assistant(store, method, silent())
            for hour in range(5):
                who.observe("ann", said(f"The heron of hour {hour} ate {hour} fish.", hour))
                assert len(store.user("ann").records) == hour + 1
                assert f"hour {hour}" in told(who, f"heron of hour {hour}?")


def test_ask_9_a_raw_record_is_searchable_before_it_has_a_vector(tmp_path):
    with Store(database(tmp_path)) as store:
        index = Index(store)
        index.add("ann", [said("The heron stood by the river."), said("The train was late.", 1)])
        assert [record.answer for record in index.search("ann", "a heron?", 1)] == ["The heron stood by the river."]


def test_ask_9_extraction_by_a_model_comes_later_and_in_batches():
    lm = ScriptedLM(lambda request: "[]")
    who = assistant(method=LongTerm(reader="model"), lm=lm)
    who.observe("ann", *(said(f"note {n} of mine", n) for n in range(40)))
    assert lm.requests == []
    who.update("ann")
    assert len(lm.requests) == 2
