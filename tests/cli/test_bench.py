"""`idiolect bench lamp` from the command line, on invented files of the official form."""

import json
import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
ASKED = "Generate a title for the following abstract of a paper: "


@pytest.fixture
def files(tmp_path):
    rows = [
        {
            "id": f"{i}",
            "input": f"{ASKED}we study the {what}",
            "profile": [
                {"id": f"{i}{j}", "title": f"On {of}", "abstract": f"we study {of}", "date": f"201{j}"}
                for j, of in enumerate(("foxes", what))
            ],
        }
        for i, what in enumerate(("dates", "dogs", "streets"))
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    golds = [{"id": row["id"], "output": f"On the {row['input'].split()[-1]}"} for row in rows]
    (tmp_path / "outputs.json").write_text(json.dumps({"task": "LaMP_5", "golds": golds}))
    return "--questions", "questions.json", "--outputs", "outputs.json"


def test_a_table_has_every_method_and_says_how_it_measured(run, small, files):
    said = run("bench", "lamp", *files, "--methods", "rag,stats_profile", "--model", small)
    assert said.code == 0, said.err
    assert "LaMP-5: 3 questions" in said.out and all(name in said.out for name in ("plain", "rag", "stats_profile", "ROUGE-1", "ROUGE-L"))
    assert "Measured soundly" in said.err


def test_json_and_predictions_are_in_the_benchmarks_form(run, small, files, tmp_path):
    said = run(
        "bench",
        "lamp",
        *files,
        "--methods",
        "rag:k=1",
        "--model",
        small,
        "--json",
        "--strict",
        "--predictions",
        "out",
        "--rows",
        2,
        "--no-control",
    )
    found = json.loads(said.out)
    assert (found["task"], found["asked"], [one["name"] for one in found["results"]]) == ("LaMP-5", 2, ["plain", "rag:k=1"])
    written = json.loads((tmp_path / "out" / "LaMP-5.rag_k=1.json").read_text())
    assert written["task"] == "LaMP_5" and len(written["golds"]) == 2 and set(written["golds"][0]) == {"id", "output"}


def test_what_is_missing_is_said(run, small, files):
    assert run("bench", "lamp", "--model", small).code == 2
    said = run("bench", "lamp", "--questions", "questions.json", "--model", small)
    assert said.code == 1 and "give the file of outputs" in said.err


def test_the_pages_example_files_and_commands_run(run, small, tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    for name, content in re.findall(r"^`(\w+\.json)`:\n\n```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(content)
    commands = [line for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL) for line in block.splitlines()]
    own = [shlex.split(line)[1:] for line in commands if "my_questions.json" in line]
    assert len(own) >= 2
    for words in own:
        said = run(*words, "--model", small)
        assert said.code == 0, said.err
