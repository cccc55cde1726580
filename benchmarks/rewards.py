"""Reward models that know the person against everybody's: pairs by accuracy, ratings by mean absolute error, beside simple baselines.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 nice python benchmarks/rewards.py --data FOLDER [--only prism movielens] [--embedder hash|dense]

FOLDER holds the public data by name; none of it is shipped. What is tuned is tuned inside the histories, by prompt again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from judges import (
    COUNTED,
    HOLDS,
    OWN_HOLDS,
    Rows,
    carm,
    described,
    everybodys,
    grouped,
    more,
    oracle,
    seen,
    tabled,
    tuned,
    vpl,
    with_own,
    within,
)
from rounds import tell

from idiolect.data import preferences as pairs_of
from idiolect.data import ratings
from idiolect.data.preferences import POPULATIONS
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.preferences import Judge, Measured, Person, Rater, Row, by_prompt, by_time, stand_ins
from idiolect.training.feedback import sample
from idiolect.training.populations import groups
from idiolect.training.reward_models import factored, features, ridge
from idiolect.types import Floats, User
from idiolect.wording import about

MOST = 400  # people of one data set


def pairs(name: str, given: pairs_of.Preferring, by: str, people_n: int | None) -> None:
    people = sample(by_prompt(given.users), people_n or MOST, 0)
    contexts = [given.profiles.get(person.user) or described(person) for person in people]
    measured, last = Measured(), slice(-COUNTED, None)
    with_contexts = seen(people, by, contexts, stand_ins(len(people), measured.seed))
    all_ = with_contexts.without(features([""], [""], by).shape[1])
    inside = within(people, all_)
    head(name, f"{len(people)} people, {count(people, 'history')} pairs to learn from, {count(people, 'targets')} asked for")

    def add(label: str, judge: Judge, personal: bool = True) -> None:
        measured.add(label, judge, len(people), personal)

    words = [np.array([len(one.better.split()) - len(one.worse.split()) for one in p.targets], float) for p in people]
    add("longer answer", lambda who, other: words[who], False)
    add("everybody's, counted only", everybodys(all_, tuned(partial(everybodys, columns=last), inside, HOLDS), last), False)
    base = tuned(everybodys, inside, HOLDS)
    add("everybody's", everybodys(all_, base), False)
    for label, columns in (("own head", slice(None)), ("own counted head", last)):
        fit = partial(with_own, base=base, columns=columns)
        add(label, fit(all_, tuned(fit, inside, OWN_HOLDS)))
    fit_table = partial(tabled, base=base)
    add("table (P-RLHF)", fit_table(all_, tuned(fit_table, inside, OWN_HOLDS)))
    add("CARM", carm(with_contexts, tuned(carm, within(people, with_contexts), HOLDS)))
    for number in (2, 4):
        fit_groups = partial(grouped, count=number)
        hold = tuned(fit_groups, inside, HOLDS[1::2])
        add(f"own group of {number} (EM)", fit_groups(all_, hold))
        add(f"max-min of {number} groups", grouped(all_, hold, number, False), False)
    members = groups(all_.learnt, 4, base, starts=3).members
    add("MORE", more(all_, members, None), False)
    add("MORE, even weights", more(all_, members, None, even=True), False)
    add("MORE, own head", more(all_, members, 3.0))
    for weight in (0.0, 1e-3):
        add(f"VPL, divergence x {weight:g}", vpl(all_, weight))
    if name == "vpl":  # the only one whose groups are known
        known = [POPULATIONS.index(person.user.partition(":")[0]) for person in people]
        add("known population (no method)", oracle(all_, base, known))
    show(measured.rows("everybody's"), "accuracy", "less everybody's")


def rated(name: str, users: Sequence[User], by: str, people_n: int | None) -> None:
    raters = sample(by_time(users), people_n or MOST, 0)
    items = {prompt: place for place, prompt in enumerate(dict.fromkeys(r.prompt for one in raters for r in (*one.history, *one.targets)))}
    truths = [np.array([float(r.answer) for r in one.targets]) for one in raters]
    head(name, f"{len(raters)} people, {count(raters, 'history')} ratings to learn from, {count(raters, 'targets')} asked for")
    measured = Measured(truths)
    places = [np.array([items[r.prompt] for r in one.history]) for one in raters]
    asked = [np.array([items[r.prompt] for r in one.targets]) for one in raters]
    given = [np.array([float(r.answer) for r in one.history]) for one in raters]
    mean = item_means(places, given, len(items))
    missed = [own - mean[at] for own, at in zip(given, places, strict=True)]
    shift = [own.mean() for own in missed]
    low, high = min(map(min, given)), max(map(max, given))

    def add(label: str, foretold: Callable[[int, int], Floats], personal: bool = True) -> None:
        measured.add(label, lambda who, other: foretold(who, other).clip(low, high), len(raters), personal)

    add("item mean", lambda who, other: mean[asked[who]], False)
    add("item mean + offset", lambda who, other: mean[asked[who]] + shift[other])
    texts = [about(prompt) for prompt in items]
    said = features([""] * len(texts), texts, by)
    body = said - said.mean(axis=0)
    at, truth = np.concatenate(places), np.concatenate(given)
    shared = ridge(body[at], (truth - truth.mean())[:, None], 10.0)[:, 0]
    add("everybody's ridge", lambda who, other: truth.mean() + body[asked[who]] @ shared, False)
    own_missed = [one - s for one, s in zip(missed, shift, strict=True)]
    hold = best_hold(lambda rows, labels, h: ridge(body[rows], labels[:, None], h)[:, 0], body, places, own_missed)
    heads = [ridge(body[rows], labels[:, None], hold)[:, 0] for rows, labels in zip(places, own_missed, strict=True)]
    add("own ridge head", lambda who, other: mean[asked[who]] + shift[other] + body[asked[who]] @ heads[other])
    labels = np.full((len(items), len(raters)), np.nan)
    for who, (rows, values) in enumerate(zip(places, own_missed, strict=True)):
        labels[rows, who] = values
    for rank in (2, 8):
        about_items, own_heads = factored(labels, rank, 10.0)
        guess = partial(with_factors, mean=mean, shift=shift, asked=asked, about_items=about_items, heads=own_heads)
        add(f"ridge by turns, rank {rank}", guess)
    show(measured.rows("item mean + offset"), "MAE, lower is better", "less item mean + offset")


def with_factors(who: int, other: int, mean: Floats, shift: list[Floats], asked: Rows, about_items: Floats, heads: Floats) -> Floats:
    return mean[asked[who]] + shift[other] + about_items[asked[who]] @ heads[:, other]


def item_means(places: Rows, given: Rows, count_: int, damping: float = 2.0) -> Floats:
    """Each item's mean rating, drawn to the mean of all by `damping` ratings of it."""
    at, values = np.concatenate(places), np.concatenate(given)
    sums, counts = np.bincount(at, values, count_), np.bincount(at, minlength=count_)
    made: Floats = (sums + damping * values.mean()) / (counts + damping)
    return made


def best_hold(fit: Callable[[Floats, Floats, float], Floats], body: Floats, places: Rows, labels: Rows) -> float:
    """The hold under which the last fifth of everybody's history is best foretold by the first of it."""
    worth = []
    for hold in (1.0, 3.0, 10.0, 30.0, 100.0, 300.0):
        errors = []
        for rows, own in zip(places, labels, strict=True):
            cut = max(1, len(rows) * 4 // 5)
            errors.append(np.abs(body[rows[cut:]] @ fit(rows[:cut], own[:cut], hold) - own[cut:]))
        worth.append((float(np.concatenate(errors).mean()), hold))
    return min(worth)[1]


def count(people: Sequence[Person] | Sequence[Rater], side: str) -> int:
    return sum(len(getattr(person, side)) for person in people)


def head(name: str, text: str) -> None:
    tell(f"\n{name}: {text}")


def show(rows: Sequence[Row], what: str, against: str) -> None:
    tell(f"  {'judge':<30}{what:<28}{against:<28}{'own less other history':<28}calibration error")
    for row in rows:
        error = f"{row.calibration:.3f}" if row.calibration is not None else ""
        tell(f"  {row.name:<30}{ends(row.figure):<28}{ends(row.gain, True):<28}{ends(row.own, True):<28}{error}")


def ends(one: Interval | None, signed: bool = False) -> str:
    if one is None:
        return ""
    form = "+.3f" if signed else ".3f"
    mark = "*" if signed and one.clear else " "
    return f"{one.value:{form}}{mark} [{one.low:{form}}, {one.high:{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--embedder", default="hash")
    parser.add_argument("--people", type=int)
    given = parser.parse_args()
    jobs: dict[str, Callable[[], None]] = {
        "prism": lambda: pairs("prism", pairs_of.prism_pairs(given.data / "prism_pairs"), given.embedder, given.people),
        "psoups": lambda: pairs("psoups", pairs_of.psoups_alignx(given.data / "psoups_alignx"), given.embedder, given.people),
        "vpl": lambda: pairs("vpl", pairs_of.vpl_hh_split(given.data / "vpl_hh_split"), given.embedder, given.people),
        "offence": lambda: rated("offence", ratings.popquorn_offence(given.data / "popquorn"), given.embedder, given.people),
        "food": lambda: rated(
            "food", ratings.food_world_cup(given.data / "fivethirtyeight_surveys/food-world-cup"), given.embedder, given.people
        ),
        "movielens": lambda: rated("movielens", ratings.movielens(given.data / "movielens"), given.embedder, given.people),
    }
    for name, job in jobs.items():
        if not given.only or name in given.only:
            start = time.perf_counter()
            job()
            tell(f"  {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
