"""Ask 25: numbers nobody can repeat."""

from dataclasses import replace

from idiolect.evaluation.compare import compare
from idiolect.memory.long_term import LongTerm
from idiolect.prompting.rag import RAG
from tests.evaluation.people import TEXT, crowd, model


def table():
    """A comparison, without what a clock says."""
    methods = [("no memory but the last", RAG(k=1, ranker="recency")), ("full history", RAG(k=1000)), ("long_term", LongTerm())]
    made = compare(crowd(), model(), methods, TEXT)
    return [(row.name, row.figures) for row in made.rows], made


def test_ask_25_a_second_run_gives_every_figure_to_the_last_digit():
    first, second = table(), table()
    assert first[0] == second[0] and replace(first[1], rows=(), started="", seconds=0.0) == replace(
        second[1], rows=(), started="", seconds=0.0
    )


def test_ask_25_every_table_has_no_memory_as_a_baseline_another_persons_history_as_a_control_and_intervals():
    rows, made = table()
    assert rows[0][0] == "Plain" and {"full history", "long_term"} <= {name for name, _ in rows}
    for name, figures in rows[1:]:
        figure = figures[made.deciding]
        assert figure.own.low is not None and figure.gain is not None and figure.other is not None, name
    assert made.versions["idiolect"] and made.setup["seed"] == 0
