"""The report and the table: whole in one file, safe for any name, and in words that a person understands."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from idiolect.errors import StoreError
from idiolect.evaluation.compare import compare
from idiolect.evaluation.comparison import Comparison
from idiolect.evaluation.report import report, write
from idiolect.evaluation.tasks import Task
from tests.evaluation.people import Anybody, Broken, Own, crowd, model

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def found() -> Comparison:
    users = [replace(user, id=f"{EVIL}{i}") for i, user in enumerate(crowd())]
    task = Task(EVIL, "text", "an <i>invented</i> task", lambda _: users)
    lm = model()
    lm.name = f"{EVIL}$x^2$"
    return compare(users, lm, [("Own", Own()), (f"{EVIL}$a_b$", Anybody()), ("Broken", Broken())], task)


@pytest.fixture(scope="module")
def page(found: Comparison) -> str:
    return report(found, ["idiolect", "compare", "a file.jsonl", "--seed", "0"])


def test_the_page_names_no_address_and_runs_no_script(page: str) -> None:
    assert not re.search(r"https?:|//|@import|<link|<iframe", page.split("</style>", 1)[1])
    assert not re.search(r"https?:|@import|url\(", page.split("</style>", 1)[0])
    assert "<script" not in page and "javascript:" not in page


def test_names_are_escaped_wherever_they_stand(page: str) -> None:
    assert re.search(r"&lt;script&gt;alert\(1\)&lt;/script&gt;\d", page) and "<i>" not in page
    assert "$a_b$" in page and "mathdefault" not in page


def test_the_page_is_well_formed_and_its_plots_have_a_text_for_who_cannot_see_them(page: str) -> None:
    class Checker(HTMLParser):
        void = frozenset({"meta", "br", "img", "link", "hr", "input"})
        stack: list[str] = []
        labels: list[str] = []
        ids: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in self.void:
                self.stack.append(tag)
            given = dict(attrs)
            if tag == "svg":
                self.labels.append(given.get("aria-label") or "")
            if "id" in given:
                self.ids.append(given["id"] or "")

        def handle_endtag(self, tag: str) -> None:
            assert self.stack.pop() == tag

    checker = Checker()
    checker.feed(page)
    assert not checker.stack and len(checker.labels) == 3 and all("Own" in label for label in checker.labels)
    assert len(set(checker.ids)) == len(checker.ids)


def test_the_page_says_how_it_was_made(page: str, found: Comparison) -> None:
    assert "idiolect compare &#39;a file.jsonl&#39; --seed 0" in page
    assert found.started in page and f"python {found.versions['python']}" in page
    assert "12 people were compared" in page and "RuntimeError: out of luck" in page


def test_the_page_is_drawn_for_one_person_and_for_plain_alone() -> None:
    task = Task("t", "text", "x", lambda _: crowd())
    for users, methods in ((crowd(1), [("Own", Own())]), (crowd(), [])):
        assert "Stay with" in report(compare(users, model(), methods, task))


def test_the_same_comparison_gives_the_same_page(found: Comparison) -> None:
    assert report(found) == report(Comparison.from_json(found.to_json()))


def test_a_place_that_cannot_be_written_is_named(found: Comparison, tmp_path: Path) -> None:
    write(found, tmp_path / "r.html", ["idiolect"])
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(StoreError, match="choose another place"):
        write(found, tmp_path / "none" / "r.html")
