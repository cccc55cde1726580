"""What is done with an answer on Talk: thumbs, an edit, a correction in words; and the next answer, which knows it."""

from tests.serve.pages.conftest import accessible, spoken
from tests.serve.pages.test_talk import asked


def kinds(site, person):
    return [record.kind for record in site.store.user(person).records if record.kind != "message"]


def tool(page, name):
    page.locator(".answer.own").last.get_by_text(name, exact=True).click()


def heard(page):
    status = page.locator(".told").last
    status.filter(has_text=".").wait_for()
    return status.inner_text()


def test_a_thumb_is_kept_as_the_persons(site, opened):
    page = opened(site.url)
    asked(page, "Where do I live?", "ann")
    spoken(page, "ann")
    page.get_by_role("button", name="Not a good answer").click()
    assert heard(page) == "Not good: noted."
    page.get_by_role("button", name="A good answer", exact=True).click()
    page.get_by_text("Good: noted.", exact=True).wait_for()
    assert kinds(site, "ann") == ["rating"], "another thumb takes the first one's place"
    assert kinds(site, "bob") == []


def test_a_correction_in_words_is_in_the_next_answer(site, opened):
    page = opened(site.url)
    asked(page, "Where do I live?", "ann")
    assert "harbour" not in spoken(page, "ann")
    tool(page, "Correct")
    page.get_by_label("What was wrong, in your words").fill("Please mention the harbour.")
    page.get_by_role("button", name="Tell it").click()
    assert "Understood" in heard(page)
    assert not accessible(page)
    page.picture("talk-corrected")
    page.get_by_role("link", name="Ask again").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator(".turn").nth(1).wait_for()
    assert "harbour" in spoken(page, "ann")
    assert kinds(site, "ann") == ["correction"]


def test_an_answer_put_right_is_kept_as_the_persons_own_words(site, opened):
    page = opened(site.url)
    asked(page, "What is my dog called?", "ann")
    spoken(page, "ann")
    tool(page, "Edit")
    page.get_by_label("As ann would put it").fill("Bodo the Great")
    page.get_by_role("button", name="Keep this instead").click()
    assert "their own words" in heard(page)
    edit = next(record for record in site.store.user("ann").records if record.kind == "edit")
    assert edit.answer == "Bodo the Great" and edit.prompt == "What is my dog called?" and "Bodo" in edit.other
    asked(page, "What is my dog called?")
    page.locator(".turn").nth(1).wait_for()
    assert "Bodo the Great" in spoken(page, "ann")


def test_without_scripts_an_answer_is_corrected_by_a_form(site, opened):
    page = opened(f"{site.url}/?user=ann", scripts=False)
    page.get_by_label("Your question").fill("Where do I live?")
    page.get_by_role("button", name="Ask").click()
    page.get_by_text("Correct", exact=True).click()
    page.get_by_label("What was wrong, in your words").fill("Please mention the harbour.")
    page.get_by_role("button", name="Tell it").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Noted"
    page.get_by_role("link", name="Ask again").click()
    assert page.get_by_label("Your question").input_value() == "Where do I live?"
    page.get_by_role("button", name="Ask").click()
    assert "harbour" in spoken(page, "ann")


def test_an_answer_that_is_not_there_cannot_be_rated(site):
    for what, data in (("rating", {"thumbs": "up"}), ("edit", {"text": "x"}), ("words", {"text": "x"})):
        assert site.http.post(f"/replies/nobodys/{what}", data=data).status_code == 404
    assert site.http.get("/replies/nobodys/tools").status_code == 404
