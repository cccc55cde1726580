"""StyleRemix: whose pole is taken, in what share, that the mixture is an exact sum, and that no person is trained."""

import numpy as np
import pytest

from idiolect.adaptation import style_remix
from idiolect.adaptation.style_remix import StyleRemix
from idiolect.types import History, Record, User, ask
from tests.conformance.people import NOBODY

SMALL = {"k": 0, "rank": 2, "epochs": 4, "lr": 1e-2, "pole_pairs": 12, "judged": 4}
TOPICS = ("fox", "dog", "date", "street", "model", "parser")


def person(name, form):
    return User(name, History(Record(f"Say something of a {topic}.", form.format(topic), float(i)) for i, topic in enumerate(TOPICS)))


LOUD = person("loud", "THE {}!")
QUIET = person("quiet", "the {} and the dog and the cat all sleep")
MIXED = person("mixed", "The {} sleeps.")
PEOPLE = [LOUD, QUIET, MIXED]


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = StyleRemix(**SMALL)
    method.fit(PEOPLE, shared_llama.lm)
    return method


def adapters(method):
    return {part.adapter.name: part.adapter for part in method.shared.parts}


def test_a_persons_poles_are_the_ones_they_write_at_and_not_the_opposite(llama, fitted):
    loud, quiet = fitted.enroll([LOUD, QUIET], llama.lm)
    assert {"short", "long words", "many function words", "final punctuation", "capital initial"} >= set(loud.numbers) - {
        "much punctuation"
    }
    assert "long" in quiet.numbers and not {"short", "capitalized words", "much punctuation"} & set(quiet.numbers)
    assert len(loud.numbers) == len(quiet.numbers) == 3


def test_without_a_search_the_shares_are_those_of_the_paper_or_none(llama, fitted):
    method = StyleRemix(**SMALL | {"rounds": 0, "sparsity": 0.0, "axes": 8})
    method.shared = fitted.shared
    for state in method.enroll(PEOPLE, llama.lm):
        assert set(state.numbers.values()) <= {0.7, 0.9, 1.2, 1.5} or not any(state.numbers.values())


def test_the_shares_found_make_what_a_person_wrote_likelier_than_none_do(llama, fitted):
    states = fitted.enroll(PEOPLE, llama.lm)
    none = fitted.enroll([NOBODY], llama.lm)[0]
    for user, state in zip(PEOPLE, states, strict=True):
        own, task = (_bits(llama.lm, fitted, one, user) for one in (state, none))
        assert own <= task
    assert any(any(state.numbers.values()) for state in states)


def test_the_style_learnt_at_a_pole_is_that_poles(llama, fitted):
    short, long = (
        [ask("Say something of a cat.").bent(adapters={fitted.shared.adapter: 1.0, adapters(fitted)[name]: 1.0})]
        for name in ("short", "long")
    )
    texts = ["THE cat!", "the cat and the dog and the cat all sleep"]
    gain = [llama.lm.score(short, [text])[0].nats - llama.lm.score(long, [text])[0].nats for text in texts]
    assert gain[0] > gain[1]


def test_a_mixture_is_the_exact_sum_of_its_adapters_in_their_shares(llama, fitted):
    shares = {"short": 0.7, "long": 1.2}
    bent = fitted._bent(ask("Of a cat?"), shares)
    held = adapters(fitted)
    path = next(iter(fitted.shared.adapter.modules))
    parts = [(fitted.shared.adapter, 1.0), (held["short"], 0.7), (held["long"], 1.2)]
    assert bent.adapters == tuple(parts)
    a, b = (np.concatenate(stack, axis=axis) for axis, stack in enumerate(zip(*[
        (one.modules[path][0], share * one.scale * one.modules[path][1]) for one, share in parts], strict=True)))  # fmt: skip
    assert np.allclose(b @ a, sum(share * one.scale * one.modules[path][1] @ one.modules[path][0] for one, share in parts), atol=1e-6)
    joined = ask("Of a cat?").bent(adapters={type(held["short"])(fitted.shared.adapter.modules | {path: (a, b)}): 1.0})
    alone = {p: fitted.shared.adapter.modules[p] for p in fitted.shared.adapter.modules if p != path}
    apart = ask("Of a cat?").bent(adapters={type(held["short"])(alone, fitted.shared.adapter.scale): 1.0} | {
        type(held["short"])({path: one.modules[path]}, one.scale): share for one, share in parts})  # fmt: skip
    one, other = llama.lm.score([joined, apart], ["the cat sleeps"] * 2)
    assert fitted.shared.adapter.scale == 1.0 and one.nats == pytest.approx(other.nats, abs=1e-4)


def test_enrolling_a_person_trains_nothing_and_keeps_a_few_numbers(llama, fitted, monkeypatch):
    monkeypatch.setattr(style_remix, "sft", lambda *args, **options: pytest.fail("somebody was trained"))
    state = fitted.enroll([LOUD], llama.lm)[0]
    assert not state.arrays and not state.adapter and not state.records and 0 < len(state.numbers) <= 3


def test_before_anything_was_learnt_of_everybody_nothing_is_bent(llama):
    method, asked = StyleRemix(**SMALL), ask("Of foxes?")
    assert method.personalize(method.enroll([LOUD], llama.lm)[0], asked, llama.lm) == asked


def _bits(lm, method, state, user):
    asked = [method.personalize(state, ask(record.prompt), lm) for record in user.records[-4:]]
    return sum(score.bits_per_char for score in lm.score(asked, [record.answer for record in user.records[-4:]]))
