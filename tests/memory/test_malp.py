"""MaLP's two memories as a state machine: the laws of its moves, on accesses that are counted by hand."""

import random

from idiolect.memory.malp import MaLP
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, State, User, ask

ASKED = "What should I eat for dinner tonight?"
DIET = Record(ASKED, "I am vegetarian.", 0.0)
AGAIN = [Record(ASKED, "soup", float(time), f"again {time}") for time in range(1, 6)]


def observed(method, *records):
    """The state after each record."""
    state, states = State(), []
    for count in range(1, len(records) + 1):
        state = method.observe(state, User("ann", records[:count]), records[count - 1 : count], ScriptedLM([]))
        states.append(state)
    return states


def entry(state, text):
    return next(fact for fact in state.facts if fact.text == text)


def test_an_entry_moves_at_exactly_the_access_that_the_threshold_names():
    for threshold in (1, 2, 4):
        method = MaLP(threshold=threshold)
        states = observed(method, DIET, *AGAIN)
        tiers = [method.tier(entry(state, "I am vegetarian")) for state in states]
        assert tiers == ["short"] * threshold + ["long"] * (6 - threshold)


def test_an_entry_is_accessed_only_by_questions_that_find_it():
    other = Record("When does the last train to Oslo leave?", "at nine", 1.0)
    state = observed(MaLP(threshold=1), DIET, other)[-1]
    assert entry(state, "I am vegetarian").uses == 0 and {MaLP(threshold=1).tier(fact) for fact in state.facts} == {"short"}


def log(count=80, seed=0):
    """A long history of questions about a few things, many of them asked again in nearly the same words."""
    chance = random.Random(seed)
    things = "dinner trains foxes herons buns rain".split()
    return [
        Record(
            f"What should I know of {chance.choice(things)} {chance.choice(['today', 'now'])}?",
            f"note {i} of {chance.choice(things)}",
            float(i),
        )
        for i in range(count)
    ]


def test_no_entry_is_lost_by_promotion_none_goes_back_and_no_memory_holds_more_than_it_may():
    method = MaLP(threshold=2, short=5, long=7)
    states = observed(method, *log())
    moved = 0
    for before, after in zip(states, states[1:], strict=False):
        tiers = {fact.text: method.tier(fact) for fact in after.facts}
        assert len(tiers) == len(after.facts)  # in one memory, once
        assert list(tiers.values()).count("short") <= 5 and list(tiers.values()).count("long") <= 7
        for fact in before.facts:
            if method.tier(fact) == "long":
                assert tiers.get(fact.text, "long") == "long"
            elif tiers.get(fact.text) == "long":
                moved += 1
        gone = {fact.text for fact in before.facts} - tiers.keys()
        full = [tier for tier, most in (("short", 5), ("long", 7)) if list(tiers.values()).count(tier) == most]
        assert not gone or full  # what goes makes room
    assert moved > 3


def test_the_same_log_gives_the_same_memories_at_once_and_step_by_step():
    records = log()
    once = MaLP(short=5).enroll([User("ann", records)], ScriptedLM([]))[0]
    assert once.facts == observed(MaLP(short=5), *records)[-1].facts == MaLP(short=5).enroll([User("ann", records)], ScriptedLM())[0].facts


def test_a_fact_is_told_where_its_question_comes_again_in_nearly_the_same_words():
    state = observed(MaLP(), DIET)[-1]
    bent = MaLP().personalize(state, ask("What should I eat for lunch tonight?"), ScriptedLM())
    assert "I am vegetarian" in bent.messages[0].content and f"record:{DIET.id}" in bent.because
    assert MaLP().personalize(state, ask("Any trains?"), ScriptedLM()) == ask("Any trains?")


def test_what_is_in_the_long_memory_is_found_by_meaning_and_what_is_not_is_not():
    far = ask("Name a vegetarian dish of Ghent, please, one that I can cook for six friends")
    for threshold, told in ((1, True), (9, False)):
        state = observed(MaLP(threshold=threshold), DIET, *AGAIN)[-1]
        assert bool(MaLP(threshold=threshold).personalize(state, far, ScriptedLM()).because) == told
