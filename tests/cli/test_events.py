"""What happens with a person is kept, told to the next answer, put right and forgotten, from the command line."""

import json
import re

import pytest

from idiolect.serve.desk import Desk
from idiolect.store import Store

CANARY = "nineteen saffron buns"


@pytest.fixture
def learnt(run, small, history, columns, tmp_path):
    """Three people learnt by RAG; the store's file."""
    place = tmp_path / "p.db"
    assert run("fit", history, *columns, "--method", "rag", "--model", small, "--store", place).code == 0
    return place


def observed(run, place, *words):
    said = run("observe", "ann", *words, "--store", place, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_the_next_answer_is_made_of_what_was_observed(run, learnt):
    made = observed(run, learnt, f"I ate {CANARY}.", "--question", "What did you eat?")
    assert made["changed"] == ["records"] and made["method"] == "rag"
    answer = json.loads(run("ask", "ann", "What did you eat?", "--store", learnt, "--max-tokens", 4, "--json").out)
    assert f"record:{made['record']}" in answer["because"]


def test_facts_that_bent_an_answer_are_shown_in_words(run, small, history, columns, tmp_path):
    place = tmp_path / "p.db"
    assert run("fit", history, *columns, "--method", "long_term", "--model", small, "--store", place).code == 0
    observed(run, place, "I live in Ghent.", "--question", "Where are you?")
    said = run("ask", "ann", "Where do I live?", "--store", place, "--max-tokens", 4)
    assert said.code == 0 and re.search(r"fact:\w+  'I live in Ghent'", said.err)
    reasons = [line.strip() for line in said.err.splitlines() if line.startswith("  ")]
    assert len(reasons) == len(set(reasons))


def test_what_the_method_does_not_read_is_kept_and_said_so(run, learnt):
    said = run("observe", "ann", "4", "--kind", "rating", "--question", "q", "--other", "a reply", "--store", learnt)
    assert "rag does not read ratings: nothing changed." in said.err
    with Store(learnt) as store:
        assert [(record.kind, record.other) for record in store.user("ann").records if record.kind != "message"] == [("rating", "a reply")]


def test_a_kind_there_is_not_is_wrong_usage_with_the_kinds_there_are(run, learnt):
    said = run("observe", "ann", "up", "--kind", "thumb", "--store", learnt)
    assert said.code == 2 and "message" in said.err and "correction" in said.err


def test_before_anything_was_fitted_it_is_kept_all_the_same(run, tmp_path):
    place = tmp_path / "new.db"
    Store(place).close()
    said = run("observe", "ann", "hello", "--store", place)
    assert said.code == 0 and "Nothing was fitted yet: idiolect fit --store" in said.err
    with Store(place) as store:
        assert len(store.user("ann").records) == 1


def test_a_forgotten_record_is_in_no_byte_and_the_person_is_still_answered(run, learnt):
    made = observed(run, learnt, f"I ate {CANARY}.", "--question", "What did you eat?")
    assert any(CANARY.encode() in file.read_bytes() for file in learnt.parent.iterdir() if file.is_file())
    said = run("forget", "ann", made["record"], "--store", learnt)
    assert said.code == 0 and "1 record forgotten" in said.out and "nothing of it is left" in said.out
    assert not any(CANARY.encode() in file.read_bytes() for file in learnt.parent.iterdir() if file.is_file())
    answer = json.loads(run("ask", "ann", "What did you eat?", "--store", learnt, "--max-tokens", 4, "--json").out)
    assert answer["because"] and f"record:{made['record']}" not in answer["because"]


def test_an_edited_record_says_what_it_should(run, learnt):
    made = observed(run, learnt, "I ate bread.", "--question", "What did you eat?")
    said = run("edit", "ann", made["record"], "I ate rye bread.", "--store", learnt, "--json")
    assert json.loads(said.out)["records"] == 1
    with Store(learnt) as store:
        kept = {record.id: record for record in store.user("ann").records}[made["record"]]
    assert (kept.prompt, kept.answer) == ("What did you eat?", "I ate rye bread.")


@pytest.mark.parametrize("command", [("forget", "ann", "nosuch"), ("edit", "ann", "nosuch", "text")])
def test_a_record_there_is_not_is_one_sentence_with_the_way_out(run, learnt, command):
    said = run(*command, "--store", learnt)
    assert said.code == 1 and "'ann' has no record 'nosuch'; `idiolect export ann` lists the ids there are" in said.err


def test_what_may_not_be_learnt_from_is_neither_learnt_nor_told(run, small, history, columns, learnt):
    ann = json.loads(run("ask", "ann", "What did you eat?", "--store", learnt, "--max-tokens", 4, "--json").out)["because"]
    assert any(reason.startswith("record:") for reason in ann)
    with Store(learnt) as store:
        Desk(store).say("ann", [("method", "rag", False)], unlearn=True)
    assert run("fit", history, *columns, "--method", "rag", "--model", small, "--store", learnt, "--again").code == 0
    said = json.loads(run("ask", "ann", "What did you eat?", "--store", learnt, "--max-tokens", 4, "--json").out)
    assert not said["because"], "ann ruled this method out"
    with Store(learnt) as store:
        assert not any(store.load("ann", one.method, one.config).records for one in store.provenance("ann"))
