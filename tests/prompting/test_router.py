"""Router: questions whose kind is known, the reasons it gives, and that records which do not bear on a question change nothing."""

import pytest

from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.plain import Plain
from idiolect.prompting.rag import RAG
from idiolect.prompting.router import ROUTES, Router
from idiolect.prompting.stats_profile import StatsProfile
from idiolect.types import History, Record, User, ask
from tests.conformance.people import text_of

TOLD = [
    ("", "The dentist is on 14 March 2024 at nine."),
    ("", "Our cat is called Minka and she hates thunder."),
    ("", "For dinner with Elena we went to the harbour restaurant."),
    ("Reply to an invitation to a concert.", "no can do, sorry! maybe next week?"),
    ("Reply to an invitation to a picnic.", "sounds fun, count me in!"),
    ("Reply to an invitation to a wedding.", "so happy for you both, we will be there!"),
    ("Reply to an invitation to a lecture.", "thanks, can't make it, send me the slides?"),
    ("Reply to an invitation to a hike.", "yes!! what should we bring?"),
]
ANN = User("ann", [Record(prompt, answer, float(time)) for time, (prompt, answer) in enumerate(TOLD)])
ELSEWHERE = [Record("Notes on gardening", f"Tulip bulbs, bed {n + 300}, watered.", 100.0 + n) for n in range(30)]
ROUTED = [
    ("What is the name of my cat?", "extraction"),
    ("When is my dentist appointment?", "extraction"),
    ("Who did I have dinner with at the harbour?", "extraction"),
    ("What happens on 14 March 2024?", "extraction"),
    ("Comment s'appelle le cat Minka?", "extraction"),
    ("How do I usually reply to an invitation?", "abstraction"),
    ("Reply to an invitation to a play in my usual tone.", "abstraction"),
    ("Reply to an invitation.", "abstraction"),
    ("Which style do I prefer?", "abstraction"),
    ("Explain quantum chromodynamics.", "generalization"),
    ("Would a motorcycle please me more than a sailing boat?", "generalization"),
]


def routed(records, question, **settings):
    place, why = Router(**settings).route(records, question)
    return ROUTES[place], why


@pytest.mark.parametrize(("question", "route"), ROUTED)
def test_a_question_of_a_known_kind_goes_its_way_and_the_reason_says_so(question, route):
    assert routed(ANN.records, question)[0] == route
    bent = Router().personalize(Router().enroll([ANN], ScriptedLM())[0], ask(question), ScriptedLM())
    assert bent.because[0].startswith(f"route:{route}, ") and len(bent.because[0]) > len(f"route:{route}, ") + 10


@pytest.mark.parametrize("question", [question for question, route in ROUTED if "style" not in question])
def test_records_that_share_no_word_with_the_question_change_neither_route_nor_reason(question):
    more = History([*ELSEWHERE[:10], *ANN.records, *ELSEWHERE])
    assert routed(more, question) == routed(ANN.records, question)


def test_where_few_records_bear_on_it_a_profile_is_not_drawn_from_them():
    asked = "How do I usually reply to an invitation?"
    assert routed(ANN.records[:5], asked)[0] == "generalization"
    assert routed(ANN.records[:5], asked, enough=2)[0] == "abstraction"


def test_each_route_tells_its_own():
    lm, state = ScriptedLM(), Router().enroll([ANN], ScriptedLM())[0]
    cat, manner, new = (Router(k=1).personalize(state, ask(ROUTED[n][0]), lm) for n in (0, 5, 9))
    assert "Minka" in text_of(cat) and "How this person writes" not in text_of(cat)
    assert "How this person writes" in text_of(manner) and "invitation" in text_of(manner).partition("Wrote")[0]
    assert "How this person writes" in text_of(new) and new.because[2] == f"record:{ANN.records[-1].id}"


def test_links_given_as_settings_are_taught_and_only_the_one_routed_to_is_asked():
    lm, router = ScriptedLM(), Router((RAG(k=1), StatsProfile(), Plain()))
    router.fit([ANN], lm)
    state = router.enroll([ANN], lm)[0]
    assert [bool(part.text) for part in state.parts] == [False, True, False] and state.records == ANN.records
    cat, manner, new = (router.personalize(state, ask(ROUTED[n][0]), lm) for n in (0, 5, 9))
    assert [len(bent.because) for bent in (cat, manner, new)] == [2, 2, 1]
    assert "Minka" in text_of(cat) and text_of(new) == ROUTED[9][0]


def test_what_is_observed_is_routed_by_at_once():
    router, lm = Router((RAG(k=1), StatsProfile(), Plain())), ScriptedLM()
    state = router.enroll([User("ann", ANN.records[:1])], lm)[0]
    state = router.observe(state, ANN, ANN.records[1:], lm)
    assert "Minka" in text_of(router.personalize(state, ask("What is the name of my cat?"), lm))


def test_a_router_needs_what_its_links_need():
    class Weighty(Plain):
        needs = frozenset({"adapters"})

    assert Router().needs == frozenset() and Router((Plain(), Plain(), Weighty())).needs == {"adapters"}


def test_two_links_for_three_routes_are_refused():
    with pytest.raises(MethodError, match="a link for each of extraction, abstraction, generalization, or none at all, not 2"):
        Router((Plain(), Plain())).enroll([ANN], ScriptedLM())
