"""SySEPQA: the tag score and its causality, fusion by one weight, what is made up of whom, and what the ranker learns of it."""

from dataclasses import replace

import numpy as np
import pytest

from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.sy_se_pqa import GRID, SySEPQA, blended, tagged
from idiolect.retrieval import BM25
from idiolect.retrieval.ranker import later_first
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, marks, text_of

SOUNDS = {"cats": "meow purring", "dogs": "bark growling", "cows": "moo lowing"}


def keeper(name, places):
    """Someone asked about animals, whose answers share no word with the questions."""
    asked = [list(SOUNDS)[(i + places) % 3] for i in range(9)]
    return User(name, [Record(f"On {animal} by {name} {i}", f"{SOUNDS[animal]} x{i}{name}", i) for i, animal in enumerate(asked)])


def knowing():
    """Knows what animals say."""
    return ScriptedLM(lambda request: next((sound for animal, sound in SOUNDS.items() if animal in request.question), "nothing"), can=())


def test_the_tag_score_is_the_closed_form():
    assert tagged(["tea", "owls", "rust"], frozenset({"owls", "rust", "sand"})) == 2 / 4
    assert tagged([], frozenset({"owls"})) == 0.0 == tagged(["tea"], frozenset())


def test_a_tag_used_after_the_question_changes_nothing():
    record = ANN.records[3]
    later = User("ann", [*ANN.records[:4], Record("zebra zebra", "zebra", 50.0), Record("zebra", "zebra again", 51.0)])
    lm = ScriptedLM([])
    assert SySEPQA()._made_up(ANN, record, lm) == SySEPQA()._made_up(later, record, lm)
    assert "abstract" in text_of(SySEPQA()._made_up(ANN, record, lm))


@pytest.mark.parametrize("alone", range(3))
def test_with_one_weight_alone_the_order_is_that_rankers(alone):
    scores = [np.array(own, dtype=float) for own in ([3, 1, 2, 2], [0.1, 0.9, 0.5, -4.0], [0, 0, 0.2, 0.1])]
    weights = np.eye(3)[alone]
    assert later_first(blended(scores, weights)).tolist() == later_first(scores[alone]).tolist()
    assert blended(scores, weights).min() == 0 and blended(scores, weights).max() == 1


def test_equal_scores_weigh_nothing_and_the_grid_is_of_shares():
    assert blended([np.full(3, 7.0), np.array([1.0, 2.0, 3.0])], np.array([0.5, 0.5])).tolist() == [0, 0.25, 0.5]
    assert len(GRID) == 15 and all(weights.sum() == 1 for weights in GRID) and GRID[0].tolist() == [1, 0, 0]


def test_before_it_is_fitted_it_quotes_what_bm25_finds():
    state = State(records=ANN.records)
    bent = SySEPQA(k=2).personalize(state, ask(ANN.records[3].prompt), ScriptedLM([]))
    assert set(bent.because) == {f"record:{record.id}" for record in BM25(ANN.records).search(ANN.records[3].prompt, 2)}


def test_questions_are_put_to_the_model_with_subjects_of_strictly_earlier_records_or_bare():
    lm = knowing()
    SySEPQA(newest=2).fit([keeper("ann", 0)], lm)
    assert len(lm.requests) == 2 and all("concerned with: cats, cows, dogs" not in text_of(request) for request in lm.requests)
    assert all("The person who asks has been concerned with: " in text_of(request) for request in lm.requests)
    lm = knowing()
    SySEPQA(source="basic").fit([keeper("ann", 0)], lm)
    assert all(len(request.messages) == 1 for request in lm.requests)
    SySEPQA(source="own").fit([keeper("ann", 0)], ScriptedLM([]))


def test_what_the_model_knows_and_no_word_says_is_learnt_from_answers_it_made_up():
    users, lm = [keeper("ann", 0), keeper("bob", 1)], knowing()
    method = SySEPQA(k=3, newest=9, steps=200)
    method.fit(users, lm)
    bare = History(Record("", record.answer, record.time) for record in users[0].records)
    assert text_of(method.personalize(State(records=bare), ask("What of cows?"), lm)).count("moo lowing") == 1  # by BM25: nothing is shared
    method.shared = replace(method.shared, arrays={**method.shared.arrays, "weights": np.array([0.0, 1.0, 0.0])})
    for animal, sound in SOUNDS.items():
        assert text_of(method.personalize(State(records=bare), ask(f"What of {animal}?"), lm)).count(sound) == 3


@pytest.mark.parametrize("right, weights", [(0, [1.0, 0.0, 0.0]), (1, [0.0, 1.0, 0.0]), (2, [0.0, 0.0, 1.0])])
def test_weights_are_those_under_which_records_like_the_persons_answers_come_first(right, weights):
    user = User("u", [Record(f"q{i}", "same words" if i in (0, 5) else f"other{i}", i) for i in range(6)])
    wrong, good = np.arange(5.0), np.array([9.0, 0.0, 1.0, 2.0, 3.0])  # the first record is the one to find
    method = SySEPQA()
    method._scored = lambda records, question, learnt: (list(records), [good if ranker == right else wrong for ranker in range(3)])
    found = method._weights([user], [(0, user.records[5])], None)
    assert blended([good if ranker == right else wrong for ranker in range(3)], found).argmax() == 0
    assert found[right] >= 0.5 and (found.tolist() == weights or right)


def test_what_is_shared_is_numbers_and_each_is_quoted_their_own():
    lm, method = knowing(), SySEPQA()
    method.fit(EVERYBODY, lm)
    assert method.shared.text == "" and not method.shared.records and not method.shared.people
    for user in (ANN, BOB, CYD):
        bent = method.personalize(method.enroll([user], lm)[0], ask("Of foxes"), lm)
        assert {name for name, _ in marks(text_of(bent))} == {user.id}


def test_a_source_of_answers_that_there_is_not_is_refused():
    with pytest.raises(MethodError, match="not 'found'"):
        SySEPQA(source="found").fit([], ScriptedLM([]))
