"""Orca: every text is read once, only what the person's own words bear out counts, and these words are told."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.orca import SHOWN, Orca, chunks, evidence
from idiolect.store.states import dump, load
from idiolect.training.big_five import ALL_FACETS, apart, sums
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, NOBODY, marks, text_of

POSTS = [
    "I sorted all my books by colour",
    "we drove off without any plan",
    "I sorted the spices too",
    "nobody listens to me",
    "what a day",
]
EVE = User("eve", History(Record("", text, float(time)) for time, text in enumerate(POSTS)))
ANSWERS = {
    "books": 'Orderliness: "sorted all my books"\n- adventurousness: "without any plan"\ngenius: "I sorted all my books"',
    "spices": '2. Orderliness: "I sorted the spices too"\nanger: "I hate everybody"',
    "day": "None of them.",
}


def reader():
    return ScriptedLM(lambda request: next(answer for key, answer in ANSWERS.items() if key in request.question), can=())


def told(state, **settings):
    return Orca(**settings).personalize(state, ask("Write a post."), ScriptedLM())


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_every_text_is_in_one_chunk(size):
    made = chunks(EVE.records, size)
    assert [record for part in made for record in part] == list(EVE.records) and all(1 <= len(part) <= size for part in made)


def test_a_facets_score_is_the_share_of_chunks_that_show_it():
    state = Orca(chunk=2).enroll([EVE], reader())[0]
    assert state.numbers == {"orderliness": pytest.approx(2 / 3), "adventurousness": pytest.approx(1 / 3), "unsupported": 2.0}


def test_what_is_told_is_each_traits_sum_and_the_persons_own_words_and_which_records_they_are_from():
    bent = told(Orca(chunk=2).enroll([EVE], reader())[0])
    lines = text_of(bent).split("\n\n")[0].splitlines()
    assert lines == [
        SHOWN,
        '- openness 0.3: adventurousness ("without any plan")',
        '- conscientiousness 0.7: orderliness ("I sorted the spices too")',
    ]
    assert [reason for reason in bent.because if reason.startswith("record:")] == [f"record:{EVE.records[n].id}" for n in (1, 2)]


def test_words_that_the_person_did_not_write_and_traits_that_are_none_are_counted_and_left_out():
    found, wrong = evidence(EVE.records, 'anger: "I hate everybody"\ngenius: "what a day"\ntrust: "day"\nanxiety: "Nobody listens, to ME!"')
    assert list(found) == ["anxiety"] and wrong == 3 and found["anxiety"].sources == (EVE.records[3].id,)


def test_a_model_that_finds_every_facet_gives_six_of_each_trait():
    lm = ScriptedLM(lambda request: "\n".join(f'{facet}: "what a day"' for facet in ALL_FACETS), can=())
    state = Orca().enroll([User("one", EVE.records[4:])], lm)[0]
    assert set(sums(state.numbers).values()) == {6.0} and apart(state.numbers, state.numbers).euclidean == 0.0


def test_at_most_so_many_facets_of_a_trait_are_told_those_shown_most_first():
    lm = ScriptedLM(['modesty: "all my books"', 'modesty: "nobody listens"', 'trust: "what a day"'], can=())
    state = Orca(chunk=2).enroll([EVE], lm)[0]
    assert "modesty" in text_of(told(state, most=1)) and "trust" not in text_of(told(state, most=1))


def test_each_is_read_alone_and_nobody_is_not_read():
    lm = ScriptedLM(lambda request: "none", can=())
    states = Orca(chunk=4).enroll([ANN, NOBODY, EVE], lm)
    assert len(lm.requests) == 2 + 2 and {name for request in lm.requests[:2] for name, _ in marks(request.question)} == {"ann"}
    assert all(told(state) == ask("Write a post.") for state in states)


def test_what_was_found_survives_and_what_is_observed_waits_for_the_model():
    state = Orca(chunk=2).enroll([EVE], reader())[0]
    assert told(load(dump(state))) == told(state)
    assert Orca().observe(state, EVE, EVE.records[4:], None) is state and told(State()) == ask("Write a post.")
