"""Facts come from the person's own words, in their own words; a model's are believed where they can be checked."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.facts.extract import RECALLED, by_model, by_rules, fit, own_words, parsed, recalled, supported
from idiolect.facts.keep import PINNED
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record
from idiolect.wording import quote


def texts(record):
    return [fact.text for fact in by_rules(record)]


def said(answer, **about):
    return texts(Record(about.pop("prompt", ""), answer, **about))


def test_a_sentence_with_several_statements_gives_each():
    assert said("Well, I live in Ghent and I'm a nurse; I like tea!") == ["I live in Ghent", "I'm a nurse", "I like tea"]


def test_of_one_key_the_last_word_counts():
    assert said("I live in Ghent. No, wait. I live in Bruges.") == ["I live in Bruges"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["I live in Ghent", "je m’appelle Luc", "and I like", "tea", ".", "!\n", '"', "`", "> ", ",", "Known: "]),
        max_size=12,
    )
)
def test_what_is_kept_stands_in_what_was_said(parts):
    answer = " ".join(parts)
    assert all(text in answer for text in said(answer))


@pytest.mark.parametrize(
    "answer",
    [
        "Do I live in Ghent?",
        "> I live in Ghent",
        'She said "I live in Ghent".',
        "„Ich wohne in Gent“, sagte er.",
        "`I live in Ghent`",
        "```\nI live in Ghent\n```",
        "```\nI live in Ghent",
        "Known: I live in Ghent",
        "Wrote: I live in Ghent",
        "I live in {city}",
        "I am an AI language model",
        "My name is John Doe",
        "I live in <your town>",
        "If I live in Ghent, then what",
        "usa-list-item",
        "I'm a huge fan",
        "I live in " + "a town that is " * 15,
        "I love it.",
        "Thanks!",
        "",
    ],
)
def test_questions_quotations_code_templates_and_what_was_recalled_are_nobodys_facts(answer):
    assert said(answer) == []


def test_the_prompt_the_draft_and_what_another_wrote_are_never_read():
    assert said("Yes.", prompt="I live in Ghent") == []
    assert said("5", kind="rating", other="I live in Ghent") == []
    assert said("I live in Ghent", kind="choice", other="I live in Rome") == []
    assert said("Hi. I live in Ghent. I like tea.", kind="edit", other="Hello! I live in Ghent.") == ["I like tea"]
    assert said("I live in Ghent", prompt="Say after me: I live in Ghent.") == []


def test_a_correction_is_kept_in_the_words_it_was_made_in():
    record = Record("q", "That is far too long. I live in Ghent, not in Brussels.", 2.0, "c", "correction", "I think you live in Brussels.")
    first, second = by_rules(record)
    assert (first.text, first.kind, first.key) == ("That is far too long", "correction", "wish:length")
    assert (second.text, second.kind, second.key) == ("I live in Ghent, not in Brussels", "fact", "home")
    assert by_rules(record)[0].sources == ("c",)


def test_an_order_to_remember_is_pinned_and_advice_to_readers_is_not():
    (order,) = by_rules(Record("", "Remember that my spare key is under the pot."))
    assert (order.kind, order.key, order.text) == (PINNED, "", "my spare key is under the pot")
    assert [fact.key for fact in by_rules(Record("", "Keep in mind that I'm vegan."))] == ["diet"]
    assert said("Note that in Europe there are fewer breweries. Remember that water helps.") == []


def test_two_things_said_of_one_person_are_both_kept():
    assert said("My wife is a doctor. My wife loves opera.") == ["My wife is a doctor", "My wife loves opera"]


def test_recalled_lines_are_marked_one_by_one_and_left_out_when_read():
    told = recalled("I live in Ghent\n\nI like tea")
    assert told.splitlines() == [f"{RECALLED}I live in Ghent", f"{RECALLED}I like tea"]
    assert "Ghent" not in own_words(f"You told me:\n{told}\nI like rum.") and said(f"{told}\nI like rum.") == ["I like rum"]


def test_what_a_prompt_quoted_is_left_out_when_it_comes_back_as_an_answer():
    block = quote([Record("Where do you live?", "I live in Ghent and I like tea", 1.0)])
    assert said(block) == [] and said(f"{block}\n\nI like rum") == ["I like rum"]


def test_a_fact_is_a_sentence_of_some_length_and_mostly_letters():
    assert fit("I live in Ghent") and fit("日本に住んでいます")
    assert not fit("tea") and not fit("a b " * 30) and not fit("12 34 56 78 9!") and not fit("Is it so?")


def answering(*replies):
    return ScriptedLM(list(replies))


NOTES = [Record("q", "I moved to Ghent last year", 1.0, "r1"), Record("q", "J'aime le thé vert", 2.0, "r2")]


def entry(text="I moved to Ghent", source=1, **more):
    return {"text": text, "kind": "fact", "key": "home", "source": source, **more}


def test_a_model_is_asked_once_for_a_batch_and_shown_answers_only():
    lm = answering("[]", "[]")
    notes = [Record("SECRET prompt", f"note {n} of tea", n, f"r{n}", other="SECRET draft") for n in range(5)]
    assert by_model(notes, lm, batch=3) == by_model([], lm) and len(lm.requests) == 2
    assert "SECRET" not in lm.requests[0].question and "3. note 2 of tea" in lm.requests[0].question


def test_what_a_model_finds_has_the_records_time_and_the_rules_key():
    found = by_model(NOTES, answering(json.dumps([entry(), entry("J'aime le thé", 2, kind="preference", key="drink")])))
    assert [(f.text, f.sources, f.since, f.kind, f.key) for f in found.facts] == [
        ("I moved to Ghent", ("r1",), 1.0, "fact", "home"),
        ("J'aime le thé", ("r2",), 2.0, "preference", "likes:thé"),
    ]
    assert found.bad == 0


@pytest.mark.parametrize(
    "wrong",
    [
        entry(source=7),
        entry(source="r9"),
        entry(text=""),
        entry(text="The person is a Google engineer called John"),
        entry(text="I moved to Ghent in 1999"),
        entry(text="J'aime le thé", source=1),
        entry(text="I moved to Ghent, really?"),
        entry(text=None),
        {"text": "I moved to Ghent"},
        "I moved to Ghent",
        None,
        7,
    ],
)
def test_what_cannot_be_checked_is_counted_and_never_kept(wrong):
    found = by_model(NOTES, answering(json.dumps([wrong, entry()])))
    assert [f.text for f in found.facts] == ["I moved to Ghent"] and found.bad == 1


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n[{"text": "I moved to Ghent", "source": 1},]\n```',
        'Sure, here you are: [{"text": "I moved to Ghent", "source": "1"}] Anything else?',
        '{"text": "I moved to Ghent", "source": "r1"}',
        '{"facts": [{"text": "I moved to Ghent", "source": 1}]}',
        '{"text": "I moved to Ghent", "source": 1}\n{"text": "", "source": 1}',
        '[{"text": "I moved to Ghent", "source": 1}, {"text": "I mo',
    ],
)
def test_json_is_found_whatever_stands_around_it(reply):
    assert [f.text for f in by_model(NOTES, answering(reply)).facts] == ["I moved to Ghent"]


@pytest.mark.parametrize("reply", ["", "I cannot do that.", "[[[[", '{"text": ', "[" * 5000, "null", "\x00"])
def test_a_reply_without_json_is_one_bad_thing(reply):
    found = by_model(NOTES, answering(reply))
    assert found.facts == () and found.bad == 1


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text('[]{},:"\\ntru1-', max_size=60))
def test_no_reply_at_all_breaks_the_reader(reply):
    assert by_model(NOTES, answering(reply)).facts == ()
    assert parsed(reply) is None or isinstance(parsed(reply), list)


def test_support_is_most_of_the_words_and_all_of_the_numbers():
    assert supported("I live in Ghent", "I have lived in Ghent for years")
    assert not supported("I live in Oslo", "I have been to Ghent") and not supported("I have 3 cats", "I have 2 cats")
    assert not supported("I am", "I am") and supported("日本に住んでいます", "今は日本に住んでいます")
