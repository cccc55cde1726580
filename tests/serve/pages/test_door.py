"""The door in a browser: a key opens what it opens, a person's link opens what is theirs, and nothing else."""

import pytest

from idiolect.serve import gates
from idiolect.store.accounts import Accounts
from tests.serve.conftest import gateway_of, told
from tests.serve.pages.conftest import accessible, site_of


@pytest.fixture
def keyed(tmp_path):
    """A server with keys; ann and bob are known."""
    gateway = gateway_of(tmp_path / "people.db")
    gateway.store.add("ann", told("I live in Oslo.", start=1.7e9))
    gateway.store.add("bob", told("I live in Lima.", start=1.7e9))
    accounts = Accounts(gateway.store._session)
    with site_of(gateway, gates.Keyed(gateway.settings, accounts)) as site:
        site.key = accounts.add("", "operator")[0]
        yield site


def test_who_has_no_key_is_led_to_the_door_and_back(keyed, opened):
    page = opened(f"{keyed.url}/about/ann")
    assert "/sign-in?back=%2Fabout%2Fann" in page.url
    assert not accessible(page)
    page.picture("door")
    page.get_by_label("Key or token").fill("idio_wrong")
    page.get_by_role("button", name="Come in").click()
    page.get_by_text("This key does not open this server").wait_for()
    page.get_by_label("Key or token").fill(keyed.key)
    page.get_by_role("button", name="Come in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "What Idiolect knows of ann"
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{keyed.url}/")
    assert "/sign-in" in page.url


def test_a_link_opens_what_is_the_persons_and_nothing_else(keyed, opened):
    page = opened(f"{keyed.url}/sign-in?back=/about/ann")
    page.get_by_label("Key or token").fill(keyed.key)
    page.get_by_role("button", name="Come in").click()
    page.get_by_role("button", name="Make a link for them").click()
    link = page.get_by_label("For ann alone").input_value()
    own = opened(link)
    assert "#" not in own.url, "the secret is out of the address, and so out of the browser's history"
    own.get_by_role("button", name="Come in").click()
    assert own.get_by_role("heading", level=1).inner_text() == "What Idiolect knows of you"
    assert [one.inner_text() for one in own.locator("nav[aria-label=Pages] a").all()] == ["Talk", "About me", "Methods"]
    own.picture("about-me")
    own.locator("main").get_by_role("link", name="Talk").click()
    assert own.get_by_label("Answer as").count() == 0
    own.get_by_label("Your question").fill("Where do I live?")
    own.get_by_role("button", name="Ask").click()
    own.get_by_text("Oslo").first.wait_for()
    assert not accessible(own)
    for path, status in (("/about/bob", 404), ("/people", 403), ("/compare", 403), ("/about/nobody", 404)):
        assert own.request.get(f"{keyed.url}{path}", headers={"Sec-Fetch-Site": "same-origin"}).status == status, path


def test_a_key_is_not_sent_on_to_another_site(keyed):
    answered = keyed.http.post("/sign-in", data={"secret": keyed.key, "back": "//evil.example/x"})
    assert answered.headers["location"] == "/"
    cookie = answered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


def test_a_part_of_a_page_leads_to_the_door_as_a_whole(keyed):
    answered = keyed.http.get("/people/options", headers={"HX-Request": "true"})
    assert answered.headers["hx-redirect"] == "/sign-in?back=%2F"
