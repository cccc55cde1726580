"""CFRAG: what people alike change in the ranking of a person's own records, what they do not, and what is shared."""

from dataclasses import replace

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.cfrag import CFRAG
from idiolect.retrieval.embedders import embed
from idiolect.retrieval.reweighted import Reweighted, Reweighting
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, NOBODY, marks, text_of

SMALL = {"newest": 2, "candidates": 3, "width": 8, "steps": 10, "rank": 2}
THINGS = ("river", "engine", "garden", "market", "winter", "bridge", "candle", "forest")


TASTES = {"fox": "fox den cub hound", "car": "car wheel road brake"}


def fan(name, word, count=8):
    """Someone whose every note is of one taste, and of a secret of their own."""
    notes = (f"{TASTES[word]} {THINGS[i % 8]} {name}secret" for i in range(count))
    return User(name, History(Record(f"A note on the {THINGS[i % 8]}", note, float(i)) for i, note in enumerate(notes)))


FANS = [fan(f"{word}{i}", word) for word in ("fox", "car") for i in range(4)]
MIXED = User("mixed", History(Record("A note", note, float(i)) for i, note in enumerate(("car stone", "fox stone", "sea stone"))))


def fitted(users=FANS, **options):
    made = CFRAG(**{**SMALL, "neighbours": 4, **options})
    made.fit(users, ScriptedLM())
    return made


def quoted(made, user, question, k):
    made = replace_k(made, k)
    return list(made.personalize(made.enroll([user], ScriptedLM())[0], ask(question), ScriptedLM()).because)


def replace_k(made, k):
    other = replace(made, k=k)
    other.shared = made.shared
    return other


def test_where_the_person_counts_for_nothing_and_nothing_is_reranked_it_is_plain_dense_retrieval():
    made = fitted(persona=0.0, widened=0.0, rerank=False)
    ranker = Reweighting.of(made.shared.arrays)
    plain = Reweighted(ANN.records, replace(ranker, right=0 * ranker.right, own=0 * ranker.own))
    for question in ("Of foxes and dogs?", "What is a parser?"):
        assert quoted(made, ANN, question, 4) == [f"record:{r.id}" for r in sorted(plain.search(question, 4), key=lambda r: r.time)]


def test_with_one_neighbour_the_person_is_ranked_for_alone():
    made = fitted(neighbours=1)
    assert made.shared.arrays["means"].shape == (0, 8) and made.shared.arrays["words"].shape == (0, 1024)
    person = made.enroll([ANN], ScriptedLM())[0].arrays["person"]
    kin, words = made._kin(person)
    assert np.array_equal(kin, person) and not words.any()


@pytest.mark.parametrize("word", ["fox", "car"])
def test_what_people_alike_write_about_brings_the_persons_own_records_of_it_up(word):
    made = fitted(widened=2.0, persona=0.0, rerank=False)
    alike = fan(f"{word}0", word).records
    new = User("new", History([*alike, *(Record("A note", f"{other} stone", 20.0 + i) for i, other in enumerate(("fox", "car", "sea")))]))
    state = made.enroll([new], ScriptedLM())[0]
    own = State(records=MIXED.records, arrays=state.arrays)  # ranked: records that differ in the word alone
    near = replace_k(made, 1)._near(own, "Which stone?")
    assert near[0].answer == f"{word} stone"
    assert CFRAG(k=1).personalize(own, ask("Which stone?"), ScriptedLM()).because == (f"record:{MIXED.records[2].id}",), "a tie, before"


def test_nobody_is_shown_anothers_records_and_what_is_shared_holds_no_text():
    made = fitted(EVERYBODY)
    for user in EVERYBODY:
        bent = made.personalize(made.enroll([user], ScriptedLM())[0], ask("Of foxes and dates?"), ScriptedLM())
        assert {name for name, _ in marks(text_of(bent))} == {user.id}
    assert not made.shared.text and not made.shared.records and not made.shared.parts


def test_groups_hold_words_that_enough_people_share_and_no_word_of_one_person():
    made = fitted()
    weighted = Reweighting.of(made.shared.arrays).weighted
    assert len(made.shared.arrays["words"]) == 2
    for shared in made.shared.arrays["words"]:
        said = {word: float(weighted(embed([word])[0]) @ shared) for word in ("fox", "car", *(f"{user.id}secret" for user in FANS))}
        assert max(said["fox"], said["car"]) > 0.3 > 0.05 > min(said["fox"], said["car"]) and all(
            abs(said[f"{user.id}secret"]) < 0.05 for user in FANS
        )


def test_fewer_people_than_a_group_needs_share_nothing():
    made = fitted(FANS[:2])
    assert not len(made.shared.arrays["means"]) and not len(made.shared.arrays["words"])


def test_groups_are_made_of_a_bounded_number_of_people():
    assert len(fitted(people=3, neighbours=3).shared.arrays["means"]) == 1
    assert len(fitted(neighbours=3).shared.arrays["means"]) == 2


def test_groups_are_made_without_the_records_that_training_asks_for():
    made, later = (
        fitted(newest=3),
        [User(u.id, History([*u.records[:-3], *(replace(r, answer=f"zebra {r.answer}") for r in u.records[-3:])])) for u in FANS],
    )
    again = CFRAG(**{**SMALL, "neighbours": 4, "newest": 3})
    again.fit(later, ScriptedLM())
    zebra = embed(["zebra"])[0]
    assert all(abs(zebra @ shared) < 1e-6 for shared in again.shared.arrays["words"])
    assert len(made.shared.arrays["words"]) == len(again.shared.arrays["words"])


def test_the_reranker_sees_the_person_behind_the_question():
    made = fitted(rerank=True)
    assert made.shared.arrays["left"].shape == (1024 + 8, 2)
    assert made.shared.arrays["right"].any()


def test_the_model_is_asked_a_bounded_number_of_times_about_earlier_records_and_never_for_a_question():
    lm = ScriptedLM(can=())
    made = CFRAG(**SMALL, questions=4)
    made.fit([ANN, BOB, CYD], lm)
    assert 0 < len(lm.requests) <= 12
    asked = len(lm.requests)
    made.personalize(made.enroll([ANN], lm)[0], ask("Of foxes?"), lm)
    assert len(lm.requests) == asked


def test_nobody_is_asked_as_anybody_and_before_it_is_taught_it_quotes_what_is_nearest():
    lm, made = ScriptedLM(), fitted()
    assert made.personalize(made.enroll([NOBODY], lm)[0], ask("Of foxes?"), lm) == ask("Of foxes?")
    fresh = CFRAG(k=1)
    bent = fresh.personalize(fresh.enroll([ANN], lm)[0], ask(ANN.records[3].prompt), lm)
    assert bent.because == (f"record:{ANN.records[3].id}",)
