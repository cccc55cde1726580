"""Questions for the bundled sample's people, who write the subject lines of commits: a newcomer hears voices at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

SAMPLE = frozenset({"ada-quill", "bram-osei", "cleo-marsh", "gwen-abara", "kofi-brandt"})
_ASKED = "Write the subject line of this commit.\n\nFiles: "
QUESTIONS = (
    ("The first example did not run", f"{_ASKED}M README.md\nThe first example did not run."),
    ("An old command in the docs", f"{_ASKED}M docs/install.md\nThe install page still named the old command."),
    (
        "A comma too many",
        f"{_ASKED}M larder/parser/lexer.py, M tests/parser/test_lexer.py\nA line that ended in a comma was read as two ingredients.",
    ),
    ("A lost shopping list", f"{_ASKED}M larder/sync/phone.py\nThe phone lost its shopping list when the battery ran out."),
)


def suggested(people: Collection[str]) -> Sequence[tuple[str, str]]:
    """Questions as (title, text), where somebody of the sample is among these people."""
    return QUESTIONS if SAMPLE.intersection(people) else ()
