"""Rankers and methods asked which records they would use, on histories counted by hand."""

from dataclasses import dataclass

import pytest

from idiolect.errors import MethodError, ModelError
from idiolect.evaluation.recalled import ByMethod, finder, named, quotes, reworded, silent
from idiolect.method import Method
from idiolect.prompt import build, quoted
from idiolect.prompting.plain import Plain
from idiolect.prompting.rag import RAG
from idiolect.retrieval import BM25
from idiolect.types import Fact, History, Record, Reply, State, User, ask

ANN = User(
    "ann", History([Record("", text, time, f"a{time}") for time, text in enumerate(["red fox", "blue fox", "green hen", "old hat"])])
)
BOB = User("bob", History([Record("", "a fox of another", 0, "b0")]))


def known(name, method=None):
    made = finder(name, method, silent())
    made.know([ANN, BOB])
    return made


def test_a_ranker_is_asked_for_its_ranking():
    found = known("bm25").find("ann", "the green hen and the fox", 3)
    assert [one for (one,) in found] == [record.id for record in BM25(ANN.records).search("the green hen and the fox", 3)]


def test_a_ranker_tells_what_it_finds_and_names_it():
    bm25 = known("bm25")
    bent = bm25.tell("ann", ask("hat"))
    assert bm25.told("ann", bent)[0] == "a3" and "old hat" in bent.messages[0].content


def test_a_method_that_tells_in_order_of_rank_gives_the_rankers_order():
    rag, bm25 = known("rag", RAG(k=2)), known("bm25")
    assert [set(group) for group in rag.find("ann", "green fox", 3)] == [{one} for (one,) in bm25.find("ann", "green fox", 3)]
    assert len(rag.told("ann", rag.tell("ann", ask("green fox")))) == 2


@dataclass
class InOrder(Method):
    """Tells the `k` nearest in the order of time, as most methods do."""

    k: int = 4

    def personalize(self, state, request, lm):
        return build(request, [quoted(BM25(state.records).search(request.question, self.k))], lm)


def test_the_order_of_a_method_is_that_in_which_records_come_in_as_it_tells_more():
    groups = known("in_order", InOrder()).find("ann", "green hen hat", 4)
    assert [set(group) for group in groups] == [{one} for (one,) in known("bm25").find("ann", "green hen hat", 3)] + [{"a0"}]


@dataclass
class Told(Method):
    """Tells everything at once, says which, and has no setting for how much; it quotes somebody else too."""

    def personalize(self, state, request, lm):
        return request.told("x", because=[*state.records, "record:b0", "left out:record:a9, 3 tokens, of 0 that were left"])


def test_a_method_without_such_a_setting_gives_one_group_of_the_persons_own():
    assert known("told", Told()).find("ann", "hat", 1) == [("a0", "a1", "a2", "a3")]


@dataclass
class Noted(Method):
    """Tells two facts: one quotes a record, the other speaks of two."""

    def enroll(self, users, lm):
        facts = (Fact("green hen", ("a2",)), Fact("animals: fox", ("a0", "a1")))
        return [State(facts=facts) for _ in users]

    def personalize(self, state, request, lm):
        return request.told("x", because=[f"fact:{fact.id}" for fact in state.facts])


def test_a_fact_counts_for_the_record_that_it_quotes_and_for_no_other_it_comes_from():
    noted = known("noted", Noted())
    assert noted.told("ann", noted.tell("ann", ask("hat"))) == ("a2",)
    assert quotes(Fact("green HEN", ("a2",)), ANN.records[2]) and not quotes(Fact("reen hen", ("a2",)), ANN.records[2])


@dataclass
class Answers(Method):
    """Answers by itself."""

    def personalize(self, state, request, lm):
        return Reply("so", because=("record:a1", "profile"))


def test_a_method_that_answers_by_itself_is_known_by_its_replys_reasons():
    assert known("answers", Answers()).find("ann", "hat", 5) == [("a1",)]


def test_plain_uses_nothing_at_all():
    assert known("plain", Plain()).find("ann", "hat", 5) == []


def test_what_a_model_must_be_able_to_do_is_said_before_anything_runs():
    method = Plain()
    type(method).needs, before = frozenset({"adapters"}), type(method).needs
    try:
        with pytest.raises(ModelError, match="adapters"):
            ByMethod("plain", method, silent())
    finally:
        type(method).needs = before


def test_a_name_that_is_no_ranker_is_refused_with_those_there_are():
    with pytest.raises(MethodError, match="fusion"):
        finder("nearest", None, silent())


def test_reasons_are_read_once_each_in_their_order():
    assert named(["record:b", "profile", "record:a", "record:b", "fact:f"], {"fact:f": ["c", "a"]}) == ("b", "a", "c")


def test_another_question_leaves_what_was_told():
    bent = reworded(ask("one").told("about Ann"), "two")
    assert bent.question == "two" and bent.messages[0].content == "about Ann"


def test_dense_and_fusion_embed_each_text_once(monkeypatch):
    pytest.importorskip("sentence_transformers")
    from idiolect.retrieval import dense

    seen = []

    class Encoder:
        def encode(self, texts, **options):
            seen.extend(texts)
            return [[float("fox" in text), 1.0] for text in texts]

    monkeypatch.setattr(dense, "encoder", lambda model: Encoder())
    embedded = {}
    for name in ("dense", "fusion"):
        made = finder(name, None, silent(), known=embedded)
        for _ in range(2):
            made.know([ANN, BOB])
            assert len(made.find("ann", "a fox", 2)) == 2
    assert len(seen) == len(set(seen)) == len(embedded) == 6
