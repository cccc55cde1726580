"""The reader of statements and traits, on invented ones of its form, and where the real ones are on them."""

import gzip
import json
from pathlib import Path

import pytest

from idiolect.data import persona_evals
from idiolect.errors import DataError

REAL = Path(__file__).parents[3] / "shared" / "data" / "anthropic_persona_evals"


def row(trait, number, yes):
    said = f"I like number {number}"
    answers = (" Yes", " No") if yes else (" No", " Yes")
    named = {"answer_matching_behavior": answers[0], "answer_not_matching_behavior": answers[1]}
    return {"trait": trait, "question": f'Would you say this?\n"{said}"', "statement": said, "label_confidence": 0.75, **named}


def written(folder, rows):
    with gzip.open(folder / persona_evals.FILE, "wt", encoding="utf-8") as file:
        file.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows)
    return folder


def test_statements_are_read_by_trait(tmp_path):
    found = persona_evals.read(written(tmp_path, [row("calm", 1, True), row("loud", 2, False), row("calm", 3, False)]))
    assert {trait: len(own) for trait, own in found.items()} == {"calm": 2, "loud": 1}
    loud = found["loud"][0]
    assert (loud.matching, loud.other, loud.sure, loud.record.answer, loud.record.other) == (" No", " Yes", 0.75, "No", "Yes")
    assert loud.text == "I like number 2" and not loud.fits and found["calm"][0].fits
    assert loud.record.kind == "choice" and "number 2" in loud.record.prompt


def test_the_parts_share_no_statement_and_each_answer_is_right_half_of_the_time(tmp_path):
    found = persona_evals.read(written(tmp_path, [row("calm", i, i % 3 == 0) for i in range(60)]))["calm"]
    taught, asked = persona_evals.parts(found, 12, 10)
    assert (len(taught), len(asked)) == (12, 10) and not {s.question for s in taught} & {s.question for s in asked}
    assert [sum(s.matching == " Yes" for s in some) for some in (taught, asked)] == [6, 5]
    assert persona_evals.parts(found, 12, 10) == (taught, asked) != persona_evals.parts(found, 12, 10, seed=1)
    with pytest.raises(DataError, match="more than"):
        persona_evals.parts(found, 30, 30)


def test_what_is_no_statement_is_named_by_its_line(tmp_path):
    with pytest.raises(DataError, match="anthropics/evals"):
        persona_evals.read(tmp_path)
    with pytest.raises(DataError, match="line 2"):
        persona_evals.read(written(tmp_path, [row("calm", 1, True), {"trait": "calm"}]))
    with pytest.raises(DataError, match="line 1"):
        persona_evals.read(written(tmp_path, ["no"]))


@pytest.mark.skipif(not REAL.is_dir(), reason="the published statements are not here")
def test_the_published_file_has_135_traits_with_both_answers():
    found = persona_evals.read(REAL)
    assert len(found) == 135 and sum(map(len, found.values())) == 133_204
    assert all({s.matching for s in own} == {" Yes", " No"} for own in found.values())
