"""The table: it fits the terminal, and says in words what to use."""

from dataclasses import replace

import pytest
from rich.console import Console

from idiolect.evaluation.compare import compare
from idiolect.evaluation.comparison import Comparison
from idiolect.evaluation.table import table
from idiolect.evaluation.tasks import Task
from tests.evaluation.people import Anybody, Broken, Own, compared, crowd, model


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compared(Own(), Anybody(), Broken())


@pytest.mark.parametrize("width", [80, 120, 150])
def test_the_table_fits_and_says_what_to_use(found: Comparison, width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(replace(found, model="m"), width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    lines = [line for line in text.splitlines() if line.startswith("Own ")]
    assert len(lines) == 1 and " yes" in lines[0] and "…" not in lines[0]
    assert "Use Own." in text and "RuntimeError: out of luck" in text
    assert ("tokens" in text.splitlines()[3]) == (width >= 110)
    assert text.count("(") > 2


def test_names_cannot_style_the_table() -> None:
    task = Task("[red]t", "text", "[bold]x", lambda _: crowd())
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(compare(crowd(), model(), [("[blue]Own", Own())], task)))
    text = console.export_text()
    assert "[red]t" in text and "[bold]x" in text and "[blue]Own" in text


def test_settings_of_one_method_can_be_told_apart_in_a_narrow_terminal() -> None:
    task = Task("t", "text", "x", lambda _: crowd())
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(compare(crowd(), model(), [(f"own:strength={value}", Own()) for value in (0.25, 0.75)], task), 80))
    text = console.export_text()
    assert text.count("own:strength=") >= 2 and "\n0.25" in text and "\n0.75" in text
