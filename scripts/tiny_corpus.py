"""What the bundled model reads: histories of people, in the wordings of `idiolect.wording`, never of anyone kept for evaluation."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from idiolect.data import corpora
from idiolect.types import History, Message, Record, User
from idiolect.wording import SUMMARIZE, about, describe, quote

Chat = list[Message]
MIX = {  # share of the conversations drawn, beside exercises
    "acl": 0.55, "git": 0.25, "virtual": 0.1, "blog": 0.02, "pep": 0.02, "chat": 0.06,
}  # fmt: skip
EXERCISES = (0.25, 0.05)  # share of exercises at first, and in the end
SHAPES = ("quoted", "described", "both", "turns", "plain", "summary")
SHARES = {"acl": (0.28, 0.08, 0.07, 0.3, 0.25, 0.02)}  # a title learnt costs 190 tokens alone or in turn, 400 under a quoted history
USUAL = (0.44, 0.12, 0.1, 0.2, 0.1, 0.04)


class Corpus:
    """Draws training conversations without end. `folder` holds the corpora; `seed` makes the stream repeatable."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.random, self.exercises = random.Random(seed), EXERCISES[1]
        self.people = {"acl": _train(folder, "acl_titles", corpora.acl_titles), "git": _train(folder, "git_commits", corpora.git_commits)}
        self.people["blog"] = _train(folder, "blog_18f", corpora.blog_18f)
        self.people["pep"] = _peps(folder / "peps")
        self.pools = {name: [record for user in users for record in user.records] for name, users in self.people.items()}
        self.pools["acl"] = list({record.id: record for record in self.pools["acl"]}.values())
        self.chats = [*_casino(folder), *_personachat(folder), *_synthetic(folder)]
        self.weights = {name: [min(len(user.records) - 1, 60) ** 0.7 for user in users] for name, users in self.people.items()}

    def __iter__(self) -> Iterator[Chat]:
        kinds, shares = list(MIX), list(MIX.values())
        while True:
            yield self.draw("exercise" if self.random.random() < self.exercises else self.random.choices(kinds, shares)[0])

    def at(self, share: float) -> None:
        """Sets the mix for a run of which `share` is done: many exercises until 0.1, few from 0.25 on."""
        first, last = EXERCISES
        self.exercises = last + (first - last) * min(1.0, max(0.0, (0.25 - share) / 0.15))

    def draw(self, kind: str) -> Chat:
        """One conversation of a kind."""
        if kind == "chat":
            return self.random.choice(self.chats)
        if kind == "exercise":
            return exercise(self.random, self.pools[self.random.choice(("acl", "git"))])
        if kind == "virtual":
            return self.told(self.virtual())
        user = self.random.choices(self.people[kind], self.weights[kind])[0]
        if kind == "acl" and self.random.random() < 0.25:  # papers of people with a single one count too
            return self.told([self.random.choice(self.pools[kind])])
        return self.told(self.window(user), self.pools[kind], SHARES.get(kind, USUAL))

    def window(self, user: User) -> list[Record]:
        """Some of a person's records, in time order: a random stretch, thinned."""
        size = self.random.randint(1, 13)
        end = self.random.randint(min(size, len(user.records)), len(user.records))
        stretch = list(user.records[max(0, end - size * self.random.choice((1, 1, 2, 4))) : end])
        return sorted(self.random.sample(stretch, min(size, len(stretch))), key=lambda record: record.time)

    def virtual(self) -> list[Record]:
        """A person who does not exist: anybody's commits or papers, all written in one drawn manner."""
        pool = self.pools[self.random.choice(("git", "git", "acl"))]
        records = self.random.sample(pool, self.random.randint(3, 10))
        manner = draw_manner(self.random)
        return [replace(r, answer=manner(r.answer), time=float(i), id="") for i, r in enumerate(records)]

    def told(self, records: Sequence[Record], others: Sequence[Record] = (), shares: Sequence[float] = USUAL) -> Chat:
        """One of the shapes a request takes: quoted, described, asked in turn, or to be described."""
        *earlier, last = records
        shape = self.random.choices(SHAPES, shares)[0]
        if shape == "summary" and len(earlier) > 2:
            return [Message("user", SUMMARIZE.format(history=quote(records))), Message("assistant", describe(records))]
        if shape == "turns":
            return [turn for r in records[-4:] for turn in _exchange(r)]
        system = ""
        if shape in ("described", "both"):
            system = describe(earlier)
        if shape in ("quoted", "both"):
            quoted = list(earlier[-8:])
            if others and quoted and self.random.random() < 0.12:  # somebody else's, to be looked past
                quoted += [replace(r, time=quoted[0].time) for r in self.random.sample(others, min(2, len(others)))]
            self.random.shuffle(quoted)
            system = "\n\n".join(filter(None, (system, quote(quoted))))
        return [*([Message("system", system)] if system else []), *_exchange(last)]


def _exchange(record: Record) -> Chat:
    return [Message("user", record.prompt), Message("assistant", record.answer)]


def _train(folder: Path, name: str, read: Callable[[Path], list[User]]) -> list[User]:
    users = read(folder / name)
    seen_by_held_out = {record.id for user in users if corpora.held_out(name, user) for record in user.records}
    kept = [User(u.id, History(r for r in u.records if r.id not in seen_by_held_out)) for u in users]
    return [user for user in kept if user.records]


def _peps(folder: Path) -> list[User]:
    owned: dict[str, list[Record]] = {}
    for pep in corpora.read_jsonl(folder / "peps.jsonl.gz"):
        text = corpora.clip(re.sub(r"\n[=\-~^*]{3,}", "", corpora.plain(pep["text"])), corpora.MATTER_WORDS)
        record = Record(f"Write the title of this proposal.\n\n{text}", pep["title"], float(pep["pep"]), f"pep{pep['pep']}")
        for author in pep["authors"]:
            owned.setdefault(author, []).append(record)
    return corpora.gather(owned)


def _alternate(lines: Sequence[str], system: str = "") -> Chat:
    """Lines of two speakers in turn; the second one is the assistant."""
    lines = lines[: len(lines) // 2 * 2]
    turns = [Message("user" if i % 2 == 0 else "assistant", line) for i, line in enumerate(lines)]
    return [Message("system", system), *turns] if system else turns


def _casino(folder: Path) -> Iterator[Chat]:
    for part in ("train", "valid"):
        for dialogue in json.loads((folder / "casino" / "split" / f"casino_{part}.json").read_text()):
            turns = [(t["id"], t["text"]) for t in dialogue["chat_logs"] if not t["text"].startswith(("Submit-", "Accept-", "Reject-"))]
            if len(turns) >= 4 and all(a[0] != b[0] for a, b in zip(turns, turns[1:], strict=False)):
                yield _alternate([text for _, text in turns])


def _personachat(folder: Path) -> Iterator[Chat]:
    facts: list[str] = []
    lines: list[str] = []
    for row in (folder / "personachat_convai2" / "valid_self_original_no_cands.txt").read_text().splitlines():
        number, _, rest = row.partition(" ")
        if number == "1" and lines:
            yield _alternate(lines, "Answer as this person: " + " ".join(facts))
            facts, lines = [], []
        if rest.startswith("your persona: "):
            facts.append(rest.removeprefix("your persona: "))
        else:
            lines += rest.split("\t")[:2]


def _synthetic(folder: Path) -> Iterator[Chat]:
    for part in ("valid", "test"):
        with (folder / "synthetic_persona_chat" / f"Synthetic-Persona-Chat_{part}.csv").open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                said = re.findall(r"^User ([12]): (.*)$", row["Best Generated Conversation"], flags=re.MULTILINE)
                if len(said) >= 4 and all(a[0] != b[0] for a, b in zip(said, said[1:], strict=False)):
                    yield _alternate([text for _, text in said], "Answer as this person: " + " ".join(row["user 2 personas"].split("\n")))


def draw_manner(rng: random.Random) -> Callable[[str], str]:
    """A way of writing: how an invented person changes every answer. Drawn anew for each."""
    word = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 6)))
    tags = ("feat", "fix", "docs", "chore", "refactor", "test", "wip", "add", "note", word, word.upper())
    emoji = rng.choice("✨🐛📝🚀🎉🔥♻️✅🔧💄⚡")
    start, number = rng.choice(tags), rng.randint(1, 9000)
    fronts: list[Callable[[str], str]] = [
        lambda t: t, lambda t: t, lambda t: t, lambda t: f"{start}: {t}", lambda t: f"[{start}] {t}", lambda t: f"{emoji} {t}",
        lambda t: f"{start}({word}): {t}", lambda t: f"{rng.choice(tags)}: {t}",
        lambda t: f"{start.upper()}-{number + rng.randint(0, 50)}: {t}",
    ]  # fmt: skip
    cases: list[Callable[[str], str]] = [
        lambda t: t, lambda t: t, str.lower, str.title, lambda t: t[:1].upper() + t[1:], lambda t: t[:1].lower() + t[1:], str.upper,
        lambda t: " ".join(t.split()[:3]), lambda t: " ".join(t.split()[:5]).lower(),
    ]  # fmt: skip
    ends = ["", "", "", "", ".", "!", " (#{n})", " #{n}", "...", " 🎉", " (" + word + ")", " [" + start + "]", "?"]
    front, case, end = rng.choice(fronts), rng.choice(cases), rng.choice(ends)
    return lambda text: front(case(text.rstrip(" ."))) + end.replace("{n}", str(number + rng.randint(0, 90)))


def exercise(rng: random.Random, records: Sequence[Record]) -> Chat:
    """Copying and look-up: the habit that quoting records needs, learnt before it is needed. `records` lend real texts to copy."""
    made = ["".join(rng.choice("bcdfghklmnprstvw") + rng.choice("aeiou") for _ in range(rng.randint(1, 3))) for _ in range(60)]
    kind = rng.randrange(7)
    if kind == 0:  # made-up words again
        line = " ".join(made[: rng.randint(5, 60)])
        return [Message("user", f"Repeat: {line}"), Message("assistant", line)]
    if kind == 1:  # a real text again
        text = about(rng.choice(records).prompt)
        return [Message("user", f"Repeat: {text}"), Message("assistant", text)]
    if kind == 2:  # its first words
        record, count = rng.choice(records), rng.randint(3, 12)
        asked = f"Write the first {count} words of this text.\n\n{about(record.prompt)}"
        return [Message("user", asked), Message("assistant", " ".join(about(record.prompt).split()[:count]))]
    if kind == 3:  # the values of keys, asked one after another
        pairs = dict(zip(made[:14], made[14:28], strict=False))
        listed = "\n".join(f"About: {key}\nWrote: {value}" for key, value in pairs.items())
        asked_keys = rng.sample(list(pairs), 7)
        return [
            Message("system", listed),
            *(turn for key in asked_keys for turn in (Message("user", key), Message("assistant", pairs[key]))),
        ]
    if kind == 4:  # which of the quoted records was about this
        quoted = [replace(r, time=float(i)) for i, r in enumerate(rng.sample(records, rng.randint(2, 6)))]
        return [Message("system", quote(quoted)), *(turn for r in rng.sample(quoted, 2) for turn in _exchange(r))]
    if kind == 5:  # what all records have in common
        mark, n = made[0], rng.randint(3, 8)
        earlier = [Record(made[i], f"{mark} {made[i + 10]}", float(i)) for i in range(1, n)]
        return [Message("system", quote(earlier)), Message("user", made[30]), Message("assistant", f"{mark} {made[31]}")]
    usual = rng.randint(1, 5)  # a lenient or a harsh person's points
    points = [max(1, min(5, usual + rng.choice((-1, 0, 0, 0, 1)))) for _ in range(rng.randint(3, 9))]
    question = "How many points from 1 to 5 would this person give?\n\n"
    rated = [Record(question + made[i], str(p), float(i)) for i, p in enumerate(points)]
    return [Message("system", quote(rated[:-1])), *_exchange(rated[-1])]
