"""TaciTree: its leaves are the facts, and what a judge says yes to is what is told."""

import pytest

from idiolect.errors import MethodError
from idiolect.memory.taci_tree import TOPIC, TaciTree
from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval.clustering import under
from idiolect.types import Record, User, ask

THINGS = {
    "birds": "heron gull swan stork",
    "trains": "engine rail station signal",
    "food": "saffron bun bread soup",
    "rain": "cloud storm drizzle flood",
}
TEXTS = [f"a note on {kind} and the {word} number {n}" for kind, words in THINGS.items() for word in words.split() for n in ("one", "two")]
ANN = User("ann", [Record("", text, float(time)) for time, text in enumerate(TEXTS)])


def grown(lm=None, **settings):
    return TaciTree(**settings).enroll([ANN], lm or ScriptedLM([]))[0]


def leaves(state):
    return [fact for fact in state.facts if fact.kind != TOPIC]


def test_the_leaves_below_the_top_are_the_facts_each_once():
    state = grown()
    parents = state.arrays["parents"].tolist()
    top = [below for below, parent in zip(under(parents, len(leaves(state))), parents, strict=True) if parent == -1]
    assert sorted(leaf for below in top for leaf in below) == list(range(len(TEXTS))) and len(top) == len(TEXTS) // 6
    assert sorted(fact.text for fact in leaves(state)) == sorted(TEXTS)


def test_with_a_judge_who_says_yes_everything_is_told_and_with_one_who_says_no_nothing():
    state = grown()
    yes, no = ScriptedLM(lambda asked: "Yes."), ScriptedLM(lambda asked: "no, why?")
    assert len(TaciTree(judge="model").followed(state, "Of birds?", yes)) == len(TEXTS)
    assert len(yes.requests) == len(state.facts)  # every node of every visited branch once
    assert TaciTree(judge="model").followed(state, "Of birds?", no) == []
    assert len(no.requests) == state.arrays["parents"].tolist().count(-1)


def test_only_branches_that_are_followed_are_asked_about():
    state = grown()
    lm = ScriptedLM(lambda asked: "yes" if "heron" in asked.question.partition("asks:")[2] else "no")
    found = TaciTree(judge="model").followed(state, "Of what bird?", lm)
    assert {fact.text for fact in found} == {f"a note on birds and the heron number {n}" for n in ("one", "two")}
    assert len(lm.requests) < len(state.facts)


def test_likeness_leads_to_the_facts_that_the_question_is_about():
    bent = TaciTree(k=2).personalize(grown(), ask("What of the saffron food?"), ScriptedLM([]))
    assert bent.messages[0].content.count("saffron") == 2 and len(bent.because) == 2


def test_few_facts_are_one_level_and_none_are_no_tree():
    few = TaciTree().enroll([User("bob", ANN.records[:5]), User("nobody")], ScriptedLM([]))
    assert few[0].arrays["parents"].tolist() == [-1] * 5 and not few[1].facts
    assert TaciTree().personalize(few[1], ask("Of birds?"), ScriptedLM([])) == ask("Of birds?")


def test_what_is_observed_is_found_at_once_and_grows_the_tree_that_enrolling_grows():
    before = TaciTree().enroll([User("ann", ANN.records[:-1])], ScriptedLM([]))[0]
    after = TaciTree().observe(before, ANN, ANN.records[-1:], ScriptedLM([]))
    assert after.facts == grown().facts and after.arrays["parents"].tolist() == grown().arrays["parents"].tolist()


def test_a_model_reads_facts_and_names_topics_where_it_is_the_writer():
    lm = ScriptedLM(lambda asked: "On many things." if asked.question.startswith("In one short") else '[{"text": "a heron", "source": 1}]')
    state = grown(lm, writer="model")
    assert {fact.text for fact in state.facts if fact.kind == TOPIC} == {"On many things."}


def test_a_judge_that_is_neither_is_refused():
    with pytest.raises(MethodError, match="'likeness' or 'model'"):
        TaciTree(judge="jury").followed(grown(), "Of birds?", ScriptedLM())
