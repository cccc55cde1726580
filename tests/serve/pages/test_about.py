"""About me in a browser: everything that is known of a person, changed, taken along, and erased."""

import pytest

from tests.serve.conftest import told
from tests.serve.pages.conftest import PHONE, accessible


def records(site, person="ann"):
    return {record.answer for record in site.store.user(person).records}


def record(page, text):
    return page.locator(".record").filter(has_text=text)


def changed(page, text):
    one = record(page, text)
    one.get_by_text("Change").click()
    return one


def test_a_person_sees_what_is_known_of_them_and_where_it_is_from(site, opened):
    page = opened(f"{site.url}/about/ann")
    assert page.get_by_role("heading", level=1).inner_text() == "What Idiolect knows of ann"
    assert "3 records, the last of 16 November 2023, and" in page.locator(".lead").inner_text()
    facts = page.locator("#facts")
    facts.get_by_text("Where from").first.click()
    assert facts.locator(".reasons blockquote").first.is_visible()
    assert "Lima" not in page.content()
    assert not accessible(page)
    page.picture("about")


def test_a_record_put_right_and_pinned_is_what_is_known_afterwards(site, opened):
    page = opened(f"{site.url}/about/ann")
    one = changed(page.locator("#list"), "My dog is called Bodo.")
    one.get_by_label("In their words").fill("My dog is called Bruno.")
    one.get_by_label("Always keep it in mind").check()
    one.get_by_label("Who may read it").select_option("local")
    one.get_by_role("button", name="Keep").click()
    record(page.locator("#list"), "Bruno").get_by_text("Kept. What was learnt of the old words is gone.").wait_for()
    assert "My dog is called Bruno." in records(site) and "My dog is called Bodo." not in records(site)
    assert "Only models on this machine may read it" in record(page.locator("#list"), "Bruno").locator("> .source").inner_text()
    assert not accessible(page)
    assert page.evaluate("document.activeElement.classList.contains('record')"), "who walks by keys goes on from there"
    assert "Bruno" in site.ask("ann", "What is my dog called?")


def test_a_record_is_forgotten_with_what_was_learnt_of_it(site, opened):
    page = opened(f"{site.url}/about/ann")
    changed(page.locator("#list"), "I live in Oslo.").get_by_role("button", name="Forget it").click()
    page.get_by_text("and nothing of it was found").wait_for()
    assert records(site) == {"Please answer briefly.", "My dog is called Bodo."}
    assert "Oslo" not in site.ask("ann", "Where do I live?")


def test_records_are_looked_through_by_words_and_page_by_page(site, opened):
    page = opened(f"{site.url}/about/ada-quill")
    assert page.locator("#list .record").count() == 8
    page.get_by_role("link", name="Earlier ones").click()
    page.locator("#list .record").nth(15).wait_for()
    assert not accessible(page)
    page.get_by_label("Look for words").fill("temperatures degree sign")
    page.locator("#list .record").nth(12).wait_for(state="detached")
    assert "fix(steps): read temperatures without a degree sign" in page.locator("#list .record").first.inner_text()


def test_a_fact_is_put_in_put_right_and_never_remembered(site, opened):
    page = opened(f"{site.url}/about/bob")
    page.get_by_label("Something to know, whatever is learnt").fill("Allergic to nuts")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("It is known from now on.").wait_for()
    assert "Allergic to nuts" in site.ask("bob", "What may I eat?")
    one = changed(page.locator("#known"), "Allergic to nuts")
    one.get_by_label("What is right").fill("Allergic to shellfish")
    one.get_by_role("button", name="Keep").click()
    page.get_by_text("the next answer knows it so").wait_for()
    assert "shellfish" in site.ask("bob", "What may I eat?") and "nuts" not in site.ask("bob", "What may I eat?")
    assert not accessible(page)
    changed(page.locator("#known"), "Allergic to shellfish").get_by_role("button", name="Never remember this").click()
    page.get_by_text("It is told no more").wait_for()
    assert "shellfish" not in site.ask("bob", "What may I eat?")


def test_a_slider_is_told_to_the_model_from_the_next_answer_on(site, opened):
    page = opened(f"{site.url}/about/ann")
    page.get_by_label("Length").press("ArrowLeft")
    page.locator("#preferences").get_by_role("button", name="Keep").click()
    page.get_by_text("Keep answers a little shorter than you would.").wait_for()
    assert "a little shorter" in site.ask("ann", "Where do I live?")
    page.reload()
    assert page.get_by_label("Length").input_value() == "-0.25"


def test_what_is_switched_off_is_not_kept_and_a_method_that_may_not_answer_does_not(site, opened):
    page = opened(f"{site.url}/about/ann")
    page.get_by_label("What you say was wrong").uncheck()
    page.get_by_text("The person stands in the text before the question").click()
    page.locator("#consent").get_by_label("long_term").uncheck()
    page.locator("#consent").get_by_role("button", name="Keep").click()
    page.get_by_text("hidden from every method").wait_for()
    desk = site.app.state.desk
    assert not desk.consented("ann", "correction") and desk.consented("ann", "message") and not desk.allowed("ann", "long_term")
    page.reload()
    assert not page.get_by_label("What you say was wrong").is_checked()
    assert page.locator("#consent summary").first.inner_text().endswith("1 off")


def test_what_is_withdrawn_is_forgotten_where_that_is_asked_for(site, opened):
    page = opened(f"{site.url}/about/ann")
    page.get_by_label("What you write and say").uncheck()
    page.get_by_label("Forget, too").check()
    page.locator("#consent").get_by_role("button", name="Keep").click()
    page.get_by_text("3 records forgotten").wait_for()
    assert records(site) == set()


def test_everything_is_taken_along_as_a_file_and_brought_back(site, opened, tmp_path):
    page = opened(f"{site.url}/about/ann")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Everything as a zip").click()
    assert taken.value.suggested_filename.endswith(".zip")
    kept = tmp_path / "export.zip"
    taken.value.save_as(kept)
    page.get_by_label("To be sure, type ann").fill("ann")
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_role("heading", name="ann is gone").wait_for()
    site.store.add("ann", [])
    page.goto(f"{site.url}/about/ann")
    page.get_by_label("Bring in such a zip").set_input_files(kept)
    page.get_by_role("button", name="Bring it in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "3 records"
    assert not accessible(page)
    assert "I live in Oslo." in records(site)


def test_a_person_who_is_erased_is_gone_and_the_receipt_says_so(site, opened):
    page = opened(f"{site.url}/about/ann")
    page.get_by_label("To be sure, type ann").fill("bob")
    page.get_by_role("button", name="Erase for good").click()
    assert "nothing was erased" in page.locator(".lead").inner_text() and "ann" in site.store.users()
    page.goto(f"{site.url}/about/ann")
    page.get_by_label("To be sure, type ann").fill("ann")
    page.get_by_role("button", name="Erase for good").click()
    assert page.get_by_role("heading", level=1).inner_text() == "ann is gone"
    receipt = page.locator(".receipt").inner_text()
    assert "records\n3" in receipt and "sha256:" in receipt
    assert "nothing was found" in page.locator(".lead").inner_text()
    assert not accessible(page)
    page.picture("receipt")
    assert "ann" not in site.store.users() and "bob" in site.store.users()
    assert site.http.get("/about/ann").status_code == 404


def test_without_scripts_a_record_is_changed_and_another_forgotten(site, opened):
    page = opened(f"{site.url}/about/ann", scripts=False)
    one = changed(page.locator("#list"), "My dog is called Bodo.")
    one.get_by_label("In their words").fill("My dog is called Bruno.")
    one.get_by_role("button", name="Keep").click()
    assert record(page.locator("#list"), "Bruno").is_visible()
    changed(page.locator("#list"), "I live in Oslo.").get_by_role("button", name="Forget it").click()
    assert records(site) == {"Please answer briefly.", "My dog is called Bruno."}
    page.get_by_label("Look for words").fill("briefly")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#list .record").count() == 1
    page.get_by_label("Length").fill("1")
    page.locator("#preferences").get_by_role("button", name="Keep").click()
    assert page.get_by_label("Length").input_value() == "1"
    page.get_by_label("Something to know, whatever is learnt").fill("Allergic to nuts")
    page.get_by_role("button", name="Add").click()
    assert page.locator("#known").get_by_text("Allergic to nuts").first.is_visible()
    page.get_by_label("Tell it something").fill("I moved to Bruges.")
    page.get_by_role("button", name="Keep it").click()
    assert "I moved to Bruges." in records(site)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_a_phone_and_can_be_read(site, opened, dark):
    page = opened(f"{site.url}/about/ann", PHONE, dark)
    changed(page.locator("#list"), "I live in Oslo.")
    assert not accessible(page)
    page.picture(f"about-phone-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("person", ["a/b?c#d", "..", "<script>alert(1)</script>", "Zoë 你好", "*"])
def test_an_id_may_be_any_text(site, opened, person):
    site.store.add(person, told("<b onclick=x>bold</b>", start=1.7e9))
    page = opened(f"{site.url}/people")
    page.get_by_role("link", name=person, exact=True).first.click()
    assert page.get_by_role("heading", level=1).inner_text() == f"What Idiolect knows of {person}"
    assert page.locator("#list blockquote").first.inner_text() == "<b onclick=x>bold</b>"
    assert page.locator("main script, main b[onclick]").count() == 0
    if person != "..":
        changed(page.locator("#list"), "bold").get_by_role("button", name="Forget it").click()
        page.get_by_text("and nothing of it was found").wait_for()
        assert records(site, person) == set() and len(records(site)) == 3


def test_somebody_unknown_has_no_page(site):
    assert site.http.get("/about/zoe").status_code == 404
    assert site.http.get("/about").headers["location"] == "/people"
