"""Readers of published preferences, pairs of answers of which a person took one: a path in, people with choices out. Nothing is shipped.

PRISM: Kirk et al., NeurIPS 2024, arXiv:2404.16019. Helpful and harmless pairs labelled for two populations: Siththaranjan, Laidlaw,
Hadfield-Menell, ICLR 2024, arXiv:2312.08358, as VPL takes them. Personalized Soups: Jang et al., 2023, arXiv:2310.11564, with profiles.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idiolect.data.corpora import read_jsonl
from idiolect.data.published import read_json
from idiolect.errors import DataError
from idiolect.types import History, Record, User, digest

POPULATIONS = ("helpful", "harmless")
SOUPS = ("friendly_unfriendly", "student_phd")
SOUPS_SOURCE = "github.com/joeljang/RLPHF, with AlignX's profiles"
TURN = "\n\nAssistant:"  # how turns are written in the helpful and harmless pairs


@dataclass(frozen=True)
class Preferring:
    """People with records of kind "choice", and what is known of each in words, where anything is."""

    users: tuple[User, ...]
    profiles: Mapping[str, str] = field(default_factory=dict)


def opening(prompt: str) -> str:
    """What a conversation begins with, by which prompts are told apart: pairs of one opening are of one talk, or nearly."""
    return " ".join(prompt.partition(TURN)[0].split()).casefold()


def prism_pairs(folder: Path | str) -> Preferring:
    """Participants, as far as a profile tells them apart: one profile stands for whoever has it. Numbered in the order of the file.

    Pairs that the same person took both ways round say nothing and are left out.
    """
    owned: dict[str, list[Record]] = defaultdict(list)
    profiles: dict[str, str] = {}
    for number, row in enumerate(read_jsonl(Path(folder) / "pairs.jsonl.gz")):
        user, own = row["user_id"], owned[row["user_id"]]
        profiles[user] = row["profile"]
        own.append(_choice(row, len(own), f"prism:{number}"))
    return Preferring(tuple(User(user, History(decided(owned[user]))) for user in sorted(owned)), profiles)


def vpl_hh_split(folder: Path | str, each: int = 16, seed: int = 0) -> Preferring:
    """Made-up people of two populations, one of which takes the more helpful answer and the other the more harmless one.

    The pairs name no people: those of a population are dealt out, `each` to a person, talks of one opening to one person. A person
    with less than `each` pairs is left out. Raises DataError for less than one pair each.
    """
    if each < 1:
        raise DataError(f"each person has one pair or more, not {each}")
    users = []
    for population in POPULATIONS:
        talks: dict[str, list[Record]] = defaultdict(list)
        for number, row in enumerate(read_jsonl(_hh(Path(folder), population))):
            short = {**row, **{side: row[side].removeprefix(row["prompt"] + TURN).strip() for side in ("chosen", "rejected")}}
            talks[opening(row["prompt"])].append(_choice(short, number, f"hh:{population}:{number}"))
        order = sorted(talks)
        random.Random(f"{seed}/{population}").shuffle(order)
        dealt = decided([record for talk in order for record in talks[talk]])
        for place in range(len(dealt) // each):
            own = dealt[place * each : (place + 1) * each]
            numbered = [Record(r.prompt, r.answer, at, r.id, "choice", r.other) for at, r in enumerate(own)]
            users.append(User(f"{population}:{place:04d}", History(numbered)))
    return Preferring(tuple(users))


def psoups_alignx(folder: Path | str) -> Preferring:
    """Simulated people with a profile: the pairs they compared before, then those they are asked about. A row's profile is its person.

    There are four tastes behind hundreds of profiles, and some hundred different pairs in all: prompts come again with many people.
    """
    made, profiles = [], {}
    for name in SOUPS:
        rows = read_json(_soups(Path(folder), name), list, SOUPS_SOURCE)
        people: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            people[row["profile"]].append(row)
        for profile, own in people.items():
            user = f"{name}:{digest(profile)}"
            profiles[user] = profile
            before = [pair for row in own for pair in row["Pair-wise Comparative Feedback"]]
            told = {(pair["prompt"], pair["chosen"], pair["rejected"]): pair for pair in (*before, *own)}
            records = [_choice(pair, at, digest(user, *key)) for at, (key, pair) in enumerate(told.items())]
            made.append(User(user, History(decided(records))))
    return Preferring(tuple(sorted(made, key=lambda user: user.id)), profiles)


def decided(records: Sequence[Record]) -> list[Record]:
    """The choices but those that the same person also made the other way round, or between equal answers."""
    both = {(record.prompt, record.other, record.answer) for record in records}
    return [r for r in records if (r.prompt, r.answer, r.other) not in both]


def _choice(row: Mapping[str, Any], at: int, name: str) -> Record:
    return Record(row["prompt"], row["chosen"], float(at), name, "choice", row["rejected"])


def _hh(folder: Path, population: str) -> Path:
    found = [path for path in (folder, folder / "relabeled_hh_rlhf") if (path / population).is_dir()]
    return (found[0] if found else folder) / population / "test.jsonl.gz"


def _soups(folder: Path, name: str) -> Path:
    nested = folder / "P-Soups" / f"{name}.json"
    return nested if nested.is_file() else folder / f"{name}.json"
