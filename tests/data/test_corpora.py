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


def test_authorship_asks_everybody_who_wrote_a_paper_the_same_and_never_beside_a_coauthors_paper(tmp_path):
    papers = [paper(i, 2019, names) for i, names in enumerate((["Ann", "Bo"], ["Ann"], ["Bo"], ["Cy"], ["Ann", "Cy"], ["Dee"]))]
    written(tmp_path / "papers.jsonl.gz", [*papers, paper(9, 2020, ["Ann"])])
    users = {user.id: user for user in corpora.acl_authorship(tmp_path)}
    shared = {user.id: {r.id: r for r in user.records} for user in users.values()}
    assert shared["Ann"]["p0"] == shared["Bo"]["p0"] and "p9" not in shared["Ann"], "alone in its year, there is nothing to choose from"
    wrote = {f"Title {i}": set(one["authors"]) for i, one in enumerate(papers)}
    for user in users.values():
        for record in user.records:
            titles = [line.partition(": ")[2].strip('"') for line in record.prompt.splitlines()[-2:]]
            own, other = titles if record.answer == "[1]" else titles[::-1]
            assert user.id in wrote[own] and not wrote[own] & wrote[other]


def test_the_place_of_the_persons_own_paper_is_as_good_as_drawn(tmp_path):
    written(tmp_path / "papers.jsonl.gz", [paper(i, 2019, [f"Author {i % 7}"]) for i in range(200)])
    answers = [record.answer for user in corpora.acl_authorship(tmp_path) for record in user.records]
    assert len(answers) == 200 and 70 < answers.count("[1]") < 130


def test_a_proposal_is_asked_by_its_abstract_and_dated_by_its_day(tmp_path):
    text = "Status\n======\nOld.\n\nAbstract\n========\n\nLines and\n**lanes**.\n\nMotivation\n==========\n\nMany.\n"
    row = {"pep": "7", "title": "Of lanes", "authors": ["Ann"], "created": "13-Jun-2000"}
    written(tmp_path / "peps.jsonl.gz", [{**row, "text": text}, {**row, "pep": "8", "text": "Heading\n=======\nOnly this."}])
    first, second = corpora.peps(tmp_path)[0].records
    assert first.prompt == f"{corpora.PROPOSAL}\n\nLines and lanes." and second.prompt.endswith("\n\nHeading Only this.")
    assert first.time == corpora.stamp("2000-06-13") and first.answer == "Of lanes"


def test_an_asker_has_the_answers_they_accepted_from_others(tmp_path):
    def post(number, kind, user, accepted=None):
        return {
            "id": number,
            "type": kind,
            "user": user,
            "date": "2014-01-21T20:26:05.383",
            "accepted": accepted,
            "title": "Hops?",
            "text": f"t{number}",
        }

    asked = [
        post("1", "question", "ann", "4"),
        post("2", "question", "ann"),
        post("3", "question", "ann", "5"),
        post("7", "question", None, "4"),
    ]
    written(tmp_path / "posts.jsonl.gz", [*asked, post("4", "answer", "bo"), post("5", "answer", "ann")])
    (ann,) = corpora.stackexchange_beer(tmp_path)
    assert [(r.prompt, r.answer) for r in ann.records] == [(f"{corpora.REPLY}\n\nHops?\nt1", "t4")]


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
    assert drawn == [name for name in names if corpora.held_out("acl_authorship", person(name, 12))]
