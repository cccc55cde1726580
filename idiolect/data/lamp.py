"""LaMP and LongLaMP: their tasks, how a question of each is worded, and what of a record is searched, shown and said.

Salemi, Mysore, Bendersky, Zamani. LaMP: When Large Language Models Meet Personalization. ACL 2024, arXiv:2304.11406.
Kumar et al. LongLaMP: A Benchmark for Personalized Long-form Text Generation. 2024, arXiv:2407.11016.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from idiolect.data import corpora, ratings
from idiolect.errors import DataError
from idiolect.types import Record
from idiolect.wording import about

Kind = Literal["text", "rating", "label"]

TAGS = (
    "sci-fi", "based on a book", "comedy", "action", "twist ending", "dystopia", "dark comedy", "classic", "psychology", "fantasy",
    "romance", "thought-provoking", "social commentary", "violence", "true story",
)  # fmt: skip
CATEGORIES = (
    "women", "religion", "politics", "style & beauty", "entertainment", "culture & arts", "sports", "science & technology", "travel",
    "business", "crime", "education", "healthy living", "parents", "food & drink",
)  # fmt: skip
ABSTRACT_WORDS = 750  # of an abstract that LongLaMP shows


@dataclass(frozen=True)
class Form:
    """One task. `entry` shows a record: {text} is what a budget may cut, {label} what never is.

    `question` is the literal question around the free text {text}; `mark` is what the published code looks for to find that text.
    `all` puts {entries} and the question {input} together. The published budget subtracts `counted` once, and for each entry the
    words of `fixed`, which are not quite the entry's own.
    """

    name: str
    kind: Kind
    question: str
    mark: str
    entry: str
    all: str = "{entries}. {input}"
    counted: str = ""
    fixed: str = ""  # where it is not the entry around a space
    labels: tuple[str, ...] = ()
    long: bool = False  # LongLaMP: no budget
    opens: str = ""  # how a question of it begins, where that is not the start of `question`

    @property
    def opening(self) -> str:
        """The words that every question of this task begins with, and none of another."""
        return self.opens or self.question.partition("{text}")[0].strip()

    def ask(self, text: str) -> str:
        """The question about `text`."""
        return self.question.replace("{text}", text)


PATTERNS = "{entries}. Following the given patterns {input}"
_TAGS, _CATEGORIES = ", ".join(TAGS), ", ".join(CATEGORIES)
FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("LaMP-1", "label", 'For an author who has written the paper with the title "{text}", which reference is related? Just answer '
             "with [1] or [2] without explanation.", "title", '"{text}"', "", labels=("[1]", "[2]"),
             opens="For an author who has written the paper with the title"),
        Form("LaMP-2", "label", "Which tag does this movie relate to among the following tags? Just answer with the tag name without "
             f"further explanation. tags: [{_TAGS}] description: {{text}}", "description:",
             'the tag for the movie: "{text}" is "{label}" ', labels=TAGS, opens="Which tag does this movie relate to"),
        Form("LaMP-2-old", "label", "Which category does this article relate to among the following categories? Just answer with the "
             f"category name without further explanation. categories: [{_CATEGORIES}] article: {{text}}", "article:",
             'the category for the article: "{text}" is "{label}" ', labels=CATEGORIES, opens="Which category does this article relate to"),
        Form("LaMP-3", "rating", "What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, or 5 "
             "without further explanation. review: {text}", "review:", '{label} is the score for "{text}" ',
             labels=("1", "2", "3", "4", "5"), opens="What is the score of the following review"),
        Form("LaMP-4", "text", "Generate a headline for the following article: {text}", "article:", '"{label}" is the title for "{text}" '),
        Form("LaMP-5", "text", "Generate a title for the following abstract of a paper: {text}", "paper:",
             '"{label}" is a title for "{text}" ', PATTERNS, "Following the given patterns", '"{label}" is a title " " '),
        Form("LaMP-6", "text", "Generate a subject for the following email: {text}", ":", '"{label}" is the title for "{text}" '),
        Form("LaMP-7", "text", "Paraphrase the following tweet without any explanation before or after it: {text}", ":", '"{text}" ',
             "{entries} are written by a person. Following the given patterns {input}",
             "are written by user. Following the given patterns", '"" '),
        Form("LongLaMP-email", "text", "Generate the body of the email with this subject: {text}", ":",
             '"{label}" is the title for "{text}" ', long=True),
        Form("LongLaMP-abstract", "text", 'Generate an abstract for the title "{text}"', "items:",
             '"{text}" is the abstract for the title "{label}"',
             "{entries}. Use the above abstracts as context to understand the style and language of the user and, {input}", long=True,
             opens="Generate an abstract for the title"),
        Form("LongLaMP-review", "text", "Generate the review text written by a reviewer who has a given an overall rating of {text}", "",
             '{label}" is summary for "{text}" ', PATTERNS, long=True, opens="Generate the review text written by a reviewer who has"),
        Form("LongLaMP-topic", "text", "Generate the content for a reddit post {text}", "", '"{label}" is a summary for "{text}" ',
             "{entries}. Following the given patterns, {input}", long=True),
    )
}  # fmt: skip
STANDS_IN: Mapping[str, str] = {  # the instruction of a stand-in -> the task whose words suit it
    corpora.AUTHORSHIP: "LaMP-1",
    ratings.TAG: "LaMP-2",
    ratings.RATING: "LaMP-3",
    ratings.HALF_STARS: "LaMP-3",
    ratings.OFFENCE: "LaMP-3",
    corpora.HEADLINE: "LaMP-4",
    corpora.TITLE: "LaMP-5",
    corpora.PROPOSAL: "LaMP-5",
    corpora.SUBJECT: "LaMP-6",
    ratings.REWRITE: "LaMP-7",
}
ABSTRACT = "Write an abstract for this title: "  # how a paper of LaMP-1, which asks nothing, becomes a record
_REVIEW = re.compile(r'rating of "(.*?)" for a product with description "(.*)"\. The summary of the review text is "(.*)"', re.DOTALL)
_CHOICE = re.compile(r'\[1\]: "(.*)"\s+\[2\]: "(.*)"', re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """What of a record is shown: `text`, which may be cut, and `label`; and `corpus`, which is searched."""

    text: str
    label: str
    corpus: str


def form(name: str) -> Form:
    """The task of this name: LaMP-5, LaMP_5, lamp5 are one. Raises DataError with the names there are."""
    wanted = _plain(name)
    for one in FORMS.values():
        if _plain(one.name) == wanted:
            return one
    raise DataError(f"no task of LaMP or LongLaMP is called {name!r}; there are {', '.join(FORMS)}")


def recognised(question: str) -> Form | None:
    """The task to which a question belongs by its own first words; None for none of them."""
    asked = question.strip()
    for one in FORMS.values():
        if asked.startswith(one.opening):
            return one
    return next((FORMS[name] for opening, name in STANDS_IN.items() if asked.startswith(opening)), None)


def free(one: Form, question: str) -> str:
    """The free text of a question: what follows its mark, or, in other words than the task's own, what it is about."""
    if one.mark and question.strip().startswith(one.opening):
        return question.partition(one.mark)[2].strip() or question
    return about(question)


def query(one: Form, question: str, strict: bool = False) -> str:
    """What is searched for.

    LaMP-1 asks with its two references and not with the author's own paper. `strict` takes them as the published code does, the
    second and third text in double quotes, so that a title with quotes in it shifts what is found.
    """
    if one.name == "LaMP-1":
        quoted = question.split('"')[1::2]
        return " ".join(quoted[1:3]) if strict else " ".join(candidates(question)) or about(question)
    return question if one.name in ("LongLaMP-review", "LongLaMP-topic") else free(one, question)


def candidates(question: str) -> tuple[str, ...]:
    """The two references between which LaMP-1's questions ask to choose; () where there are none."""
    found = _CHOICE.search(question)
    return (found[1], found[2]) if found else ()


def piece(one: Form, record: Record) -> Piece:
    """A record in the fields of a task."""
    if one.name == "LaMP-1":
        return _paper(record)
    if one.name == "LaMP-7":
        return Piece(record.answer, "", record.answer)
    if one.name == "LongLaMP-review":
        return _review(record)
    if one.name in ("LongLaMP-topic", "LongLaMP-email", "LongLaMP-abstract"):
        return _long(one, record)
    text = free(one, record.prompt)
    if one.name == "LaMP-2-old":
        title, _, article = text.partition("\n")
        return Piece(article or title, record.answer, f"{title} {article}".strip())
    searched = f"{record.answer} {text}" if one.name in ("LaMP-4", "LaMP-5") else text  # these two by the title too
    return Piece(text, record.answer, searched)


def _paper(record: Record) -> Piece:
    chosen = candidates(record.prompt)
    if chosen and record.answer.strip() in ("[1]", "[2]"):
        title = chosen[int(record.answer.strip()[1]) - 1]
        return Piece(title, "", title)
    title = record.prompt.removeprefix(ABSTRACT)
    return Piece(title or record.answer, "", f"{title} {record.answer}".strip())


def _long(one: Form, record: Record) -> Piece:
    prompt = record.prompt.removeprefix(one.opening).strip() if record.prompt.startswith(one.opening) else about(record.prompt)
    if one.name == "LongLaMP-abstract":
        title = prompt.strip('"')
        return Piece(" ".join(record.answer.split()[:ABSTRACT_WORDS]), title, f"{title} {record.answer}")
    return Piece(record.answer, prompt, record.answer if one.name == "LongLaMP-email" else f"{prompt} {record.answer}")


def _review(record: Record) -> Piece:
    found = _REVIEW.search(record.prompt)
    overall, description, summary = found.groups() if found else ("", about(record.prompt), "")
    label = f'"{overall}" is a rating for the product with description "{description}". "{summary}'
    return Piece(record.answer, label, " ".join(filter(None, (overall, summary, description, record.answer))))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
