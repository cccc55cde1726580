"""Finished trials: an interrupted comparison goes on where it was, and nothing stale is taken up."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from idiolect.errors import StoreError
from idiolect.evaluation.cohort import Setup
from idiolect.evaluation.compare import compare
from idiolect.method import Chain
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.types import State, User
from tests.evaluation.people import TEXT, Anybody, Harmful, Own, compared, crowd, echo, model


def test_an_interrupted_comparison_goes_on_where_it_was(tmp_path: Path) -> None:
    class Interrupting(Harmful):
        def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compared(Own(), Interrupting(), folder=tmp_path)
    lm = model()
    resumed = compared(Own(), Harmful(), lm=lm, folder=tmp_path)
    assert len(lm.requests) == 2 * 24  # Harmful's two arms; Plain and Own were taken up
    fresh = compared(Own(), Harmful())
    assert [row.figures for row in resumed.rows] == [row.figures for row in fresh.rows]
    again = model()
    compared(Own(), Harmful(), lm=again, folder=tmp_path)
    assert not again.requests and not again.scored


@pytest.mark.parametrize("change", ["config", "people", "model", "seed", "task", "share"])
def test_results_are_not_taken_up_where_anything_differs(tmp_path: Path, change: str) -> None:
    compare(crowd(), model(), [("Own", Own())], TEXT, folder=tmp_path)
    lm = ScriptedLM(echo, name="another" if change == "model" else "scripted")
    users = crowd(13)[1:] if change == "people" else crowd()
    setup = Setup(seed=change == "seed", share=0.3 if change == "share" else 0.2)
    asked = replace(TEXT, max_tokens=9) if change == "task" else TEXT
    compare(users, lm, [("Own", Own(times=2 if change == "config" else 1))], asked, setup, folder=tmp_path)
    assert lm.requests


def test_a_cut_file_of_results_is_made_again(tmp_path: Path) -> None:
    compared(Own(), folder=tmp_path)
    for path in tmp_path.glob("*.json"):
        path.write_text(path.read_text()[:50])
    lm = model()
    compared(Own(), lm=lm, folder=tmp_path)
    assert lm.requests and all(json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert not list(tmp_path.glob("*.part"))


def test_results_that_cannot_be_kept_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        compared(folder=tmp_path / "file")


def test_a_chain_is_a_method_like_any_other(tmp_path: Path) -> None:
    for _ in range(2):
        lm = model()
        found = compare(crowd(), lm, [("both", Chain(Own(), Anybody()))], TEXT, folder=tmp_path)
        assert found.rows[1].status == "done"
    assert not lm.requests
