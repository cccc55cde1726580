"""The plots: SVG that fits a page, in its colours, without an address, with the words for who cannot see it."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from idiolect.evaluation import plots
from tests.evaluation.people import Anybody, Own, compared, crowd


@pytest.mark.parametrize("plot", [plots.quality, plots.cost, plots.people])
def test_a_plot_is_whole_in_itself_and_says_what_it_shows(plot) -> None:  # type: ignore[no-untyped-def]
    drawn = plot(compared(Own(), Anybody()))
    root = ElementTree.fromstring(drawn.replace("xlink:href", "href"))
    assert root.tag == "svg" and root.get("role") == "img" and "Own" in (root.get("aria-label") or "")
    assert "Anybody" in "".join(root.itertext())
    assert (
        "http" not in drawn and not re.search(r"#[0-9a-f]{6}\b(?!-)", re.sub(r'(href="|url\()#[^")]*', "", drawn)) and "var(--own)" in drawn
    )
    assert {name.partition("-")[0] for name in re.findall(r'id="([^"]+)"', drawn)} == {plot.__name__}


def test_names_that_lie_on_one_another_are_moved_apart() -> None:
    class Same(Own):
        """As Own in everything."""

    found = compared(Own(), Same())
    drawn = plots.cost(replace(found, rows=tuple(replace(row, costs=found.rows[1].costs) for row in found.rows)))
    heights = {name: float(re.search(rf'<text[^>]*?\by="(-?[\d.]+)"[^>]*>{name}<', drawn)[1]) for name in ("Own", "Same")}  # type: ignore[index]
    assert abs(heights["Own"] - heights["Same"]) > 8


def test_names_are_never_read_as_formulas_and_every_text_has_a_colour_of_the_page() -> None:
    found = compared(Own())
    odd = replace(found, rows=(found.rows[0], replace(found.rows[1], name="$a_b$ <i>")))
    for plot in (plots.quality, plots.cost, plots.people):
        drawn = plot(odd)
        assert ">$a_b$ &lt;i&gt;<" in drawn
        assert all("var(--" in text for text in re.findall(r"<text[^>]*>", drawn))


def test_one_person_is_drawn_without_intervals() -> None:
    found = compared(Own(), users=crowd(1))
    assert "<svg" in plots.quality(found) and "<svg" in plots.cost(found)
