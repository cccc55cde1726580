"""PUMA in the small shop, with an agent that can only use what it is told: which function, which fields, and whose memory."""

import re
from collections import Counter

import pytest

from idiolect.data.shop import CATEGORIES, QUALITIES, STORES, called, function_accuracy, result_accuracy, results, shop
from idiolect.memory.puma import DID, PUMA
from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval.measures import alike
from idiolect.types import History, Record, State, ask
from tests.conformance.people import ANN, text_of

USERS, TASKS = shop()
KEYS = {"review": "review", "words what": "review", "need": "search", "find": "search", "which": "search"}


def agent(request):
    """Names a function by a word of the request; calls it with what is told most often, or newest, of the person."""
    text, question = text_of(request), request.question
    if "Which function" in question:
        asked = question.partition("Request: ")[2].lower()
        return next((function for key, function in KEYS.items() if key in asked), "recommend")
    memory = text.partition(DID)[2]
    if "Call search" in text or ("Call" not in text and "recommend" not in text and any(c in question for c in CATEGORIES)):
        often = [Counter(re.findall("|".join(kinds), memory)).most_common(1) for kinds in (STORES, QUALITIES)]
        thing = next((c for c in CATEGORIES if c in question), "")
        return f'search("{" ".join([thing, *(found[0][0] for found in often if found)])}")'
    if "Call review" in text:
        own = re.findall(r"text: (.*)", memory)
        return f'review("{own[0] if own else ""}")'
    return f"recommend({', '.join(re.findall(r'id: (p[0-9]{3})', memory)[:5])})"


def played(states):
    """For each task the call, and its result, with these states instead of the people's own."""
    lm, method = ScriptedLM(agent, can=()), PUMA()
    calls = [called(lm.generate([method.personalize(states[task.user], ask(task.instruction), lm)])[0].text) for task in TASKS]
    worth = [
        alike(call.argument, task.target) if task.function == "review" == call.function else result_accuracy(results(call), task.target)
        for call, task in zip(calls, TASKS)
    ]
    return function_accuracy(calls, TASKS), sum(worth) / len(worth)


OWN = {user.id: State(records=user.records) for user in USERS}
OTHERS = {user.id: OWN[USERS[(place + 1) % len(USERS)].id] for place, user in enumerate(USERS)}
NONE = {user.id: State() for user in USERS}


def test_with_their_own_memory_the_right_function_is_called_and_finds_what_they_want():
    functions, found = played(OWN)
    assert functions == 1.0 and found > 0.9


def test_with_another_persons_memory_or_none_less_is_found():
    own, other, none = played(OWN), played(OTHERS), played(NONE)
    assert other[0] == own[0] and other[1] < own[1] - 0.3
    assert none[1] < own[1] - 0.3


@pytest.mark.parametrize(("function", "has", "hasnt"), [
    ("search", {"title", "category", "price", "store"}, {"rating", "text", "id"}),
    ("recommend", {"id", "title", "category"}, {"price", "store", "rating"}),
    ("review", {"rating", "text"}, {"price", "store", "id"}),
])  # fmt: skip
def test_what_is_told_are_the_fields_that_the_function_needs(function, has, hasnt):
    lm = ScriptedLM(lambda request: function, can=())
    bent = PUMA().personalize(OWN["shopper 0"], ask("Serve me."), lm)
    fields = set(re.findall(r"(?:^- (?:purchase: |review of [^:]*: )|; )(\w+): ", text_of(bent), re.MULTILINE))
    assert fields == has and not fields & hasnt
    assert bent.because[0] == f"function:{function}" and len(lm.requests) == 1


def test_what_was_bought_is_told_newest_first_to_a_function_of_ids():
    bent = PUMA().personalize(OWN["shopper 1"], ask("What else could be for me?"), ScriptedLM(lambda request: "recommend", can=()))
    bought = [re.search(r"id: (\w+)", r.answer)[1] for r in USERS[1].records if "id:" in r.answer]
    assert re.findall(r"id: (\w+)", text_of(bent)) == bought[::-1]


def test_a_function_that_is_not_there_is_replaced_by_the_one_whose_use_is_asked_for():
    lm = ScriptedLM(lambda request: "delete_everything()", can=())
    assert PUMA().chosen("write a review of a product", lm)[0] == "review"
    assert PUMA().chosen("what may I like next, by what I bought before", lm)[0] == "recommend"


def test_of_several_names_the_first_counts():
    assert PUMA().chosen("q", ScriptedLM(lambda request: "Review, not search.", can=()))[0] == "review"


def test_memory_keeps_within_the_budget_and_the_nearest_stand_first():
    lm = ScriptedLM(lambda request: "search", can=())
    bent = PUMA(budget=40).personalize(OWN["shopper 0"], ask("I need a new kettle."), lm)
    lines = text_of(bent).partition(DID)[2].split("\n\n")[0].strip().splitlines()
    assert 0 < len(lines) < 4 and len(lines) == sum(reason.startswith("record:") for reason in bent.because)


def test_nothing_from_the_time_of_the_task_or_later_is_told():
    later = Record("purchase", "title: Later lamp\nid: p999\ncategory: lamp", 500.0)
    task, history = Record("I need a new lamp.", "search", 500.0), History([*USERS[0].records, later])
    lm = ScriptedLM(lambda request: "search", can=())
    told = [text_of(PUMA().personalize(State(records=records), ask(task.prompt), lm)) for records in (history, history.before(task))]
    assert ["Later lamp" in text for text in told] == [True, False]


def test_who_has_no_behaviours_with_fields_is_quoted_without_asking_the_model():
    lm = ScriptedLM(can=())
    bent = PUMA(pool=2).personalize(State(records=ANN.records), ask("Write a title on foxes."), lm)
    assert not lm.requests and len(bent.because) == 2 and "Call" not in text_of(bent)


def test_one_text_with_a_colon_makes_no_shop_of_a_history():
    lm, odd = ScriptedLM(can=()), Record("A note", "title: something", 99.0)
    PUMA().personalize(State(records=History([*ANN.records, odd])), ask("Write a title on foxes."), lm)
    assert not lm.requests
