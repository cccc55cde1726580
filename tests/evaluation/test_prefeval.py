"""PrefEval's figures on two invented preferences, with finders whose success is known."""

import pytest

from idiolect.data.prefeval import between, read
from idiolect.errors import ModelError
from idiolect.evaluation import prefeval
from idiolect.evaluation.recalled import finder, silent
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.plain import Plain
from idiolect.types import Reply, ask
from tests.evaluation.published import write_prefeval


@pytest.fixture
def items(tmp_path):
    return read(write_prefeval(tmp_path))


@pytest.fixture
def others(tmp_path):
    return between(write_prefeval(tmp_path))


def figures(items, others, made, **options):
    return {(row.form, row.distance): row for row in prefeval.measure(items, others, made, **options)}


def test_the_preference_comes_first_and_then_what_lies_between(items, others):
    (case, _) = prefeval.cases(items, "choice", 3, others)
    assert [record.id for record in case.user.records][:3] == ["travel-0:0", "travel-0:1", "travel-0:between:0"]
    assert len(case.user.records) == 5 and case.turn == "travel-0:1"
    assert case.user.records[4].answer == "user 1 0"


def test_the_latest_records_hold_a_preference_until_enough_lies_between(items, others):
    rows = figures(items, others, finder("recency", None, silent(), k=2), distances=(0, 1, 2), forms=("explicit",))
    assert [rows["explicit", distance].reached.value for distance in (0, 1, 2)] == [1.0, 1.0, 0.0]
    assert rows["explicit", 0].used == 1.0 and rows["explicit", 2].used == 2.0


def test_without_memory_nothing_reaches_the_prompt(items, others):
    rows = figures(items, others, finder("plain", Plain(), silent()), distances=(0, 5))
    assert len(rows) == 6 and all(row.reached.value == row.named.value == row.used == 0 for row in rows.values())


def test_a_turn_that_is_named_but_clipped_before_the_sentence_has_not_reached(items, others):
    long = "word " * 80
    said = items[0].said["explicit"][0]
    clipped = ask("q").told(f"Wrote: {long}", because=[said])
    assert not prefeval.carried("I avoid hotels with noisy bars.", clipped)
    assert prefeval.carried("I avoid hotels with noisy bars.", ask("q").told(f"Wrote: {long} I avoid hotels with noisy bars."))


def test_the_words_count_only_before_the_question_and_in_one_line():
    sentence = "I avoid hotels with noisy bars."
    assert not prefeval.carried(sentence, ask(sentence)) and not prefeval.carried(sentence, Reply(sentence))
    assert not prefeval.carried(sentence, ask("q").told("I avoid hotels\nwith noisy bars."))
    assert prefeval.carried(sentence, ask("q").told("avoid hotels with noisy bars"))  # five of six words


def test_choices_are_right_where_the_model_knows_and_do_not_hang_on_the_order(items, others):
    class Knowing(ScriptedLM):
        def score(self, requests, answers):
            def wanted(request, answer):
                listed = [line for line in request.question.splitlines() if line[:2] == f"{answer}."]
                return "right" in (listed[0] if listed else answer)

            scores = super().score(requests, answers)
            return [
                one if wanted(r, a) else type(one)(tuple(x - 100 for x in one.logprobs), one.chars)
                for one, r, a in zip(scores, requests, answers)
            ]

    row = figures(items, others, finder("plain", Plain(), silent()), distances=(0,), forms=("explicit",), lm=Knowing())["explicit", 0]
    assert row.letters.value == row.texts.value == 1.0


def test_a_model_that_always_says_a_is_right_in_one_order_of_four(items, others):
    class Stuck(ScriptedLM):
        def score(self, requests, answers):
            return [type(one)((0.0 if a == "A" else -9.0,), 1) for one, a in zip(super().score(requests, answers), answers)]

    row = figures(items, others, finder("plain", Plain(), silent()), distances=(0,), forms=("choice",), lm=Stuck())["choice", 0]
    assert row.letters.value == 0.25


def test_a_model_without_likelihoods_is_refused_before_anything_runs(items, others):
    with pytest.raises(ModelError, match="logprobs"):
        prefeval.measure(items, others, finder("plain", Plain(), silent()), lm=silent())
