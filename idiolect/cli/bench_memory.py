"""`idiolect bench`: published benchmarks of memory, on one's own copies of their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from idiolect.cli import options, show
from idiolect.cli.opening import open_method, open_model

if TYPE_CHECKING:
    from idiolect.evaluation import locomo as locomo_figures
    from idiolect.evaluation import memprompt as memprompt_figures
    from idiolect.evaluation import prefeval as prefeval_figures
    from idiolect.evaluation.intervals import Interval
    from idiolect.evaluation.recalled import Finder
    from idiolect.models.lm import LM
    from idiolect.types import Floats

Data = Annotated[
    Path, typer.Option("--data", help="The folder that holds the benchmark's files; where it is not, the error says where to get them.")
]
Finders = Annotated[str, typer.Option("--methods", help="Rankers (bm25, dense, fusion, recency, random) and methods: bm25,rag:k=8,secom.")]
MaybeModel = Annotated[
    str | None, typer.Option("--model", help="Left out: no model is asked. Else as everywhere: 'tiny', a name, an endpoint.")
]


def locomo(
    data: Data,
    methods: Finders = "bm25,dense,fusion",
    model: MaybeModel = None,
    context: Annotated[bool, typer.Option(help="A turn answers the one before it, and is found by both.")] = True,
    conversations: Annotated[int | None, typer.Option(min=1, help="The first so many. Left out: all ten.")] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """LoCoMo: which share of the turns that answer a question is found among the first 5 and 10; with --model, the F1 of answers too.

    Example: idiolect bench locomo --data locomo/data --methods bm25,dense,fusion
    """
    from idiolect.data.locomo import read
    from idiolect.evaluation import locomo as ev

    talks = read(data, context)[:conversations]
    lm = _model(model)
    finders = _finders(methods, lm)
    with show.progress() as bars:
        found = [ev.find(talks, one, tick=Bars(bars), first=finders[0]) for one in finders]
        answers = [ev.answer(talks, one, lm, tick=Bars(bars)) for one in finders] if model else []
    rows, scored = ev.rows(talks, found, seed), ev.rows(talks, answers, seed)
    asked = sum(len(talk.questions) for talk in talks)
    if json:
        told = {"questions": asked, "with_evidence": len(ev.asked(talks)), "context": context, "model": model, "ks": ev.KS}
        show.as_json({**told, "recall": [asdict(row) for row in rows], "f1": [asdict(row) for row in scored]})
        return
    _tables(_recall_tables(rows))
    if scored:
        _tables(
            [_grid("F1 of answers", ("", "questions", "F1"), [[r.name, r.kind, str(r.questions), _cell(r.by_question[0])] for r in scored])]
        )
    left = asked - len(ev.asked(talks))
    show.note(
        f"{show.count(asked, 'question')}, {left} without evidence left out. Recall: the share of a question's evidence among the first k. "
        "In brackets 95 % intervals: over questions, then over conversations. * the difference to the first row is clear over "
        "conversations. told: records that the method tells as it is configured; all told: their recall; then the recall of as many by the "
        "first row's."
    )


def prefeval(
    data: Data,
    methods: Finders = "plain,recency,bm25,dense",
    model: MaybeModel = None,
    items: Annotated[int | None, typer.Option(min=1, help="So many, drawn by the seed. Left out: all 1,000.")] = None,
    distances: Annotated[str, typer.Option(help="Other exchanges between the preference and the question.")] = "0,10,50,300",
    forms: Annotated[str, typer.Option(help="How the preference was given: explicit, choice, persona.")] = "explicit,choice,persona",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """PrefEval: whether what a person prefers reaches the prompt; with --model, the multiple choice by likelihood too (chance: 25 %).

    Example: idiolect bench prefeval --data benchmark_dataset --methods plain,recency,bm25
    """
    from idiolect.data.prefeval import FORMS, between, read
    from idiolect.evaluation import prefeval as ev

    chosen, others = _drawn(read(data), items, seed), between(data)
    wanted = [word.strip() for word in forms.split(",")]
    if unknown := [word for word in wanted if word not in FORMS]:
        raise typer.BadParameter(f"--forms {unknown[0]!r} is none of {', '.join(FORMS)}")
    apart = _numbers(distances, int, "--distances", 0, len(others))
    lm = _model(model)
    with show.progress() as bars:
        rows = [
            row
            for one in _finders(methods, lm, ev.TOLD)
            for row in ev.measure(chosen, others, one, apart, wanted, lm if model else None, Bars(bars))
        ]
    if json:
        show.as_json({"items": len(chosen), "model": model, "rows": [asdict(row) for row in rows]})
        return
    _tables(_reach_tables(rows))
    show.note(
        "reached: the sentence that gives the preference away stands in what is told before the question; in brackets the 95 % interval "
        "over items; at 0, 10 ... other exchanges in between. told: records. letters, texts: right choices out of four by the likelihood "
        "of the letter (over four orders of the options) and of the option's own text, at each distance; 25 % is chance."
    )


def memprompt(
    data: Data,
    methods: Annotated[str, typer.Option(help="Methods that learn from corrections, and what to compare them with.")] = "plain,mem_prompt",
    chances: Annotated[str, typer.Option(help="How likely it is that who was misunderstood says what they meant.")] = "0,0.5,1",
    size: Annotated[int, typer.Option(help="Questions in each stream: 100, 300 or 1000.")] = 300,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of who gives feedback when.")] = 5,
    json: options.Json = False,
) -> None:
    """MemPrompt: how soon a person is understood who says what they meant; the model is an oracle, so that only the memory counts.

    Example: idiolect bench memprompt --data memprompt --methods plain,mem_prompt
    """
    from idiolect.data.memprompt import read
    from idiolect.evaluation import memprompt as ev

    people = read(data, size)
    likely = _numbers(chances, float, "--chances", 0, 1)
    with show.progress() as bars:
        rows = [row for name, method in _methods(methods) for row in ev.measure(people, name, method, likely, seeds, Bars(bars))]
    if json:
        show.as_json({"size": size, "seeds": seeds, "rows": [asdict(row) for row in rows]})
        return
    _tables([_stream_table(rows)])
    show.note(
        "understood: a clarification of what is meant stands before the question; in brackets the least and the most over the draws. "
        "last third: of the stream. alone: understood with no other clarification beside it. feedback: clarifications given. "
        "told: words before the question."
    )


class Bars:
    """One bar for each method, moved as work goes on. Where there is no terminal, a line for each method."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def __call__(self, name: str, done: int, of: int) -> None:
        """What the measurements call as work goes on."""
        if self._task is None:
            self._task = self._bars.add_task(name, total=of)
            if not self._bars.console.is_terminal:
                show.note(f"{name} ...")
        self._bars.update(self._task, completed=done)


def _model(name: str | None) -> LM:
    from idiolect.evaluation.recalled import silent

    return open_model(name) if name else silent()


def _finders(names: str, lm: LM, k: int = 10) -> list[Finder]:
    from idiolect.evaluation.recalled import FINDERS, finder

    asked = [name.strip() for name in names.split(",") if name.strip()]
    known: dict[str, Floats] = {}  # dense and fusion embed the same texts
    return [finder(name, None if name in FINDERS else open_method(name), lm, k, known) for name in asked]


def _methods(names: str) -> list[tuple[str, Any]]:
    return [(name.strip(), open_method(name.strip())) for name in names.split(",") if name.strip()]


def _drawn(items: Sequence[Any], count: int | None, seed: int) -> Sequence[Any]:
    import random

    if count is None or count >= len(items):
        return items
    return [items[place] for place in sorted(random.Random(seed).sample(range(len(items)), count))]


def _numbers(text: str, kind: Callable[[str], Any], option: str, low: float, high: float) -> list[Any]:
    try:
        made = [kind(word) for word in text.split(",")]
    except ValueError:
        made = []
    if not made or not all(low <= one <= high for one in made):
        raise typer.BadParameter(f"{option} is numbers from {low:g} to {high:g} with commas between, not {text!r}")
    return made


def _recall_tables(rows: Sequence[locomo_figures.Row]) -> list[Table]:
    kinds = list(dict.fromkeys(row.kind for row in rows))
    first = [row for row in rows if row.kind == kinds[0]]
    lines = [
        [r.name, *(_two(r, at) for at in range(len(r.by_question))), f"{r.used:.1f}", f"{r.all_used:.3f}", f"{r.matched:.3f}"]
        for r in first
    ]
    main = _grid(
        f"Recall of evidence, {first[0].questions:,} {kinds[0]} questions", ("", "@5", "@10", "told", "all told", "first, as many"), lines
    )
    counts = {row.kind: row.questions for row in rows}
    at = {(row.name, row.kind): row for row in rows}
    names = [row.name for row in first]
    parts = [[name, *(f"{' / '.join(f'{one.value:.3f}' for one in at[name, kind].by_question)}" for kind in kinds[1:])] for name in names]
    return [main, _grid("By category: recall @5 / @10", ("", *(f"{kind} ({counts[kind]})" for kind in kinds[1:])), parts)]


def _two(row: locomo_figures.Row, at: int) -> str:
    mark = _mark(row.change[at]) if row.change else ""
    return f"{_cell(row.by_question[at])}{mark} {_ends(row.by_conversation[at])}"


def _mark(change: Interval) -> str:
    return "*" if change.clear else ""


def _reach_tables(rows: Sequence[prefeval_figures.Row]) -> list[Table]:
    apart = list(dict.fromkeys(row.distance for row in rows))
    choice = any(row.letters for row in rows)
    made = []
    for form in dict.fromkeys(row.form for row in rows):
        own = [row for row in rows if row.form == form]
        heading = ("", *(f"reached at {distance}" for distance in apart), "told", *(("letters", "texts") if choice else ()))
        lines = []
        for name in dict.fromkeys(row.name for row in own):
            some = [row for row in own if row.name == name]
            last = some[-1]
            chosen = [
                " / ".join(f"{one.value:.3f}" if one else "-" for one in part)
                for part in zip(*((r.letters, r.texts) for r in some), strict=True)
            ]
            lines.append([name, *(_cell(row.reached) for row in some), f"{last.used:.1f}", *(chosen if choice else ())])
        made.append(_grid(f"{form}: {own[0].items:,} items", heading, lines))
    return made


def _stream_table(rows: Sequence[memprompt_figures.Row]) -> Table:
    heading = ("", "person", "chance of feedback", "understood", "last third", "alone", "feedback", "told")
    lines = [
        [
            r.name,
            r.person,
            f"{r.chance:g}",
            f"{r.accuracy:.3f}" + (f" ({r.low:.3f} {r.high:.3f})" if r.high > r.low else ""),
            f"{r.late:.3f}",
            f"{r.unmixed:.3f}",
            f"{r.feedback:.1f}",
            f"{r.told:.0f}",
        ]
        for r in rows
    ]
    return _grid(f"{rows[0].questions} questions a person" if rows else "", heading, lines)


def _grid(title: str, heading: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", title_justify="left", title=Text(title, "bold"))
    for place, word in enumerate(heading):
        grid.add_column(word, overflow="fold", justify="left" if place == 0 else "right")
    for line in lines:
        grid.add_row(*line)
    return grid


def _tables(tables: Sequence[Table]) -> None:
    for table in tables:
        show.out().print(table, "")


def _cell(one: Interval) -> str:
    return f"{one.value:.3f} {_ends(one)}".rstrip()


def _ends(one: Interval) -> str:
    return "" if one.low is None or one.high is None else f"({one.low:.3f} {one.high:.3f})"
