"""Fronts of two rewards that pull apart, "brief" and "thorough": what each method reaches as the weights move, on held-out questions.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/front.py [--quick] [--methods rewarded_soups mod ...] [--plot front.svg]

The bundled model and the bundled sample: every method learns from all but each person's last two records and is asked these with
`request.weighing(...)` at five weights, 4 answers drawn to each question, by the same chances for all. A point is the mean of either
reward in z-scores over the model's own answers to the held-out questions. The hypervolume stands above one reference for all, a tenth
below the worst value that anybody reached; its interval is of 1,000 draws of the questions. "On its front" counts distinct points that
the method's own others do not dominate. Settings are the methods' defaults, and so are the answers they draw to learn from: 576 by
preferences, some thousands more by policy gradient. Seconds are of `fit`, on one thread; eleven minutes in all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from rounds import tell

from idiolect.alignment.clp import CLP
from idiolect.alignment.dmrw import DMRW
from idiolect.alignment.mod import MOD
from idiolect.alignment.morlhf import MORLHF
from idiolect.alignment.panacea import Panacea
from idiolect.alignment.personalized_soups import PersonalizedSoups
from idiolect.alignment.rewarded_soups import RewardedSoups
from idiolect.alignment.ric import RiC
from idiolect.data.sample import sample
from idiolect.method import Method
from idiolect.models.local import LocalLM, load
from idiolect.prompting.plain import Plain
from idiolect.training.directions import lattice
from idiolect.training.fronts import hypervolume, obedience, pareto, spacing, sparsity
from idiolect.training.rewards import Scale, counted
from idiolect.types import Floats, Reply, Request, State, User, ask

OBJECTIVES = ("brief", "thorough")
WEIGHTS = lattice(2, 4)  # of brief and of thorough: from thorough alone to brief alone
METHODS: dict[str, type[Method]] = {
    "rewarded_soups": RewardedSoups,
    "personalized_soups": PersonalizedSoups,
    "mod": MOD,
    "panacea": Panacea,
    "clp": CLP,
    "morlhf": MORLHF,
    "dmrw": DMRW,
    "ric": RiC,
}
USUAL = ("rewarded_soups", "personalized_soups", "mod", "panacea", "clp", "morlhf", "ric")
QUICK: dict[str, dict[str, int]] = {
    name: {"asked": 8, "drawn": 3, "answer_tokens": 8, **({"epochs": 1} if name in ("rewarded_soups", "mod") else {"steps": 2})}
    for name in METHODS
    if name != "ric"
} | {"ric": {"questions": 8, "rounds": 0, "answer_tokens": 8, "epochs": 1}}


def parted(users: Sequence[User]) -> tuple[list[User], list[Request]]:
    """Everybody without their last two records, and these as questions."""
    earlier = [User(user.id, user.records[:-2]) for user in users]
    return earlier, [ask(record.prompt, temperature=1.0, max_tokens=32) for user in users for record in user.records[-2:]]


def reached(lm: LocalLM, method: Method, held: Sequence[Request], draws: int) -> Floats:
    """(weights, questions, objectives): the mean of each reward over a question's draws, in its own unit."""
    made = []
    for weights in WEIGHTS:
        asked = [request.weighing(dict(zip(OBJECTIVES, map(float, weights), strict=True))) for request in held]
        bent = [method.personalize(State(), request, lm) for request in asked]
        requests = [one for one in bent if not isinstance(one, Reply)]
        replies = lm.generate([one.sampled(seed=place * draws + i) for place, one in enumerate(requests) for i in range(draws)])
        questions = [request.question for request in held for _ in range(draws)]
        worth = counted(OBJECTIVES, questions, [reply.text for reply in replies])
        made.append(worth.reshape(len(held), draws, len(OBJECTIVES)).mean(axis=1))
    return np.array(made)


def bare(lm: LocalLM, held: Sequence[Request], draws: int) -> tuple[Scale, Floats]:
    """The scale of rewards, and what the model without a method reaches: (objectives,)."""
    plain = [Plain().personalize(State(), request, lm) for request in held]
    replies = lm.generate([one.sampled(seed=place * draws + i) for place, one in enumerate(plain) for i in range(draws)])
    worth = counted(OBJECTIVES, [request.question for request in held for _ in range(draws)], [reply.text for reply in replies])
    scale = Scale.of(worth)
    return scale, scale.z(worth).mean(axis=0)


def interval(points: Floats, reference: Sequence[float], rounds: int = 1000) -> tuple[float, float]:
    """The middle nine tenths of the hypervolume over draws of the questions, from points (weights, questions, objectives)."""
    chance = np.random.default_rng(0)
    drawn = [points[:, chance.integers(points.shape[1], size=points.shape[1])].mean(axis=1) for _ in range(rounds)]
    low, high = np.quantile([hypervolume(own, reference) for own in drawn], [0.05, 0.95])
    return float(low), float(high)


def show(fronts: Mapping[str, Floats], seconds: Mapping[str, float], base: Floats) -> None:
    """The table: each method's points, and what they are worth together."""
    means = {name: points.mean(axis=1) for name, points in fronts.items()}
    reference = np.minimum(np.min([own.min(axis=0) for own in means.values()], axis=0), base) - 0.1
    alone, above = (f"({brief:.2f}, {thorough:.2f})" for brief, thorough in (base, reference))
    tell(f"\nz-scores of (brief, thorough); the model alone: {alone}; reference {above}")
    tell(f"{'weight of brief':20}" + "".join(f"{weights[0]:>16g}" for weights in WEIGHTS))
    for name, own in means.items():
        tell(f"{name:20}" + "".join(f"   ({brief:5.2f}, {thorough:5.2f})" for brief, thorough in own))
    tell(f"\n{'':20}  hypervolume      90 %         on its front  obedience  sparsity  spacing  fit, s")
    tell(f"{'the model alone':20}  {hypervolume(base[None], list(reference)):11.2f}")
    for name in sorted(means, key=lambda one: -hypervolume(means[one], list(reference))):
        own, (low, high) = means[name], interval(fronts[name], list(reference))
        points = np.unique(own.round(9), axis=0)
        best = points[pareto(points)]
        volume = f"{hypervolume(own, list(reference)):11.2f}  {low:5.2f} to {high:5.2f}"
        numbers = f"{obedience(WEIGHTS, own):9.2f}  {sparsity(best):8.2f}  {spacing(best):7.2f}  {seconds[name]:6.0f}"
        tell(f"{name:20}  {volume}  {len(best)} of {len(points)}        {numbers}")


def draw(fronts: Mapping[str, Floats], base: Floats, place: Path) -> None:
    """A line a method, from thorough alone, whose mark is open, to brief alone."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5.5), layout="constrained")
    for (name, points), marker in zip(fronts.items(), "osD^vP*X", strict=False):
        own = points.mean(axis=1)
        [line] = axes.plot(own[:, 0], own[:, 1], marker=marker, markersize=5, linewidth=1.2, label=name)
        axes.plot(*own[0], marker=marker, markersize=9, color=line.get_color(), markerfacecolor="white")
    axes.plot(*base, marker="+", markersize=12, color="black", linestyle="none", label="the model alone")
    axes.set_xlabel("brief, z-score")
    axes.set_ylabel("thorough, z-score")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, title="open: thorough alone", title_fontsize=8)
    figure.savefig(place, dpi=150)
    tell(f"drawn: {place}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a few questions and steps: to see that it works")
    parser.add_argument("--methods", nargs="+", default=list(USUAL), choices=list(METHODS))
    parser.add_argument("--plot", type=Path, help="an SVG or PNG file to draw the fronts in")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lm, users = load("tiny"), sample()
    users, held = parted(users[:3] if given.quick else users)
    draws = 2 if given.quick else 4
    scale, base = bare(lm, held, draws)
    fronts, seconds = {}, {}
    for name in given.methods:
        method, start = METHODS[name](**(QUICK[name] if given.quick else {})), time.process_time()
        method.fit(users, lm)
        seconds[name] = time.process_time() - start
        fronts[name] = scale.z(reached(lm, method, held, draws))
        tell(f"{name}: learnt in {seconds[name]:.0f} s of one thread")
    show(fronts, seconds, base)
    if given.plot:
        draw(fronts, base, given.plot)


if __name__ == "__main__":
    main()
