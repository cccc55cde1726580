"""METEOR against figures worked out by hand, and what it does without synonyms."""

import pytest

from idiolect.evaluation import meteor as module
from idiolect.evaluation.meteor import meteor


def score(matches, said, true, chunks):
    """Banerjee and Lavie's formula with alpha 0.9, beta 3, gamma 0.5."""
    precision, recall = matches / said, matches / true
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    return mean * (1 - 0.5 * (chunks / matches) ** 3)


@pytest.fixture
def unsynonymous(monkeypatch):
    monkeypatch.setattr(module, "has_synonyms", lambda: False)


@pytest.mark.usefixtures("unsynonymous")
def test_equal_words_in_order_are_one_chunk():
    assert meteor("The cat sat", "the cat sat") == pytest.approx(score(3, 3, 3, 1))
    assert meteor("sat the cat", "the cat sat") == pytest.approx(score(3, 3, 3, 2))
    assert meteor("the cat", "the cat sat down") == pytest.approx(score(2, 2, 4, 1))


@pytest.mark.usefixtures("unsynonymous")
def test_stems_count_and_marks_are_words_of_their_own():
    assert meteor("dogs sleeping", "dog sleeps") == pytest.approx(score(2, 2, 2, 1))
    assert meteor("cat.", "cat .") == pytest.approx(score(2, 2, 2, 1))


@pytest.mark.usefixtures("unsynonymous")
def test_nothing_said_and_nothing_in_common_score_0():
    assert meteor("", "a cat") == meteor("dog", "cat") == meteor("", "") == 0


def test_synonyms_count_where_wordnet_is_there(monkeypatch):
    class Synset:
        def lemmas(self):
            return [self]

        def name(self):
            return "dog"

    class WordNet:
        def synsets(self, word):
            return [Synset()] if word in ("dog", "hound") else []

    monkeypatch.setattr(module, "has_synonyms", lambda: True)
    monkeypatch.setattr(module, "_wordnet", WordNet)
    assert meteor("hound", "dog") == pytest.approx(score(1, 1, 1, 1))
