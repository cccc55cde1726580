"""`idiolect bench locomo`, `prefeval` and `memprompt` on small invented files of their forms."""

import json
import re

import pytest

from tests.evaluation.published import write_locomo, write_memprompt, write_prefeval


@pytest.fixture
def data(tmp_path):
    """A folder with the files of all three."""
    folder = tmp_path / "data"
    folder.mkdir()
    for write in (write_locomo, write_prefeval, write_memprompt):
        write(folder)
    return folder


def test_locomo_ends_in_recall_with_intervals_and_by_category(run, data):
    said = run("bench", "locomo", "--data", data, "--methods", "bm25,rag:k=2,random")
    assert said.code == 0, said.err
    assert all(re.search(rf"^{name}\b", said.out, flags=re.MULTILINE) for name in ("bm25", "rag:k=2", "random"))
    assert "4 answerable questions" in said.out and "adversarial (2)" in said.out and "2 without evidence left out" in said.err


def test_locomo_as_json_is_all_there_is_on_standard_output(run, data):
    made = json.loads(run("bench", "locomo", "--data", data, "--methods", "bm25", "--conversations", 1, "--json").out)
    assert made["questions"] == 4 and made["with_evidence"] == 3 and made["f1"] == [] and made["model"] is None
    assert {row["kind"] for row in made["recall"]} == {"answerable", "multi-hop", "single-hop", "adversarial"}


def test_locomo_with_a_model_scores_answers(run, data, small):
    pytest.importorskip("nltk")
    made = json.loads(run("bench", "locomo", "--data", data, "--methods", "bm25,rag", "--model", small, "--json").out)
    assert len(made["f1"]) == 8 and all(0 <= row["by_question"][0]["value"] <= 1 for row in made["f1"])


def test_prefeval_shows_what_reaches_the_prompt_at_each_distance(run, data):
    said = run("bench", "prefeval", "--data", data, "--methods", "plain,recency", "--distances", "0,6", "--forms", "explicit")
    assert said.code == 0, said.err
    assert re.search(r"^recency +1\.000 .* 0\.000 ", said.out, flags=re.MULTILINE)


def test_prefeval_with_a_model_chooses_by_likelihood(run, data, small):
    words = ("bench", "prefeval", "--data", data, "--methods", "plain", "--distances", "0", "--items", 1, "--model", small)
    made = json.loads(run(*words, "--json").out)
    assert made["items"] == 1 and len(made["rows"]) == 3
    assert all(row["letters"]["value"] in (0, 0.25, 0.5, 0.75, 1) and row["texts"]["value"] in (0, 1) for row in made["rows"])
    assert "letters" in run(*words).out


@pytest.mark.parametrize("words", [("--distances", "0,many"), ("--distances", "7"), ("--forms", "spoken")])
def test_prefeval_refuses_what_there_is_not(run, data, words):
    assert run("bench", "prefeval", "--data", data, *words).code == 2


def test_memprompt_shows_each_person_at_each_chance(run, data):
    said = run("bench", "memprompt", "--data", data, "--methods", "plain", "--size", 100)
    assert said.code == 0, said.err
    assert len(re.findall(r"^plain +(?:linguistic|hin|pun) ", said.out, flags=re.MULTILINE)) == 9
    made = json.loads(run("bench", "memprompt", "--data", data, "--methods", "plain", "--size", 100, "--chances", "1", "--json").out)
    assert [(row["person"], row["accuracy"], row["feedback"]) for row in made["rows"]] == [
        (who, 0.0, 8.0) for who in ("linguistic", "hin", "pun")
    ]


@pytest.mark.parametrize(("name", "source"), [("locomo", "snap-research"), ("prefeval", "amazon-science"), ("memprompt", "madaan")])
def test_where_the_data_are_not_there_the_error_says_where_to_get_them(run, tmp_path, name, source):
    said = run("bench", name, "--data", tmp_path / "nowhere")
    assert said.code == 1 and source in said.err
