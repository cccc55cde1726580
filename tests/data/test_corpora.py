"""Readers of public corpora, on small files of the same shape; who is held out; and the prompts they make."""

import gzip
import json

import pytest

from idiolect.data import corpora
from idiolect.errors import DataError
from idiolect.types import Record, User


def written(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def paper(number, year, authors):
    return {"paper_id": f"p{number}", "year": year, "title": f"Title {number}", "abstract": "word " * 300, "authors": authors}


def test_a_paper_is_a_record_of_each_of_its_authors_and_its_abstract_is_cut(tmp_path):
    written(tmp_path / "papers.jsonl.gz", [paper(1, 2019, ["Ann", "Bo", "Ann"]), paper(2, 2016, ["Ann"])])
    ann, bo = corpora.acl_titles(tmp_path)
    assert [r.id for r in ann.records] == ["p2", "p1"] and [r.id for r in bo.records] == ["p1"]
    assert len(ann.records[0].prompt.split()) <= corpora.MATTER_WORDS + len(corpora.TITLE.split()) + 1


def test_papers_of_one_year_are_not_earlier_than_one_another(tmp_path):
    written(tmp_path / "papers.jsonl.gz", [paper(1, 2019, ["Ann"]), paper(2, 2019, ["Ann"])])
    (ann,) = corpora.acl_titles(tmp_path)
    assert len(ann.records.before(ann.records[1])) == 0


def test_a_commit_prompt_names_the_first_files_and_leaves_out_comments():
    prompt = corpora.commit_prompt([f"M f{i}.py" for i in range(9)], "<!-- a\ntemplate --> why it was done")
    assert "M f5.py, and 3 more" in prompt and "f6" not in prompt
    assert prompt.endswith("\nwhy it was done") and "template" not in prompt


def test_a_post_loses_its_markup(tmp_path):
    post = {"id": "x", "date": "2014-3-9-", "authors": ["Ann"], "title": "Hello", "body": "<b>We</b> [moved](http://a.b) **today**"}
    written(tmp_path / "posts.jsonl.gz", [post])
    (ann,) = corpora.blog_18f(tmp_path)
    assert ann.records[0].prompt.endswith("We moved today")
    assert ann.records[0].time == corpora.stamp("2014-03-09")


def test_dates_with_and_without_a_zone_and_what_is_no_date():
    assert corpora.stamp("1970-01-02") == 86400.0
    assert corpora.stamp("1970-01-01T02:00:00+02:00") == 0.0
    with pytest.raises(DataError, match="'soon' is not an ISO 8601 date"):
        corpora.stamp("soon")


def test_a_missing_corpus_is_named(tmp_path):
    with pytest.raises(DataError, match=r"commits\.jsonl\.gz is not there"):
        corpora.git_commits(tmp_path)


def test_who_is_held_out_depends_on_the_person_alone():
    def person(name, count):
        return User(name, [Record("p", f"a{i}", float(i)) for i in range(count)])

    assert corpora.held_out("git_commits", person("x", 279)) and not corpora.held_out("git_commits", person("x", 280))
    names = [f"author {i}" for i in range(400)]
    drawn = [name for name in names if corpora.held_out("acl_titles", person(name, 12))]
    assert 40 < len(drawn) < 110
    assert not any(corpora.held_out("acl_titles", person(name, 11)) for name in names)
