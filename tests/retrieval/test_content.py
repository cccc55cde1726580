"""Content words and what two texts have in common."""

from idiolect.retrieval.content import content, overlap


def test_function_words_and_negations_are_left_out_and_order_and_repeats_stay():
    assert content("The fox is not a bird; the fox, a FOX!") == ["fox", "bird", "fox", "fox"]
    assert content("Der Fuchs ist kein Vogel") == ["fuchs", "vogel"] and content("Le renard n'est pas un oiseau") == [
        "renard",
        "n",
        "oiseau",
    ]
    assert content("is it not?") == []


def test_the_overlap_is_jaccards():
    assert overlap(["a", "b", "c"], ["b", "c", "d"]) == 0.5 and overlap([], []) == 0.0 and overlap("ab", "ab") == 1.0
