"""LongTerm on a life whose facts are known: what it tells, why, and what it does not."""

import json

from idiolect.assistant import Assistant
from idiolect.facts.keep import current
from idiolect.memory.long_term import RECENT, WISHES, LongTerm
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record, State, User, ask

LIFE = (
    "I live in Ghent and I work as a baker.",
    "Please keep your answers short.",
    "I like green tea.",
    "I'm allergic to peanuts.",
    "The heron stood by the river all day.",
    "I moved to Oslo last week!",
)
DAY = 86400.0


def user(*answers, every=DAY):
    return User("ann", History(Record(f"question {n}", text, n * every, f"r{n}") for n, text in enumerate(answers)))


ANN = user(*LIFE)


def bent(method, question="What shall I drink?", who=ANN, lm=None):
    lm = lm or ScriptedLM()
    return method.personalize(method.enroll([who], lm)[0], ask(question), lm)


def text(method, *args, **about):
    return "\n".join(message.content for message in bent(method, *args, **about).messages[:-1])


def test_current_facts_and_wishes_are_told_with_fact_and_record_as_reasons():
    state = LongTerm().enroll([ANN], ScriptedLM())[0]
    told = bent(LongTerm())
    by_text = {fact.text: fact for fact in current(state.facts)}
    assert set(by_text) == {
        "I work as a baker",
        "Please keep your answers short",
        "I like green tea",
        "I'm allergic to peanuts",
        "I moved to Oslo last week",
    }
    for said, fact in by_text.items():
        assert said in told.messages[0].content and f"fact:{fact.id}" in told.because
    assert "record:r5" in told.because and told.messages[0].content.startswith(WISHES)


def test_the_fact_nearest_to_the_question_is_the_one_that_is_told_where_there_is_room_for_one():
    for question, said in (("A cake without peanuts?", "peanuts"), ("Which tea?", "green tea"), ("Is Oslo nice?", "Oslo")):
        told = text(LongTerm(facts=1, k=0, recent=0), question)
        assert said in told and "keep your answers short" in told
        assert sum(other in told for other in ("peanuts", "green tea", "Oslo", "baker")) == 1


def test_what_is_over_is_neither_told_nor_quoted():
    told = text(LongTerm(k=10), "Where do I live?", who=user("I live in Ghent", "The heron stood there.", "I moved to Oslo"))
    assert "Oslo" in told and "Ghent" not in told and "heron" in told


def test_a_record_that_also_says_what_still_holds_may_be_quoted():
    assert "r0" in " ".join(bent(LongTerm(k=10), "Where do I live?").because)


def test_the_last_records_of_the_same_hours_are_told_as_such():
    close = user("The heron flew.", "A gull came.", "The boat left.", every=60.0)
    told = text(LongTerm(k=0, recent=2), "And then?", who=close)
    assert told.index(RECENT) < told.index("A gull came.") < told.index("The boat left.") and "heron" not in told
    assert "A gull" not in text(LongTerm(k=0, recent=2, window=30.0), "And then?", who=close)


def test_no_record_is_quoted_twice():
    told = text(LongTerm(k=10, recent=3, window=30 * DAY), "heron")
    assert told.count("The heron stood by the river all day.") == 1


def test_what_is_observed_is_told_at_once_and_without_a_model():
    assistant = Assistant(ScriptedLM([]), LongTerm(reader="model"))
    assistant.observe("ann", *ANN.records)
    assistant.observe("ann", Record("", "No, I like rum.", 9 * DAY, "late", "correction", "You like tea."))
    told = assistant.personalize(["ann"], [ask("Rum or tea?")])[0]
    assert "I like rum" in told.messages[0].content and "record:late" in told.because


def test_observed_one_by_one_in_any_order_the_same_is_known():
    method, lm = LongTerm(), ScriptedLM()
    whole = method.enroll([ANN], lm)[0]
    for order in (ANN.records, list(ANN.records)[::-1]):
        state, seen = State(), []
        for record in order:
            seen.append(record)
            state = method.observe(state, User("ann", History(seen)), [record], lm)
        assert set(state.facts) == set(whole.facts) and state.records == whole.records


def test_facts_of_a_record_that_is_gone_go_with_the_next_record():
    method, lm = LongTerm(), ScriptedLM()
    state = method.enroll([ANN], lm)[0]
    new = Record("", "The end.", 10 * DAY, "end")
    left = User("ann", ANN.records.without({"r5"}))
    state = method.observe(state, User("ann", History([*left.records, new])), [new], lm)
    assert "I live in Ghent" in {fact.text for fact in current(state.facts)} and not any("r5" in fact.sources for fact in state.facts)


def test_a_model_adds_what_rules_miss_and_its_nonsense_is_counted():
    reply = json.dumps([{"text": "stood by the river", "key": "place", "source": 5}, {"text": "owns a yacht in Monaco", "source": 5}])
    state = LongTerm(reader="model").enroll([ANN], ScriptedLM([reply]))[0]
    texts = {fact.text for fact in state.facts}
    assert "stood by the river" in texts and "I like green tea" in texts and "owns a yacht in Monaco" not in texts
    assert state.numbers == {"bad": 1}


def test_the_lightest_facts_go_where_there_are_too_many():
    state = LongTerm(most=2, half_life=1.0).enroll([ANN], ScriptedLM())[0]
    assert {fact.text for fact in state.facts} == {"I moved to Oslo last week", "I'm allergic to peanuts"}


def test_a_budget_holds_and_says_what_was_left_out():
    told = bent(LongTerm(budget=30))
    assert any(reason.startswith("left out:") for reason in told.because) and len(told.messages[0].content) <= 30 * 4


def test_an_order_not_to_tell_is_obeyed_and_not_told_itself():
    who = user("My divorce was in May.", "I like tea.", "Never mention my divorce.", "I got divorced, and I like rum.")
    told = text(LongTerm(k=10), "Tell me of my divorce", who=who)
    assert "divorce" not in told and "I like tea" in told and "I like rum" in told


def test_what_the_operator_forbids_does_not_become_a_fact():
    method = LongTerm(forbid=("peanut",), k=10)
    assert not any("peanut" in fact.text for fact in method.enroll([ANN], ScriptedLM())[0].facts)
    assert "peanut" not in text(method, "peanuts?") and "green tea" in text(method, "tea?")


def test_ratings_and_choices_are_kept_and_teach_no_facts():
    rating = Record("q", "5", 1.0, "s", "rating", "I live in Rome")
    choice = Record("q", "I live in Rome", 2.0, "c", "choice", "I live in Bonn")
    state = LongTerm().enroll([User("ann", History([rating, choice]))], ScriptedLM())[0]
    assert state.facts == () and len(state.records) == 2
    assert LongTerm().personalize(state, ask("Where?"), ScriptedLM()) == ask("Where?")


def test_what_somebody_cannot_stand_is_told_where_no_fact_shares_a_word_with_the_question():
    said = ["I can't stand jazz.", *(f"I work at the bakery number {n}." for n in range(3)), "I live in Ghent."]
    ann = User("ann", [Record("", text, float(time)) for time, text in enumerate(said)])
    method = LongTerm(facts=1, k=0, recent=0)
    bent = method.personalize(method.enroll([ann], ScriptedLM())[0], ask("Which record shall we buy?"), ScriptedLM())
    assert "jazz" in bent.messages[0].content and "Ghent" not in bent.messages[0].content
