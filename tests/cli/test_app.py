"""The command line: a newcomer is led to each job, every job does it, and what goes wrong is one sentence."""

import json
import re
import sqlite3
import subprocess
import sys
import time

import pytest

from idiolect import __version__, catalogue
from idiolect.cli import show
from idiolect.cli.opening import open_methods
from idiolect.data.files import read
from idiolect.store import Store

ADA = "Write the subject line of this commit."


def git(folder, *words):
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *words], check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path):
    """A repository of ten commits by Ann and one by Bob."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for number in range(10):
        git(folder, "commit", "-q", "--allow-empty", "-m", f"Add part {number}\n\nIt was missing.")
    git(folder, "commit", "-q", "--allow-empty", "--author", "Bob <bob@example.org>", "-m", "Fix it")
    return folder


def test_help_names_every_command_and_only_those_that_are_there(run):
    said = run("--help")
    assert said.code == 0
    offered = re.findall(r"^│ (\w+)\s{2,}", said.out, flags=re.MULTILINE)
    kept = ["edit", "erase", "export", "forget", "observe", "reindex"]
    assert sorted(offered) == sorted(["agents", "ask", "bench", "compare", "fit", "import", "keys", "methods", "serve", *kept])


@pytest.mark.parametrize(
    "command",
    [
        "compare",
        "methods",
        "fit",
        "ask",
        "export",
        "erase",
        "observe",
        "edit",
        "forget",
        "reindex",
        "import git",
        "import file",
        "bench lamp",
    ],
)
def test_every_command_has_help_with_an_example(run, command):
    said = run(*command.split(), "--help")
    assert said.code == 0 and re.search(r"Examples?: idiolect", said.out)


def test_help_comes_quickly_and_without_heavy_libraries():
    code = "import sys; sys.argv = ['idiolect', '--help']\ntry:\n import idiolect.__main__; idiolect.__main__.main()\nexcept SystemExit: pass\n"
    code += "print([n for n in ('torch', 'transformers', 'sqlalchemy', 'httpx', 'matplotlib') if n in sys.modules])"
    spent = []
    for _ in range(2):
        began = time.process_time(), time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        spent.append(time.perf_counter() - began[1])
        assert done.stdout.strip().endswith("[]")
    assert min(spent) < 5  # seconds; half of one on a machine that does nothing else


def test_the_version_is_the_packages(run):
    assert run("--version").out.strip() == __version__


def test_the_catalogue_is_shown_whole(run):
    said = run("methods")
    assert all(f" {name} " in said.out for name in catalogue.names())
    told = json.loads(run("methods", "--json").out)
    assert [row["name"] for row in told] == list(catalogue.names())


def test_the_next_command_can_be_typed_where_idiolect_is_not_on_the_path(run, monkeypatch, capsys):
    assert "\n  idiolect methods oppu" in run("methods").err
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", [".venv/bin/idiolect", "methods"])
    show.next_step("Then:", "idiolect methods oppu")
    assert "  .venv/bin/idiolect methods oppu" in capsys.readouterr().err


def test_one_method_is_shown_with_its_paper_and_settings(run):
    said = run("methods", "cos")
    assert "arXiv:2405.01768" in said.out and "strength = 0.5" in said.out
    assert json.loads(run("methods", "cos", "--json").out)["settings"]["strength"] == 0.5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("methods", "opu"), "did you mean 'oppu'"),
        (("compare", "nowhere.jsonl"), "nowhere.jsonl is not there"),
        (("compare", "--task", "nothing"), "no task is called 'nothing'"),
        (("compare", "--task", "acl-titles"), "give the path"),
        (("import", "git", "."), "is not a git repository"),
        (("import", "file", "x.csv"), "x.csv is not there"),
        (("ask", "nobody", "Q", "--model", "http://127.0.0.1:9/v1#m"), "nobody of these 14 is called 'nobody'"),
        (("ask", "ann", "Q", "--store", "people.db"), "there is no store at people.db"),
        (("export", "ann"), "there is no store at"),
        (("erase", "ann", "--yes"), "there is no store at"),
        (("compare", "--model", "http://127.0.0.1:9/v1"), "add its name, as in http://127.0.0.1:9/v1#NAME"),
        (("fit", "--method", "rag:k", "--model", "http://127.0.0.1:9/v1#m"), "NAME:SETTING=VALUE"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_exit_code_1(run, words, sentence):
    said = run(*words)
    assert said.code == 1 and said.out == ""
    assert sentence in " ".join(said.err.split()) and "Traceback" not in said.err


def test_a_model_that_is_not_there_is_one_sentence(run, tmp_path):
    said = run("ask", "ada-quill", "Q", "--model", tmp_path)
    assert said.code == 1 and "config.json is missing" in said.err


@pytest.mark.parametrize("words", [("compare", "--users", "none"), ("compre",), ("compare", "a.jsonl", "--task", "sample"), ("ask", "ann")])
def test_wrong_usage_exits_with_2(run, words):
    assert run(*words).code == 2


def test_a_repository_becomes_histories(run, repository):
    said = run("import", "git", repository, "--out", "out/history.jsonl")
    assert said.code == 0 and "1 person, 10 records" in said.out and "1 author with fewer than 8" in said.err
    (ann,) = read("out/history.jsonl").users
    assert ann.id == "Ann" and ann.records[0].answer.startswith("Add part")
    assert "Bob" in run("import", "git", repository, "--least", 1, "--out", "all.jsonl").out or len(read("all.jsonl").users) == 2


def test_an_imported_history_is_what_it_was(run, history, columns):
    assert run("import", "file", history, *columns, "--out", "history.jsonl").code == 0
    fields = {"user": "who", "time": "day", "prompt": "asked", "answer": "said"}
    assert read("history.jsonl").users == read(history, fields).users


def test_broken_lines_are_named_and_the_rest_is_kept(run, history, columns):
    history.write_text(history.read_text() + "not json\n" + '{"who": "dee", "day": "yesterday", "asked": "?", "said": "!"}\n')
    said = run("import", "file", history, *columns, "--out", "history.jsonl")
    assert said.code == 0 and "3 people, 30 records" in said.out
    assert "own.jsonl, line 31: not JSON" in said.err and "line 32: 'yesterday' is not" in said.err and "2 lines left out" in said.err


def test_a_wrong_field_map_fails_before_anything_is_written(run, history, tmp_path):
    said = run("import", "file", history, "--user", "whom", "--out", "history.jsonl")
    assert said.code == 1 and "no column 'whom'" in said.err and not (tmp_path / "history.jsonl").exists()


def test_without_out_a_file_is_only_checked(run, history, columns, tmp_path):
    said = run("import", "file", history, *columns)
    assert said.code == 0 and "30 records" in said.out and "Nothing was written" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["own.jsonl"]


def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(run, history, columns, tmp_path):
    (tmp_path / "taken").mkdir()
    said = run("import", "file", history, *columns, "--out", "taken")
    assert said.code == 1 and "taken cannot be written" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.jsonl", "taken"]


def test_an_answer_says_what_it_is_made_of(run, small):
    said = run("ask", "ada-quill", ADA, "--model", small, "--max-tokens", 4)
    assert said.code == 0 and said.out.strip() and said.err.count("record:") == 4
    told = json.loads(run("ask", "ada-quill", ADA, "--model", small, "--max-tokens", 4, "--json").out)
    assert told["text"] + "\n" == said.out and len(told["because"]) == 4


def test_a_plain_answer_says_that_nothing_personal_is_in_it(run, small):
    said = run("ask", "ada-quill", ADA, "--model", small, "--max-tokens", 4, "--method", "plain")
    assert said.code == 0 and "nothing personal" in said.err


def test_people_are_kept_asked_taken_away_and_erased(run, small, history, columns, tmp_path):
    kept = tmp_path / "people.db"
    said = run("fit", history, *columns, "--method", "soft_prompt:length=2:epochs=1", "--model", small, "--store", kept)
    assert said.code == 0 and "3 users learnt" in said.out and f"--store {kept}" in said.err
    asked = run("ask", "ann", "Title 11?", "--store", kept, "--max-tokens", 4)
    assert asked.code == 0 and "prefix:soft_prompt" in asked.err
    told = json.loads(run("export", "ann", "--store", kept).out)
    assert len(told["records"]) == 10 and told["states"][0]["method"] == "soft_prompt" and told["states"][0]["config"]["length"] == 2
    erased = run("erase", "ann", "--store", kept, "--yes")
    assert erased.code == 0 and "10 records and 1 state erased" in erased.out and "soft_prompt" in erased.err
    gone = run("ask", "ann", "Title 11?", "--store", kept)
    assert gone.code == 1 and "'ann'" in gone.err
    with Store(kept) as store:
        assert store.users() == ["bob", "cyd"]


def test_fitting_again_adds_records_and_forgets_none(run, small, history, columns, tmp_path):
    words = (*columns, "--method", "stats_profile", "--model", small, "--store", "people.db")
    assert run("fit", history, *words).code == 0
    history.write_text('{"who": "ann", "day": "2024-04-01", "asked": "Title 11?", "said": "Of foxes, part 11"}\n')
    assert run("fit", history, *words).code == 0
    with Store(tmp_path / "people.db") as store:
        assert len(store.user("ann").records) == 11 and len(store.user("bob").records) == 10
        assert store.provenance("bob")[0].created > 0 and len(store.provenance("ann")) == 1


def test_people_kept_from_before_stay_as_they_were_beside_the_new_ones(run, small, history, columns, tmp_path):
    words = ("--method", "soft_prompt:length=2:epochs=1", "--model", small, "--store", "people.db")
    assert run("fit", history, *columns, *words).code == 0
    (tmp_path / "more.jsonl").write_text('{"user": "dee", "time": 1, "prompt": "Title?", "answer": "Of streets"}\n')
    said = run("fit", "more.jsonl", *words)
    assert said.code == 0 and "1 user learnt" in said.out and "3 users kept as they were" in said.out and "idiolect ask dee" in said.err


def test_a_method_that_was_not_fitted_is_named_with_the_way_out(run, small, history, columns):
    assert run("fit", history, *columns, "--method", "rag", "--model", small, "--store", "people.db").code == 0
    said = run("ask", "ann", "Q", "--store", "people.db", "--method", "oppu")
    assert said.code == 1 and re.search(r"`idiolect fit --store \S*people.db` with it first", said.err)
    nobody = run("ask", "anne", "Q", "--store", "people.db")
    assert nobody.code == 1 and "'ann' is" in nobody.err


def test_erasing_asks_first_and_no_leaves_all(run, small, history, columns, tmp_path, monkeypatch):
    assert run("fit", history, *columns, "--method", "plain", "--model", small, "--store", "people.db").code == 0
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("n\n"))
    assert run("erase", "ann", "--store", "people.db").code == 1
    assert sqlite3.connect(tmp_path / "people.db").execute("select count(*) from users").fetchone() == (3,)


def test_markup_in_what_people_wrote_is_shown_as_it_is(run, small, tmp_path):
    lines = [f'{{"user": "[bold]ann", "time": {i}, "answer": "[red]words[/red] {i}"}}' for i in range(3)]
    (tmp_path / "odd.jsonl").write_text("\n".join(lines))
    said = run("ask", "[bold]ann", "words", "--history", "odd.jsonl", "--model", small, "--max-tokens", 2)
    assert said.code == 0 and "'[red]words[/red] 2'" in said.err


def test_the_name_of_a_group_stands_among_names_for_what_the_model_can_run():
    able = frozenset({"adapters", "train"})
    names = [name for name, _ in open_methods("usual, rag:k=8,rag", able)]
    assert names == ["plain", "rag", "pag", "stats_profile", "oppu", "one4all", "rag:k=8"]
    assert [name for name, _ in open_methods("all", frozenset(catalogue.row("cos").needs))][:2] == ["plain", "rag"]


def test_what_is_usual_is_in_the_catalogue_and_of_every_level():
    levels = {catalogue.row(name).level for name in catalogue.USUAL}
    assert set(catalogue.USUAL) <= set(catalogue.names()) and levels == set(catalogue.LEVELS)
