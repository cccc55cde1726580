"""Readers of public corpora, on invented files of their shape; and who is kept for evaluation."""

import gzip
import json

import pytest

from idiolect.data.corpora import acl_titles, blog_18f, commit_prompt, gather, git_commits, held_out, plain, read_jsonl, stamp
from idiolect.errors import DataError
from idiolect.types import History, Record, User


def packed(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as opened:
        opened.write("\n".join(json.dumps(row) for row in rows) + "\n\n")


def test_a_paper_is_a_record_of_each_of_its_authors_once(tmp_path):
    paper = {"paper_id": "P1", "year": 2020, "title": "On Foxes", "abstract": "Foxes " * 200, "authors": ["Ann", "Bob", "Ann"]}
    packed(tmp_path / "papers.jsonl.gz", [paper, {**paper, "paper_id": "P0", "year": 2018, "authors": ["Bob"]}])
    ann, bob = acl_titles(tmp_path)
    assert (ann.id, len(ann.records), [r.id for r in bob.records]) == ("Ann", 1, ["P0", "P1"])
    assert ann.records[0].answer == "On Foxes" and ann.records[0].prompt.endswith("Foxes ...")
    assert ann.records[0].time == stamp("2020-01-01")


def test_a_commit_is_asked_by_files_and_body_and_answered_by_its_subject(tmp_path):
    row = {"author": "a", "date": "2024-03-01T09:30:00+02:00", "subject": "Fix it", "body": "It broke.", "files": ["M x.py"], "sha": "1"}
    packed(tmp_path / "commits.jsonl.gz", [row])
    (user,) = git_commits(tmp_path)
    assert user.records[0].answer == "Fix it" and user.records[0].prompt.endswith("Files: M x.py\nIt broke.")


def test_a_post_is_read_without_its_markup(tmp_path):
    body = "<p>See **the** [page](https://example.org)</p> {% raw %}"
    packed(tmp_path / "posts.jsonl.gz", [{"id": "1", "date": "2016-1-5-", "title": "News", "body": body, "authors": ["ann"]}])
    (user,) = blog_18f(tmp_path)
    assert user.records[0].prompt.endswith("\n\nSee the page") and user.records[0].time == stamp("2016-01-05")


def test_many_files_are_counted_and_html_comments_left_out():
    asked = commit_prompt([f"M {i}.py" for i in range(9)], "Why <!-- a\ntemplate --> not")
    assert "M 5.py, and 3 more\nWhy not" in asked and "M 6.py" not in asked
    assert commit_prompt([], "").endswith("Files: none")


def test_markup_is_reduced_to_its_words():
    assert plain("a ![picture](x.png) **b**").split() == ["a", "picture", "b"]


def test_dates_without_a_zone_are_utc_and_others_say_what_is_wrong():
    assert stamp("1970-01-02") == 86_400 and stamp("1970-1-2") == 86_400
    assert stamp("1970-01-01T02:00:00+02:00") == 0
    with pytest.raises(DataError, match="'soon' is not an ISO 8601 date"):
        stamp("soon")


def test_a_corpus_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nothing.jsonl is not there"):
        list(read_jsonl(tmp_path / "nothing.jsonl"))


def test_people_come_in_the_order_of_their_ids():
    records = [Record("", "b", 2.0), Record("", "a", 1.0)]
    users = gather({"bob": records, "ann": records})
    assert [user.id for user in users] == ["ann", "bob"] and [r.answer for r in users[0].records] == ["a", "b"]


def writer(name, count):
    return User(name, History(Record("p", f"a {i}", float(i)) for i in range(count)))


def test_who_is_held_out_hangs_on_the_name_and_the_size_of_the_history_alone():
    names = [f"person {i}" for i in range(400)]
    kept = [name for name in names if held_out("acl_titles", writer(name, 12))]
    assert 0.10 < len(kept) / 400 < 0.26 and kept == [name for name in names if held_out("acl_titles", writer(name, 50))]
    assert not any(held_out("acl_titles", writer(name, 11)) for name in names)
    assert held_out("git_commits", writer("a", 279)) and not held_out("git_commits", writer("a", 280))
    assert 0.4 < sum(held_out("blog_18f", writer(name, 10)) for name in names) / 400 < 0.6
