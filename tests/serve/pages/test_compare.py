"""Compare in a browser: a comparison begun, watched, cancelled, taken up again, and its report, which can do nothing."""

import json
import time

import pytest

from idiolect import catalogue
from idiolect.data.sample import sample
from idiolect.serve.faults import Conflict, NotFound
from idiolect.serve.pages.compare import MOST_PEOPLE
from idiolect.serve.pages.compare import QUICK as QUICKEST
from idiolect.serve.pages.runs import Asked, Runs
from tests.serve.pages.conftest import accessible

QUICK = Asked("sample", "tiny", ("rag",), 2, 1)


@pytest.fixture
def runs(tmp_path):
    """Comparisons beside a store that is not there; what is left running is stopped."""
    made = Runs(str(tmp_path / "people.db"))
    yield made
    for run in made.all():
        made.cancel(run.id)


def until(runs, run, *status, seconds=60):
    end = time.monotonic() + seconds
    while runs.get(run).status not in status:
        assert time.monotonic() < end, runs.get(run)
        time.sleep(0.05)
    return runs.get(run)


def test_a_comparison_is_watched_and_its_report_read(site, opened):
    page = opened(f"{site.url}/compare")
    assert not accessible(page)
    page.picture("compare")
    for name in sorted(QUICKEST & set(catalogue.names()) - {"plain", "stats_profile"}):
        page.get_by_label(name).first.uncheck()
    page.get_by_label("How many people").fill("2")
    page.get_by_label("Words asked for of each").fill("1")
    site.gateway.specs["echo"] = "tiny"  # the server's model is a double; the comparison opens the bundled one
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("progressbar").wait_for()
    assert not accessible(page)
    page.picture("compare-running")
    page.locator("iframe.report").wait_for(timeout=60_000)
    report = page.frame_locator("iframe.report")
    assert report.get_by_role("heading", name="All methods").is_visible() and report.get_by_text("stats_profile").first.is_visible()
    assert page.locator("iframe.report").get_attribute("sandbox") == "" and not accessible(page)
    assert page.get_by_role("heading", level=1).inner_text().startswith(("Use ", "Stay with "))
    page.picture("compare-done")
    headers = site.http.get(f"{page.url.removeprefix(site.url)}/report").headers
    assert "default-src 'none'" in headers["content-security-policy"] and "sandbox" in headers["content-security-policy"]
    page.get_by_role("button", name="Delete").click()
    assert page.locator(".run-line").count() == 0


def test_a_comparison_is_cancelled_and_only_one_runs_at_a_time(runs):
    run = runs.start(QUICK)
    with pytest.raises(Conflict, match="under way"):
        runs.start(QUICK)
    with pytest.raises(Conflict, match="cancel it first"):
        runs.remove(run)
    runs.cancel(run)
    assert until(runs, run, "cancelled").of == 2
    runs.remove(run)
    assert runs.all() == []


def test_a_comparison_goes_on_when_the_server_is_gone_and_the_next_one_finds_it(runs, tmp_path):
    run = runs.start(Asked("sample", "tiny", ("rag", "pag"), 14, 3))
    after = Runs(str(tmp_path / "people.db"))
    assert after.get(run).status == "running"
    after.cancel(run)
    assert until(after, run, "cancelled").status == "cancelled"


def test_a_comparison_that_fails_says_why(runs):
    run = runs.start(Asked("no-such-task", "tiny", ("rag",), 2, 1))
    assert "no-such-task" in until(runs, run, "failed").why


def test_no_more_people_are_offered_than_the_sample_has():
    assert len(sample()) == MOST_PEOPLE


def test_what_is_not_there_and_what_is_no_id_is_not_found(runs):
    for name in ("0" * 12, "../people.db", ""):
        with pytest.raises(NotFound):
            runs.get(name)
    folder = runs.folder / ("a" * 12)
    folder.mkdir(parents=True)
    assert runs.all() == []
    (folder / "asked.json").write_text(
        json.dumps({"task": "sample", "model": "tiny", "methods": ["rag"], "users": 2, "targets": 1, "started": 1.0})
    )
    assert "without a word" in runs.get("a" * 12).why
    with pytest.raises(NotFound):
        runs.report("a" * 12)


def test_a_comparison_of_nothing_or_of_what_does_not_exist_is_refused(site):
    for data in ({}, {"methods": "plain"}, {"methods": "nope"}, {"methods": "rag", "task": "nope"}, {"methods": "rag", "users": "900"}):
        answered = site.http.post("/compare", data=data)
        assert answered.status_code in (400, 422), data
        assert "<h1>That did not work</h1>" in answered.text
