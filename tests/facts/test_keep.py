"""The laws of facts with time: order never matters, nothing twice changes nothing, what is forgotten was never read."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.facts.keep import ENDED, PINNED, Policy, current, folded, forget_sources, history, kept, remember, says_the_same, used
from idiolect.types import Fact

WORDINGS = (
    ("fact", "home", "I live in Ghent"),
    ("fact", "home", "i live in  GHENT."),
    ("fact", "home", "I moved to Oslo"),
    ("fact", "home", "I live in Rome"),
    (ENDED, "home:ghent", "I no longer live in Ghent"),
    (ENDED, "home:oslo", "I no longer live in Oslo"),
    ("preference", "likes:tea", "I like tea"),
    ("preference", "likes:tea", "I do not like tea"),
    ("fact", "", "My sister grows the most wonderful old roses behind her house"),
    ("fact", "", "My sister grows the most wonderful old red roses behind her house"),
    ("fact", "", "my sister grows the most wonderful old roses behind her house!"),
    ("preference", "", "my sister grows the most wonderful old roses behind her house!"),
)
SOURCES = ("r1", "r2", "r3", "r4", "r5")
facts = st.builds(
    lambda said, sources, since: Fact(said[2], tuple(sources), float(since), kind=said[0], key=said[1]),
    st.sampled_from(WORDINGS),
    st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2, unique=True),
    st.integers(0, 4),
)
many = st.lists(facts, max_size=9)


def said(*rows):
    """Facts of (text, key, time), each from a record of its own."""
    return [Fact(text, (f"r{number}",), float(time), key=key) for number, (text, key, time) in enumerate(rows, start=1)]


def what_holds(facts, time=math.inf):
    return {(f.text, f.kind, f.key, frozenset(f.sources), f.since, f.until) for f in current(facts, time)}


@settings(max_examples=80, deadline=None)
@given(many, st.randoms())
def test_the_order_of_arrival_and_the_parts_they_come_in_change_nothing(facts, random):
    whole = remember((), facts)
    shuffled = random.sample(facts, len(facts))
    at = random.randint(0, len(facts))
    assert remember(remember((), shuffled[:at]), shuffled[at:]) == whole
    assert remember((), shuffled) == whole


@settings(max_examples=80, deadline=None)
@given(many, many)
def test_remembering_again_changes_nothing(facts, more):
    once = remember(remember((), facts), more)
    assert remember(once, more) == once == remember(once, ()) == remember(once, once)


@settings(max_examples=80, deadline=None)
@given(many, st.sets(st.sampled_from(SOURCES)))
def test_what_is_forgotten_was_never_read(facts, ids):
    without = [Fact(f.text, tuple(s for s in f.sources if s not in ids), f.since, kind=f.kind, key=f.key) for f in facts]
    left = forget_sources(remember((), facts), ids)
    never = remember((), without)
    for time in (math.inf, *range(6)):
        assert what_holds(left, time) == what_holds(never, time)
    assert {(f.text, f.sources) for f in left} == {(f.text, f.sources) for f in never}


@settings(max_examples=50, deadline=None)
@given(many)
def test_of_a_key_at_most_one_fact_holds_at_a_time(facts):
    made = remember((), facts)
    for time in (math.inf, *range(6)):
        keys = [f.key.partition(":")[0] if f.kind == ENDED else f.key for f in current(made, time) if f.key]
        assert len(keys) == len(set(keys))


@settings(max_examples=50, deadline=None)
@given(many)
def test_no_source_of_anything_is_lost(facts):
    made = remember((), facts)
    assert {source for f in made for source in f.sources} == {source for f in facts for source in f.sources}


def test_what_is_said_again_is_one_fact_with_both_sources_and_the_first_wording():
    (only,) = current(remember((), said(("I live in Ghent", "home", 1), ("i live in ghent!", "home", 5))))
    assert (only.text, only.sources, only.since, only.last) == ("I live in Ghent", ("r1", "r2"), 1.0, 5.0)


def test_forgetting_the_first_of_two_records_leaves_the_words_of_the_second():
    both = remember((), said(("I live in Ghent", "home", 1), ("i live in ghent!", "home", 5)))
    (left,) = current(forget_sources(both, {"r1"}))
    assert (left.text, left.sources, left.since) == ("i live in ghent!", ("r2",), 5.0)
    assert "Ghent" not in "".join(f.text for f in forget_sources(both, {"r1"}))


def test_a_newer_fact_of_the_same_key_replaces_the_older():
    made = remember((), said(("I live in Ghent", "home", 1), ("I moved to Oslo", "home", 5)))
    assert [f.text for f in current(made)] == ["I moved to Oslo"]
    assert [f.text for f in current(made, 3)] == ["I live in Ghent"]
    assert [(f.text, f.until) for f in history(made, "home")] == [("I live in Ghent", 5.0), ("I moved to Oslo", math.inf)]


def test_an_older_fact_that_arrives_late_is_stored_already_ended():
    late = remember(said(("I moved to Oslo", "home", 5)), [Fact("I live in Ghent", ("old",), 1.0, key="home")])
    assert [f.text for f in current(late)] == ["I moved to Oslo"] and history(late, "home")[0].until == 5.0


def test_what_only_a_forgotten_record_ended_holds_again():
    made = remember((), said(("I live in Ghent", "home", 1), ("I moved to Oslo", "home", 5)))
    assert [f.text for f in current(forget_sources(made, {"r2"}))] == ["I live in Ghent"]
    assert [f.text for f in current(forget_sources(made, {"r1"}))] == ["I moved to Oslo"]
    assert forget_sources(made, {"r1", "r2"}) == ()


def test_a_place_returned_to_holds_twice():
    made = remember((), said(("I live in Ghent", "home", 1), ("I moved to Oslo", "home", 3), ("I live in Ghent", "home", 5)))
    assert [(f.text, f.since, f.until) for f in history(made, "home")] == [
        ("I live in Ghent", 1.0, 3.0),
        ("I moved to Oslo", 3.0, 5.0),
        ("I live in Ghent", 5.0, math.inf),
    ]


def test_what_is_over_ends_only_what_says_it():
    over = Fact("I no longer live in Ghent", ("r9",), 9.0, kind=ENDED, key="home:ghent")
    ended = remember(said(("I live in Ghent", "home", 1)), [over])
    assert [f.text for f in current(ended)] == ["I no longer live in Ghent"]
    untouched = remember(said(("I live in Ghent", "home", 1), ("I moved to Oslo", "home", 5)), [over])
    assert [f.text for f in current(untouched)] == ["I moved to Oslo"]


def test_an_end_that_was_given_stays_until_the_fact_is_heard_again():
    until = Fact("I am away from home", ("r1",), 1.0, until=4.0)
    assert current(remember((), [until])) == () and current(remember((), [until]), 3.0)
    heard = remember((), [until, Fact("I am away from home", ("r2",), 6.0)])
    assert [f.sources for f in current(heard)] == [("r2",)] and not current(heard, 5.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("I like tea", "i LIKE tea.", True),
        ("I like green tea", "I like tea", False),
        ("I don't like tea", "I dont like tea", True),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight nine ten eleven", True),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight nine ten not", False),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight nine ten 11", False),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight nine eleven", False),
        ("日本に住んでいます", "日本に住んでいます。", True),
    ],
)
def test_texts_say_the_same_if_one_adds_little_and_neither_a_number_nor_a_not(one, other, same):
    assert says_the_same(one, other) is same is says_the_same(other, one)


def test_facts_of_two_kinds_or_of_nothing_in_common_stay_apart():
    made = remember(
        (), [Fact("short please", ("a",), kind="preference"), Fact("short please", ("b",), kind="correction"), Fact("x y", ("c",))]
    )
    assert len(current(made)) == 3


def test_a_fact_without_a_source_is_none():
    assert remember((), [Fact("I live in Ghent", ())]) == ()


def test_folding_leaves_what_has_no_letters_as_it_is():
    assert folded("  It's  FINE! ") == "its fine" and folded(" \U0001f642 ") == "\U0001f642"


def test_a_fact_that_was_told_counts_it_and_remembers_when():
    (one,) = remember((), said(("I like tea", "likes:tea", 1)))
    (told,) = used(used([one], {one.id}, 7.0), {one.id}, 6.0)
    assert (told.uses, told.last) == (2, 7.0) and used([one], {"another"}, 7.0) == (one,)
    assert remember([told], [one])[0].uses == 2


def test_weight_halves_with_each_half_life_and_grows_with_use():
    policy = Policy(half_life=10.0)
    assert policy.weight(Fact("x", ("r",), since=0.0), now=20.0) == 0.25
    assert policy.weight(Fact("x", ("r",), since=0.0, uses=3, last=10.0), now=20.0) == 2.0
    assert Policy().weight(Fact("x", ("r",), since=0.0, uses=1), now=1e9) == 2.0


def test_ended_facts_go_first_then_the_lightest_and_pinned_ones_never():
    made = remember((), [*said(("I live in Ghent", "home", 1), ("I moved to Oslo", "home", 5), ("I like tea", "likes:tea", 3))])
    made = remember(made, [Fact("the character is a pirate", ("p",), 0.0, kind=PINNED)])
    texts = [[f.text for f in kept(made, Policy(most=most, half_life=1.0), now=9.0)] for most in (4, 3, 2, 1, 0)]
    assert texts[1] == ["the character is a pirate", "I like tea", "I moved to Oslo"]
    assert texts[2] == ["the character is a pirate", "I moved to Oslo"]
    assert texts[3] == texts[4] == ["the character is a pirate"] and len(texts[0]) == 4


def test_what_is_old_and_was_never_told_goes_where_the_policy_says_so():
    old, told = Fact("I like tea", ("a",), 0.0), Fact("I like rum", ("b",), 0.0, uses=2, last=1.0)
    assert kept([old, told], Policy(half_life=5.0, least_uses=1), now=20.0) == (told,)
    assert kept([old, told], Policy(half_life=50.0, least_uses=1), now=20.0) == (old, told)
