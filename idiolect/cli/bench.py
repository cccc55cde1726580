"""`idiolect bench`: published benchmarks on one's own copies of their files."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from idiolect.cli import bench_memory, options, show
from idiolect.cli.opening import open_methods, open_model, writing

if TYPE_CHECKING:
    from idiolect.evaluation.lamp import Outcome, Result

app = typer.Typer(no_args_is_help=True, help="Published benchmarks, on your own copies of their files.")
for command in (bench_memory.locomo, bench_memory.prefeval, bench_memory.memprompt):
    app.command()(command)


class Setting(StrEnum):
    """Whose questions a file of LongLaMP holds."""

    user = "user"
    temporal = "temporal"


@app.command("lamp")
def lamp(
    task: Annotated[str, typer.Option(help="LaMP-1 to LaMP-7, LaMP-2-old, LongLaMP-review ... Left out: what the questions say.")] = "",
    questions: Annotated[Path | None, typer.Option(help="The file of questions. Left out: LongLaMP from the Hugging Face hub.")] = None,
    outputs: Annotated[Path | None, typer.Option(help="The file of outputs, where the questions do not hold them.")] = None,
    methods: Annotated[str, typer.Option(help="Names, with settings after colons: rag,lamp:k=1. Or: usual, all.")] = "lamp",
    model: options.Model = "tiny",
    strict: Annotated[bool, typer.Option("--strict", help="As published: profiles in file order, metrics with their oddities.")] = False,
    rows: Annotated[int | None, typer.Option(min=1, help="So many questions, drawn by the seed. Left out: all.")] = None,
    control: Annotated[bool, typer.Option(help="Ask with another person's profile too, which takes as long again.")] = True,
    setting: Annotated[Setting, typer.Option(help="From the hub: new people, or later texts of known ones.")] = Setting.user,
    split: Annotated[str, typer.Option(help="From the hub: train, val or test.")] = "val",
    predictions: Annotated[Path | None, typer.Option(help="A folder: each method's answers in the benchmark's own form.")] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """LaMP and LongLaMP: every method asked every question, and the plain model, measured as the benchmark measures.

    Example: idiolect bench lamp --questions dev_questions.json --outputs dev_outputs.json --methods rag,lamp
    """
    from idiolect.cli.compare import Phases
    from idiolect.data import lamp_files
    from idiolect.evaluation.lamp import Setup, bench

    order: lamp_files.Order = "file" if strict and "recency" not in methods else "date"
    if questions is not None:
        read = lamp_files.read(questions, outputs, task, order)
    elif task:
        read = lamp_files.from_hub(task, setting.value, split, order)
    else:
        raise typer.BadParameter("give --questions, or a --task of LongLaMP that the hub has")
    lm = open_model(model)
    entries = open_methods(methods, lm.can)
    setup = Setup(strict, rows, control, seed)
    with show.progress() as bars:
        found = bench(read, lm, entries, setup, Phases(bars, len(entries) + 1))
    for name, reason in found.failed.items():
        show.note(f"{name} failed: {reason}", "yellow")
    if predictions is not None:
        _write(found, predictions)
    if json:
        show.as_json({"task": found.form.name, "model": lm.name, "asked": found.asked, "results": [one.told for one in found.results]})
    else:
        show.out().print(_table(found))
        show.note(_legend(found, strict))


def _table(found: Outcome) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", title_justify="left")
    grid.title = Text(f"{found.form.name}: {show.count(found.asked, 'question')}", "bold")
    for heading in ("method", *(metric.label for metric in found.metrics), "vs plain", "other's", "tokens", "s/query"):
        grid.add_column(heading, overflow="fold")
    for result in found.results:
        grid.add_row(*_cells(found, result))
    return grid


def _cells(found: Outcome, result: Result) -> Sequence[str]:
    figures = [result.figures.get(metric.name) for metric in found.metrics]
    cells = [f"{one.own.value:.4f}" if one else "" for one in figures]
    first = figures[0]
    changes = [_change(one.value, one.clear) if one else "" for one in ((first.gain, first.other_gain) if first else (None, None))]
    return [result.name, *cells, *changes, f"{result.costs.prompt_tokens:.0f}", f"{result.costs.seconds:.3f}"]


def _change(value: float, clear: bool) -> str:
    return f"{value:+.4f}{'*' if clear else ''}"


def _legend(found: Outcome, strict: bool) -> str:
    metric, how = found.metrics[0], "as published" if strict else "soundly"
    taken = f" {show.count(found.removed, 'record')} taken out of profiles because somebody is asked for them." if found.removed else ""
    return (
        f"Measured {how}. vs plain and other's (the same with another person's profile): changes of {metric.label}, "
        f"{'lower' if metric.lower else 'higher'} is better; * the 95 % interval over questions excludes 0.{taken}"
    )


def _write(found: Outcome, folder: Path) -> None:
    from idiolect.data.lamp_files import predictions

    for result in found.results:
        name = "".join(letter if letter.isalnum() or letter in "=." else "_" for letter in result.name)
        path = folder / f"{found.form.name}.{name}.json"
        with writing(path) as opened:
            opened.write(predictions(found.form, result.replies))
        show.note(f"Written: {path}")
