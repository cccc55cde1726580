"""Tasks: the kind that follows from answers, the metrics a model allows, and where people come from."""

import json
from pathlib import Path

import pytest

from idiolect.data.corpora import held_out
from idiolect.data.ratings import KIND
from idiolect.errors import DataError
from idiolect.evaluation.metrics import METRICS
from idiolect.evaluation.tasks import TASKS, Task, from_file, infer, task

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_the_kind_follows_from_the_answers() -> None:
    assert infer(["4", "3.5", "5"]) == "rating"
    assert infer(["yes", "no"] * 10) == "label"
    assert infer(["A title of a paper", "Another title of another paper"]) == "text"
    assert infer([f"fix {i}" for i in range(100)]) == "text"
    assert infer([str(i) for i in range(1_000)]) == "text"
    assert infer(["done"] * 9) == "text"
    assert infer(["nan", "3"]) == "text"
    assert infer([]) == "text"


def test_every_task_has_known_metrics_and_the_kind_of_its_reader() -> None:
    for name, one in TASKS.items():
        assert set(one.metrics) <= set(METRICS) and one.max_tokens > 0
        assert KIND[name] == one.kind


def test_bits_decide_where_the_model_gives_them_and_rouge_elsewhere() -> None:
    text = task("acl-titles")
    assert text.deciding({"logprobs"}) == "bits_per_char"
    assert text.deciding(()) == "rouge1" and "bits_per_char" not in text.measured(())
    assert task("movielens").deciding(()) == task("movielens").deciding({"logprobs"}) == "mae"


def test_what_stands_in_for_lamp_answers_to_the_benchmarks_words_too() -> None:
    for other, name in (
        ("popquorn-rating", "popquorn_offence"),
        ("popquorn_rewrite", "popquorn_emails"),
        ("movielens_rating", "movielens"),
    ):
        assert task(other) is TASKS[name]
    assert task("acl_authorship").deciding({"logprobs"}) == "accuracy"


def test_an_own_file_becomes_a_task_and_the_kind_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps({"user": "a", "answer": i % 3, "time": i}) for i in range(9)) + "\nbroken\n")
    made, loaded = from_file(path)
    assert (made.kind, made.deciding(()), len(loaded.problems)) == ("rating", "mae", 1)
    assert [user.id for user in made.read()] == ["a"]
    assert from_file(path, kind="text", primary="rougeL")[0].deciding({"logprobs"}) == "rougeL"


def test_what_is_unknown_is_refused_with_what_there_is() -> None:
    with pytest.raises(DataError, match="there are sample"):
        task("nothing")
    with pytest.raises(DataError, match="bits_per_char, rouge1"):
        Task("x", "text", "x", lambda _: [], primary="mae")
    with pytest.raises(DataError, match="acl_titles"):
        task("acl_titles").read()


def test_the_samples_need_no_path() -> None:
    assert len(task("sample").read()) == len(task("sample_ratings").read()) == 14


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
def test_corpora_give_only_people_whom_the_bundled_model_has_not_seen() -> None:
    users = task("blog_18f").read(DATA)
    assert len(users) >= 5 and all(held_out("blog_18f", user) for user in users)
    assert task("blog_18f").read(DATA / "blog_18f") == users
