"""Methods in a browser: the whole catalogue, what can run it here, and a way to try it."""

from idiolect import catalogue
from tests.serve.pages.conftest import accessible


def test_every_method_is_there_with_its_paper_and_what_it_needs(site, opened):
    page = opened(f"{site.url}/methods")
    for row in catalogue.ROWS:
        one = page.locator(".catalogue li", has=page.get_by_role("heading", name=row.name, exact=True))
        assert row.paper in one.inner_text()
        assert one.get_by_role("link", name=row.name, exact=True).count() == (row.name in site.gateway.methods("echo")), row.name
    assert not accessible(page)
    page.picture("methods")


def test_a_method_is_tried_on_talk(site, opened):
    page = opened(f"{site.url}/methods")
    page.get_by_role("link", name="stats_profile", exact=True).click()
    assert page.get_by_label("By the method").input_value() == "echo+stats_profile"
