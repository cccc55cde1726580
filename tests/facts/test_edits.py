"""What an edit shows, on drafts that differ in one thing."""

import pytest

from idiolect.facts.edits import WORDS, differences

LONG = "The foxes of the city sleep under the bridge, where nobody walks by day, and wake when the last train has gone."
CASES = [
    (LONG, "The foxes sleep by day.", "length", "about 5 words"),
    ("Foxes sleep by day.", LONG, "length", "Write more"),
    ("Milk, bread and tea for the week.", "- Milk\n- Bread\n- Tea for the week.", "list", "bullet points"),
    ("1. Milk\n2. Bread", "Milk and Bread", "list", "without lists"),
    ("The Fox sleeps.", "the fox sleeps.", "capitals", "lower case"),
    ("the fox sleeps all day", "The Fox Sleeps All Day", "capitals", "Capitalize Every Word"),
    ("The fox sleeps.", "The fox sleeps", "ending", "No mark"),
    ("The fox sleeps.", "The fox sleeps!", "exclamation", "Use exclamation"),
    ("The fox sleeps now.", "Hi Bob,\nthe fox sleeps now.", "greeting", 'Begin with "Hi Bob,"'),
    ("Dear Ann,\nthe fox sleeps now.", "The fox sleeps now.", "greeting", "No greeting"),
    ("The fox sleeps now.", "The fox sleeps now.\n\nBest,\nAnn", "closing", 'Close with "Best, Ann"'),
    ("**The** fox sleeps.", "The fox sleeps.", "markdown", "without Markdown"),
    ("The fox sleeps \U0001f642.", "The fox sleeps.", "emoji", "No emoji"),
    ("The fox doesn't sleep.", "The fox does not sleep.", "contractions", "No contractions"),
    ("Tell me when.", "Please tell me when.", "politeness", "Say please"),
    ("Perhaps the fox sleeps.", "The fox sleeps.", "hedges", "plainly"),
    ("The report is done.", "I am done with the report.", "person", "first person"),
    ("One.\n\nTwo.", "One. Two.", "paragraphs", "single"),
    ("We utilize foxes.", "We use foxes.", f"{WORDS}utilize>use", 'Write "use", not "utilize".'),
    ("It is very late.", "It is late.", f"{WORDS}very>", 'Leave out "very".'),
]


@pytest.mark.parametrize(("draft", "final", "aspect", "said"), CASES, ids=[case[2] for case in CASES])
def test_what_was_changed_is_named_by_its_aspect(draft, final, aspect, said):
    assert said in differences(draft, final)[aspect]


def test_what_was_not_changed_and_what_has_no_draft_say_nothing():
    assert differences(LONG, LONG) == differences("", LONG) == differences(LONG, " ") == {}


def test_another_text_altogether_says_nothing_of_single_words():
    other = "Rain fell on all the trains that stood along the northern quay."
    assert not [aspect for aspect in differences(LONG, other) if aspect.startswith(WORDS) and "foxes" in aspect]


def test_an_edit_and_its_reverse_say_opposite_things_of_the_same_aspects():
    for draft, final, aspect, _ in CASES:
        if not aspect.startswith(WORDS) and aspect != "length":
            assert aspect in differences(final, draft) and differences(final, draft)[aspect] != differences(draft, final)[aspect]
