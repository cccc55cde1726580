"""Talk in a browser: two people, two voices; whole and streamed; by keys, without scripts, and in the dark."""

import re

import pytest

from idiolect.data.sample import sample
from idiolect.errors import EndpointError
from idiolect.models.scripted import ScriptedLM
from idiolect.serve.pages.suggestions import QUESTIONS, suggested
from tests.serve.conftest import gateway_of
from tests.serve.pages.conftest import PHONE, accessible, site_of, spoken


def asked(page, question, user=None, beside=None):
    if user is not None:
        page.get_by_label("Answer as").fill(user)
    if beside is not None:
        page.get_by_label("Beside").fill(beside)
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask").click()


def test_two_people_asked_at_once_answer_each_in_their_own_words(site, opened):
    page = opened(site.url)
    asked(page, "Where do I live?", "ann", "bob")
    ann, bob = spoken(page, "ann"), spoken(page, "bob")
    assert "Oslo" in ann and "Lima" not in ann
    assert "Lima" in bob and "Oslo" not in bob
    assert not accessible(page)
    page.picture("talk")


def test_beside_a_person_stands_the_model_as_it_is(site, opened):
    page = opened(site.url)
    asked(page, "Where do I live?", "ann", "")
    assert "Oslo" in spoken(page, "ann")
    assert spoken(page, "The model as it is") == "Where do I live?"
    assert page.get_by_role("button", name="A good answer", exact=True).count() == 1


def test_the_answer_says_which_words_of_the_person_bent_it(site, opened):
    page = opened(site.url)
    asked(page, "Where do I live?", "ann")
    spoken(page, "ann")
    page.get_by_text("Why", exact=True).click()
    reasons = page.locator(".reasons")
    reasons.first.wait_for()
    assert "I live in Oslo." in reasons.first.inner_text() and "14 November 2023" in reasons.first.inner_text()
    assert not accessible(page)
    page.picture("talk-why")


def test_a_suggestion_fills_the_question_and_another_method_answers(site, opened):
    page = opened(site.url)
    page.get_by_role("link", name=QUESTIONS[0][0]).click()
    assert page.get_by_label("Your question").input_value() == QUESTIONS[0][1]
    page.get_by_label("By the method").select_option("echo+stats_profile")
    page.get_by_role("button", name="Ask").click()
    spoken(page, "ada-quill")
    assert page.get_by_text("by stats_profile").is_visible()


def test_with_the_bundled_model_two_of_the_samples_people_are_two_voices(tmp_path, opened):
    from idiolect.models import local

    gateway = gateway_of(tmp_path / "people.db", local.load("tiny"))
    gateway.specs["echo"] = "tiny"
    for user in sample():
        gateway.store.add(user.id, user.records)
    with site_of(gateway) as site:
        page = opened(f"{site.url}/?user=ada-quill&beside=gwen-abara")
        page.get_by_role("link", name=QUESTIONS[0][0]).click()
        page.get_by_role("button", name="Ask").click()
        ada, gwen = spoken(page, "ada-quill"), spoken(page, "gwen-abara")
        assert ada and gwen and ada != gwen
        assert gwen.startswith("["), "she begins with what it is, in brackets"
        page.locator(".answer.own .tools .row").nth(1).wait_for()
        page.picture("talk-two-voices")


def test_suggestions_are_there_for_the_samples_people_alone():
    assert suggested(["ada-quill", "zoe"]) and not suggested(["zoe"])


def test_a_follow_up_knows_what_was_said_before(site, opened):
    page = opened(site.url)
    asked(page, "first question", "ann")
    spoken(page, "ann")
    page.get_by_label("as a follow-up").check()
    asked(page, "second question")
    page.locator(".turn").nth(1).wait_for()
    assert "first question | " in spoken(page, "ann") and spoken(page, "ann").endswith("second question")
    page.get_by_label("as a follow-up").uncheck()
    asked(page, "third question")
    page.locator(".turn").nth(2).wait_for()
    assert "first question" not in spoken(page, "ann")


def test_talk_is_walked_through_by_keys_alone(site, opened):
    page = opened(f"{site.url}/?user=ann")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    walked = []
    for _ in range(12):
        page.keyboard.press("Tab")
        walked.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle != 'none' || document.activeElement.id == 'question'")
        if walked[-1] == "question":
            break
    assert walked == ["user", "beside", "method", "question"]
    page.keyboard.type("Where do I live?")
    page.keyboard.press("Enter")
    assert "Oslo" in spoken(page, "ann")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "Why"
    page.keyboard.press("Enter")
    page.locator(".reasons").first.wait_for()


def test_without_scripts_both_answers_come_whole_with_what_can_be_done_about_them(site, opened):
    page = opened(f"{site.url}/?user=ann&beside=bob", scripts=False)
    page.get_by_label("Your question").fill("Where do I live?")
    page.get_by_role("button", name="Ask").click()
    assert "Oslo" in spoken(page, "ann") and "Lima" in spoken(page, "bob")
    assert page.get_by_label("Answer as").input_value() == "ann" and page.get_by_label("Beside").input_value() == "bob"
    assert not accessible_without_scripts(page)
    page.get_by_text("Why", exact=True).first.click()
    page.get_by_role("link", name="What this answer is made of").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "What this answer is made of"
    assert page.get_by_text("I live in Oslo.").first.is_visible()
    page.picture("why-without-scripts")


def accessible_without_scripts(page):
    """The least that must hold where no check can run inside the page."""
    ids = re.findall(r' id="([^"]+)"', page.content())
    return [one for one in ids if ids.count(one) > 1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_talk_fits_a_phone_and_can_be_read(site, opened, dark):
    page = opened(f"{site.url}/?user=ann", PHONE, dark)
    asked(page, "Where do I live?")
    spoken(page, "ann")
    page.locator(".answer.own .tools .row").wait_for()
    assert not accessible(page)
    page.picture(f"talk-phone-{'dark' if dark else 'light'}")


def test_the_colours_that_were_chosen_are_remembered(site, opened):
    page = opened(site.url)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.goto(f"{site.url}/methods")
    assert page.evaluate(paper) == dark and page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    assert not accessible(page)
    page.picture("methods-dark")


def test_without_scripts_the_colours_are_chosen_by_a_form(site, opened):
    page = opened(f"{site.url}/methods", scripts=False)
    page.get_by_role("button", name="Dark").click()
    assert page.url.endswith("/methods") and page.locator("html").get_attribute("data-theme") == "dark"


def test_what_goes_wrong_is_said_in_the_answers_place(site, opened):
    def broken(request):
        raise EndpointError("http://example refused: it is asleep")

    page = opened(site.url)
    site.gateway.voices["echo"].lm._say = broken
    asked(page, "Where do I live?", "ann")
    page.locator(".answer .notice").first.wait_for()
    assert page.locator(".answer .notice").first.inner_text() == "http://example refused: it is asleep."
    page = opened(f"{site.url}/replies/nobodys/why")
    assert page.get_by_role("heading", level=1).inner_text() == "Not here"
    assert not accessible(page)


def test_a_page_runs_nothing_that_a_person_wrote(tmp_path, opened):
    bad = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    gateway = gateway_of(tmp_path / "people.db", ScriptedLM(lambda request: bad, can=(), name="echo"))
    gateway.store.add(bad, [])
    with site_of(gateway) as site:
        page = opened(f"{site.url}/")
        asked(page, bad, bad)
        assert spoken(page, "<script>") == bad
        page.locator(".answer.own .tools .row").wait_for()
        assert page.title() != "taken" and page.locator("main img, main script").count() == 0


def test_every_page_says_what_a_browser_may_do_with_it(site):
    for path in ("/", "/methods", "/static/page.js", "/static/style.css", "/nowhere"):
        headers = site.http.get(path).headers
        if path != "/nowhere":
            assert "default-src 'self'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
    assert site.http.get("/").headers["cache-control"] == "no-store"


def test_a_form_that_another_site_sends_is_refused(site):
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert site.http.post("/talk", data={"question": "hello", "user": "ann"}, headers=headers).status_code == 403
    assert site.http.post("/theme", data={"theme": "dark", "back": "//evil.example"}).headers["location"] == "/"


def test_where_nobody_is_known_the_way_to_begin_is_shown(tmp_path, opened):
    with site_of(gateway_of(tmp_path / "people.db")) as site:
        page = opened(site.url)
        page.get_by_text("Nobody is known here yet.").wait_for()
        assert page.locator(".tries").count() == 0 and not accessible(page)
        asked(page, "Where do I live?", "zoe")
        assert spoken(page, "zoe") == "Where do I live?"


def test_an_empty_question_is_asked_for(site):
    answered = site.http.post("/talk", data={"question": " ", "user": "ann"})
    assert answered.status_code == 422 and "There is no question yet" in answered.text
