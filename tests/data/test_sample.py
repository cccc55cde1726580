"""The bundled sample says what its docstring says."""

import re
from collections import Counter
from statistics import fmean, median

import pytest

from idiolect.data.corpora import SUBJECT
from idiolect.data.ratings import RATING
from idiolect.data.sample import sample, sample_ratings
from idiolect.data.splits import split_all

PAST = re.compile(r"[A-Z][a-z]+(ed|t|n|de|k|pped)?\b.*\.$")
HABITS = {
    "ada-quill": lambda s: re.match(r"(feat|fix|docs|test|refactor|perf|style|chore)\(\w+\): [a-z]", s),
    "bram-osei": lambda s: re.search(r" \(#\d+\)$", s) and s[0].isupper(),
    "cleo-marsh": lambda s: ord(s[0]) > 0x2000,
    "dov-lindqvist": lambda s: PAST.match(s),
    "esme-tarrow": lambda s: len(s.split()) == 2 and s == s.lower(),
    "farid-holloway": lambda s: len(s.split()) > 14,
    "gwen-abara": lambda s: re.match(r"\[[A-Z]+\] ", s),
    "hugo-penrose": lambda s: re.match(r"KIT-\d+: [a-z]", s),
    "ines-vantongeren": lambda s: s.endswith("!"),
    "jun-calloway": lambda s: s.startswith("wip: "),
    "kofi-brandt": lambda s: all(word[0].isupper() or word[0].isdigit() for word in s.split()),
    "lena-moorcroft": lambda s: s.endswith("?"),
    "milo-ferreira": lambda s: re.match(r"(units|scale|nutrition): ", s),
    "nora-whitlock": lambda s: s.startswith("This change ") and s.endswith("."),
}


def test_fourteen_people_with_dated_commits_that_are_all_different():
    users = sample()
    assert [user.id for user in users] == list(HABITS)
    records = [record for user in users for record in user.records]
    assert all(26 <= len(user.records) <= 30 for user in users)
    assert len({record.answer for record in records}) == len({record.time for record in records}) == len(records)
    assert all(record.prompt.startswith(f"{SUBJECT}\n\nFiles: ") for record in records)


def test_no_prompt_holds_its_answer():
    assert not [record.answer for user in sample() for record in user.records if record.answer.lower() in record.prompt.lower()]


@pytest.mark.parametrize("name", HABITS)
def test_each_person_keeps_to_one_way_of_writing(name):
    own = {user.id: [bool(HABITS[name](record.answer)) for record in user.records] for user in sample()}
    assert 0.85 <= fmean(own.pop(name)) < 1, "about nine in ten, and not without exception"
    others = [hit for hits in own.values() for hit in hits]
    assert fmean(others) < 0.15


def test_people_keep_to_their_own_modules():
    tops = Counter()
    for user in sample():
        folders = Counter(re.findall(r"[MAD] ((?:[\w.-]+/)?[\w.-]+)", " ".join(r.prompt for r in user.records)))
        tops[folders.most_common(1)[0][0]] += 1
    assert len(tops) >= 11


def test_ratings_of_shared_items_show_who_is_lenient_and_who_goes_far():
    users = {user.id: [int(record.answer) for record in user.records] for user in sample_ratings()}
    assert all(len(given) == 24 and set(given) <= {1, 2, 3, 4, 5} for given in users.values())
    assert min(fmean(users["ines-vantongeren"]), fmean(users["milo-ferreira"])) > 4 > 2.5 > fmean(users["nora-whitlock"])
    spread = {name: fmean(abs(points - median(given)) for points in given) for name, given in users.items()}
    assert spread["esme-tarrow"] < 0.5 < 1 < min(spread["jun-calloway"], spread["lena-moorcroft"])
    assert all(record.prompt.startswith(f"{RATING}\n\n") for user in sample_ratings() for record in user.records)


def test_a_persons_leniency_foretells_their_later_ratings():
    users = sample_ratings()
    by_item = Counter(), Counter()
    for user in users:
        for record in user.records[:19]:
            by_item[0][record.prompt] += int(record.answer)
            by_item[1][record.prompt] += 1
    overall = fmean(int(record.answer) for user in users for record in user.records[:19])

    def item(record):
        return by_item[0][record.prompt] / by_item[1][record.prompt] if by_item[1][record.prompt] else overall

    plain, personal = [], []
    for user in users:
        offset = fmean(int(record.answer) - item(record) for record in user.records[:19])
        plain += [abs(int(record.answer) - item(record)) for record in user.records[19:]]
        personal += [abs(int(record.answer) - item(record) - offset) for record in user.records[19:]]
    assert fmean(personal) < 0.8 * fmean(plain)


def test_the_sample_splits_without_a_leak():
    made = split_all(sample())
    assert made.removed == 0 and all(5 <= len(one.targets) <= 6 for one in made.splits)
