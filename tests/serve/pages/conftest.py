"""Pages in a real browser: Debian's Chromium, a server on a loopback port, and pictures kept of what was seen."""

import os
import re
from pathlib import Path

import pytest

from idiolect.data.sample import sample
from idiolect.serve.app import create
from tests.serve.conftest import Serving, gateway_of, told

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium():
    """The browser of a file of tests; it goes with them, for its event loop would stand in the way of other tests."""
    if not os.path.exists(CHROMIUM):
        reason = f"{CHROMIUM} is not there: apt-get install chromium, and every flow of the pages is walked through"
        assert os.environ.get("IDIOLECT_TEST_BROWSER") != "required", reason
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Where pictures are kept."""
    kept = os.environ.get("IDIOLECT_ARTEFACTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def opened(chromium, pictures, request):
    """Open a page of an address: `opened(url, dark=True)`. What a page says on its console, and what it may not load, fails the test."""
    contexts, wrong = [], []

    def open_(url, size=WIDE, dark=False, scripts=True):
        context = chromium.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if said.type in ("error", "warning") and "status of 4" not in said.text else None,
        )
        page.picture = lambda name: page.screenshot(path=pictures / f"{name}.png", full_page=True)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong, wrong


def site_of(gateway, gate=None):
    """A server with its pages."""
    return Serving(gateway, create(gateway, gate))


@pytest.fixture
def site(tmp_path):
    """A server whose model says its prompt back; ann, bob and the sample's people are known."""
    gateway = gateway_of(tmp_path / "people.db")
    for user in sample():
        gateway.store.add(user.id, user.records)
    gateway.store.add("ann", told("I live in Oslo.", "Please answer briefly.", "My dog is called Bodo.", start=1.7e9))
    gateway.store.add("bob", told("I live in Lima.", "I play the cello.", start=1.7e9))
    with site_of(gateway) as serving:
        yield serving


def accessible(page):
    """What stands in the way of somebody who hears the page or walks it by keys; [] where nothing does."""
    return page.evaluate(CHECKS)


def spoken(page, person, place=-1):
    """The text of the last answer of a person on Talk, once it is whole."""
    answer = page.locator(".answer", has=page.get_by_role("heading", name=re.compile(rf"^{re.escape(person)}\b"))).nth(place)
    answer.locator(".said[aria-busy=false], .said:not([aria-busy])").wait_for()
    return answer.locator(".said").inner_text()


CHECKS = """() => {
  const wrong = [], seen = new Set(), shown = (one) => one.checkVisibility();
  for (const one of document.querySelectorAll("[id]")) { if (seen.has(one.id)) wrong.push("two of id " + one.id); seen.add(one.id); }
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")) {
    if (shown(one) && !(one.labels && one.labels.length) && !one.ariaLabel && !one.getAttribute("aria-labelledby")) wrong.push("no label: " + one.outerHTML);
  }
  for (const one of document.querySelectorAll("button, a[href], summary")) {
    if (shown(one) && !one.textContent.trim() && !one.ariaLabel) wrong.push("no name: " + one.outerHTML);
  }
  for (const one of document.querySelectorAll("img:not([alt]), iframe:not([title]), svg:not([aria-hidden])")) wrong.push("not told: " + one.outerHTML);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of [one.getAttribute("aria-labelledby"), one.getAttribute("aria-describedby")].join(" ").split(/\\s+/)) {
      if (id && id !== "null" && !document.getElementById(id)) wrong.push("nobody has the id " + id);
    }
  }
  let last = 0;
  for (const one of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (!one.checkVisibility()) continue;
    const level = Number(one.tagName[1]);
    if (level > last + 1) wrong.push("from h" + last + " to " + one.outerHTML.slice(0, 80));
    last = level;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
  if (!document.documentElement.lang || !document.title) wrong.push("no language or no title");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the screen: " + document.documentElement.scrollWidth);
  const drawn = document.createElement("canvas").getContext("2d", { willReadFrequently: true }), known = new Map();
  const light = (colour) => { if (!known.has(colour)) known.set(colour, measured(colour)); return known.get(colour); };
  const measured = (colour) => {
    drawn.clearRect(0, 0, 1, 1); drawn.fillStyle = colour; drawn.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = drawn.getImageData(0, 0, 1, 1).data;
    const part = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return a ? 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) : null;
  };
  const ground = (one) => { for (; one; one = one.parentElement) { const found = light(getComputedStyle(one).backgroundColor); if (found !== null) return found; } return 1; };
  for (const one of document.querySelectorAll("main *, header *, footer *")) {
    if (!shown(one) || one.closest(".unseen, :disabled") || ![...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [high, low] = [light(getComputedStyle(one).color), ground(one)].sort((a, b) => b - a);
    if ((high + 0.05) / (low + 0.05) < 4.5) wrong.push("too faint, " + ((high + 0.05) / (low + 0.05)).toFixed(2) + ": " + one.outerHTML.slice(0, 80));
  }
  return wrong;
}"""
