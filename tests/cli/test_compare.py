"""`idiolect compare` from the command line: own files, tasks, JSON, reports, progress, and going on where it was."""

import json
import re

import pytest

from idiolect import catalogue
from idiolect.cli.compare import Phases
from idiolect.cli.show import progress
from idiolect.evaluation.comparison import Comparison

FEW = ("--methods", "plain,rag,stats_profile", "--targets", 1)


@pytest.fixture
def compared(run, small, history, columns):
    """`compare` on the three people of `history`, with more words if wanted."""
    return lambda *words: run("compare", history, *columns, *FEW, "--model", small, *words)


def test_an_own_file_ends_in_a_table_and_a_word_on_what_to_use(compared):
    said = compared()
    assert said.code == 0, said.err
    assert all(re.search(rf"^{name}\b", said.out, flags=re.MULTILINE) for name in ("plain", "rag", "stats_profile"))
    assert "3 people, 3 records asked for" in said.out and ("Stay with plain" in said.out or "Use " in said.out)


def test_json_is_all_there_is_on_standard_output(compared):
    found = Comparison.from_json(compared("--json").out)
    assert [row.name for row in found.rows] == ["plain", "rag", "stats_profile"] and found.people == ("ann", "bob", "cyd")


def test_a_report_is_one_page_and_is_written_whole(compared, tmp_path):
    said = compared("--report", "pages/report.html")
    page = (tmp_path / "pages" / "report.html").read_text()
    assert said.code == 0 and "pages/report.html" in said.err
    assert "<svg" in page and not re.search(r"""(?:src|href)=["']https?:""", page)
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["report.html"]


def test_a_second_run_takes_up_what_is_finished(compared, tmp_path):
    first, second = json.loads(compared("--json").out), json.loads(compared("--json").out)
    assert len(list((tmp_path / ".idiolect" / "compare").glob("*.json"))) == 3
    assert first["rows"] == second["rows"]  # seconds too: nothing was run again
    assert "rag: taken up from before" in compared().err


def test_a_fresh_run_keeps_nothing(compared, tmp_path):
    assert compared("--fresh").code == 0 and not (tmp_path / ".idiolect").exists()


def test_people_are_drawn_by_the_seed(compared):
    drawn = {seed: json.loads(compared("--users", 2, "--seed", seed, "--json").out)["people"] for seed in range(6)}
    assert all(len(people) == 2 for people in drawn.values()) and len({tuple(people) for people in drawn.values()}) > 1


def test_methods_may_differ_in_settings_alone(compared):
    found = Comparison.from_json(compared("--methods", "rag,rag:k=1,rag:k=2:ranker=recency", "--json").out)
    assert [row.name for row in found.rows][1:] == ["rag", "rag:k=1", "rag:k=2:ranker=recency"]
    assert "recency" in found.rows[3].config


def test_broken_lines_of_an_own_file_are_named(compared, history):
    history.write_text(history.read_text() + "broken\n")
    assert "own.jsonl, line 31: not JSON" in compared().err


def test_the_bundled_sample_needs_no_file_and_what_comes_next_is_said(run, small):
    said = run("compare", "--users", 3, "--methods", "plain,stats_profile", "--targets", 1, "--model", small, "--fresh")
    assert said.code == 0 and "invented people" in said.out
    assert "idiolect import git" in said.err


def test_without_a_terminal_each_method_is_one_line(compared):
    assert [line for line in compared().err.splitlines() if line.endswith(" ...")] == ["plain ...", "rag ...", "stats_profile ..."]


def test_the_bars_follow_the_methods_and_their_phases():
    with progress() as bars:
        phases = Phases(bars, 2)
        phases("plain", "fit", 0, 1)
        phases("plain", "own history", 5, 10)
        assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
            ("methods: plain", 0, 2),
            ("  plain: own history", 5, 10),
        ]
        phases("rag", "fit", 0, 1)
        assert bars.tasks[0].completed == 1


def test_an_endpoint_runs_what_text_alone_can_and_what_is_left_out_is_said(run, history, columns, monkeypatch):
    from idiolect.cli import compare
    from idiolect.models.scripted import ScriptedLM

    monkeypatch.setattr(compare, "open_model", lambda name: ScriptedLM(lambda request: "a title", can=()))
    said = run("compare", history, *columns, "--model", "http://127.0.0.1:9/v1#m", "--targets", 1, "--json")
    found = Comparison.from_json(said.out)
    able = catalogue.able(frozenset())
    assert [row.name for row in found.rows] == [name for name in catalogue.USUAL if name in able]
    assert "Left out" in said.err and "oppu (adapters, train)" in said.err
