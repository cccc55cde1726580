"""People in a browser: listed, looked for, added, brought along from a file, and given a link of their own."""

from tests.serve.pages.conftest import PHONE, accessible


def test_people_are_listed_with_what_there_is_of_them_and_found_by_how_their_id_begins(site, opened):
    page = opened(f"{site.url}/people")
    assert "29 records" in page.locator("#everybody li", has_text="ada-quill").inner_text()
    page.get_by_label("Their id begins with").fill("a")
    page.locator("#everybody li", has_text="bram-osei").wait_for(state="detached")
    assert page.locator("#everybody li").count() == 2
    assert not accessible(page)
    page.get_by_label("Their id begins with").fill("%")
    page.get_by_text("Nobody’s id begins like that.").wait_for()


def test_a_long_list_goes_on_page_by_page(site, opened):
    for number in range(30):
        site.store.add(f"zoe-{number:02}", [])
    page = opened(f"{site.url}/people")
    assert page.locator("#everybody li > a.grow").count() == 25
    page.get_by_role("link", name="More people").click()
    page.get_by_role("link", name="zoe-29", exact=True).wait_for()
    assert not accessible(page)
    page.picture("people")


def test_somebody_is_added_with_their_first_words(site, opened):
    page = opened(f"{site.url}/people")
    page.get_by_label("Their id", exact=True).fill("zoe")
    page.get_by_label("Their first words").fill("I live in Rome.")
    page.get_by_role("button", name="Add").click()
    assert page.get_by_role("heading", level=1).inner_text() == "What Idiolect knows of zoe"
    assert "Rome" in site.ask("zoe", "Where do I live?")
    assert site.http.post("/people", data={"user": "yan"}).headers["location"] == "/about/yan"
    assert "yan" in site.store.users() and "Nothing is kept yet." in site.http.get("/about/yan").text


def test_a_history_is_brought_in_once_however_often_it_is_sent(site, opened, tmp_path):
    lines = [
        '{"user": "zoe", "text": "I live in Rome.", "time": 1}',
        '{"user": "yan", "text": "I live in Riga.", "time": 2}',
        '{"user": "x"}',
    ]
    history = tmp_path / "history.jsonl"
    history.write_text("\n".join(lines))
    for said in ("2 records brought in", "No records brought in"):
        page = opened(f"{site.url}/people", PHONE)
        page.get_by_label("The file").set_input_files(history)
        page.get_by_role("button", name="Bring it in").click()
        assert page.get_by_role("heading", level=1).inner_text() == said
        assert "line 3: " in page.locator("main").inner_text() and str(tmp_path) not in page.content()
        assert not accessible(page)
    assert "Riga" in site.ask("yan", "Where do I live?")


def test_a_file_that_is_no_history_is_refused_with_the_way_out(site):
    answered = site.http.post("/people/import", files={"file": ("notes.docx", b"hello")})
    assert answered.status_code == 400 and ".jsonl" in answered.text
    answered = site.http.post("/people/import", files={"file": ("notes.jsonl", b"hello")})
    assert answered.status_code == 400 and "nothing in this file can be used" in answered.text
