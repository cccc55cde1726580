"""Statements that somebody with a trait would make, or would not: one file of lines, 135 traits.

Perez, Ringer, Lukosiute et al. Discovering Language Model Behaviors with Model-Written Evaluations. Findings of ACL 2023,
arXiv:2212.09251.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idiolect.errors import DataError
from idiolect.types import Record

SOURCE = "github.com/anthropics/evals, folder persona, put into one file statements.jsonl.gz with the field trait"
FILE = "statements.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said, the question whether one would say it, what somebody with the trait answers, and the other answer.

    `sure` is how sure the label is, 0 to 1.
    """

    trait: str
    text: str
    question: str
    matching: str
    other: str
    sure: float

    @property
    def record(self) -> Record:
        """As a choice that somebody with the trait made between the two answers."""
        return Record(self.question, self.matching.strip(), kind="choice", other=self.other.strip())

    @property
    def fits(self) -> bool:
        """Whether somebody with the trait would say it."""
        return self.matching.strip().lower() == "yes"


def read(folder: Path | str) -> dict[str, list[Statement]]:
    """The statements of each trait, in the file's order. Raises DataError, with the line that is not one."""
    path, made = Path(folder) / FILE, defaultdict(list)
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give the folder that holds the data, which are at {SOURCE}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            own = Statement(
                str(row["trait"]),
                str(row["statement"]),
                str(row["question"]),
                str(row["answer_matching_behavior"]),
                str(row["answer_not_matching_behavior"]),
                float(row.get("label_confidence", 1.0)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number} is no statement: {type(error).__name__} {error}; get it again from {SOURCE}") from error
        made[own.trait].append(own)
    return dict(made)


def parts(statements: Sequence[Statement], taught: int, asked: int, seed: int = 0) -> tuple[list[Statement], list[Statement]]:
    """A trait's statements to learn from and others to be asked about, so many of each, drawn by the seed.

    In both, the matching answer is each of its two possibilities equally often, so that always saying one is right half of the time.
    Raises DataError where there are not enough.
    """
    sides: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        sides[statement.matching].append(statement)
    each = (taught // 2, asked // 2)
    if len(sides) != 2 or min(map(len, sides.values())) < sum(each):
        raise DataError(f"{taught} and {asked} statements, half of each answer, are more than {[len(own) for own in sides.values()]}")
    chance = random.Random(seed)
    drawn = [chance.sample(sides[answer], sum(each)) for answer in sorted(sides)]
    columns = [
        [one for pair in zip(*(own[cut] for own in drawn), strict=True) for one in pair] for cut in (slice(each[0]), slice(each[0], None))
    ]
    return columns[0], columns[1]
