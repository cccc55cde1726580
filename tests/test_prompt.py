"""The prompt builder keeps to its budget, never cuts the question, and says what it left out and why."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompt import Piece, Section, build, clipped, count, profile, quoted
from idiolect.types import Record, ask
from idiolect.wording import QUOTED, quote


class Words(ScriptedLM):
    """Counts a word as a token, and has a window."""

    window = None

    def tokens(self, text):
        return len(text.split())


LM = Words()
RECORDS = [Record("about rivers", "The Scheldt.", 2, "r"), Record("about hills", "None here.", 1, "h"), Record("", "Rain again.", 3, "n")]


def told(request):
    return request.messages[0].content if request.messages[0].role == "system" else ""


def test_with_room_it_tells_what_quote_tells_and_names_it():
    made = build(ask("And now?"), [quoted(RECORDS)], LM)
    assert told(made) == quote(RECORDS) and made.question == "And now?"
    assert made.because == ("record:h", "record:r", "record:n")


def test_nothing_to_tell_changes_nothing():
    assert build(ask("q"), [quoted([]), profile("")], LM, budget=0) == ask("q")


def test_the_best_stay_where_not_all_fit_and_the_others_are_named_with_the_reason():
    one = count(LM, f"{QUOTED}\n\nAbout: about rivers\nWrote: The Scheldt.\n\n")
    made = build(ask("q"), [quoted(RECORDS)], LM, budget=one)
    assert "Scheldt" in told(made) and "None here" not in told(made) and "Rain" not in told(made)
    assert made.because[0] == "record:r"
    assert made.because[1] == f"left out:record:h, {count(LM, 'About: about hills Wrote: None here.')} tokens, of 0 that were left"


def test_a_smaller_piece_still_fits_where_a_larger_one_did_not():
    pieces = (Piece("one two three four five", ("large",)), Piece("six", ("small",)))
    made = build(ask("q"), [Section(pieces)], LM, budget=2)
    assert told(made) == "six" and made.because[0] == "small" and made.because[1].startswith("left out:large, 5 tokens, of 2")


def test_sections_take_turns_so_that_none_crowds_out_another():
    many = Section(tuple(Piece(f"many{i}", (f"m{i}",), i) for i in range(9)))
    made = build(ask("q"), [many, Section((Piece("single", ("s",)),))], LM, budget=3)
    assert told(made) == "many0\n\nmany1\n\nsingle"
    assert [source for source in made.because if not source.startswith("left out")] == ["m0", "m1", "s"]


def test_a_long_profile_leaves_half_of_the_room_to_what_comes_after_it():
    text = " ".join(f"w{i}" for i in range(50))
    made = build(ask("q"), [profile(text), Section((Piece("one two three", ("small",)),))], LM, budget=24)
    assert told(made).endswith("one two three") and told(made).split()[11] == "..."
    whole = build(ask("q"), [profile(text), Section((Piece("one two three", ("small",)),))], LM, budget=53)
    assert told(whole) == f"{text}\n\none two three", "with room for all nothing is clipped"


def test_a_profile_is_clipped_to_the_room_and_both_are_said():
    text = " ".join(f"w{i}" for i in range(50))
    made = build(ask("q"), [profile(text)], LM, budget=12)
    assert told(made).split() == [*(f"w{i}" for i in range(11)), "..."]
    assert made.because[0] == "profile" and made.because[1] == "left out:profile, 50 tokens, of 12 that were left"
    assert told(build(ask("q"), [profile(text)], LM, budget=3)) == "", "too little is not worth telling"


@pytest.mark.parametrize("words", [0, 1, 200, 10_000])
def test_the_question_is_never_cut_and_the_window_is_kept(words):
    lm = Words()
    lm.window = 400
    question = " ".join(["why"] * words) or "?"
    made = build(ask(question, max_tokens=20), [quoted([Record("p", f"answer number {i} " * 5, i) for i in range(60)])], lm)
    assert made.question == question
    assert count(lm, told(made)) + count(lm, question) + 20 <= max(400, count(lm, question) + 20)
    assert bool(told(made)) == (words < 1000)


def test_a_model_that_says_nothing_of_tokens_is_estimated_from_bytes():
    assert count(ScriptedLM(), "abcd" * 10) == 10 and count(ScriptedLM(), "é") == 1
    assert clipped("one two three four", 3, LM) == "one two ..." and clipped("one two", 9, LM) == "one two"


def test_on_the_local_model_nothing_is_dropped_by_the_engine(llama):
    records = [Record("a question", f"an answer of some length, number {i}", i) for i in range(200)]
    made = build(ask("And what now?", max_tokens=8), [quoted(records)], llama.lm)
    assert llama.lm.generate([made])[0].dropped_tokens == 0
    assert any(source.startswith("left out:") for source in made.because) and "record:" in made.because[0]
