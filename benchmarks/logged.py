"""What policies learnt off-line from logged feedback earn, by estimator and by how many prompts there are to choose from: simulated.

    OMP_NUM_THREADS=1 python benchmarks/logged.py [--prompts 10 100 1000] [--plays 1000] [--worlds 8]

A world: contexts of four numbers; each prompt makes sentences about one place of a plane of embeddings, many prompts nearly the same ones;
what a sentence earns in a context is smooth in its place, 0 to 1. `--plays` are logged by a policy of moderate size, whose chances are
known, with one noisy 0 or 1 each. Every estimator trains the same softmax policy on them, and is given its true value in fresh contexts.
"even" plays all prompts alike, "logged" is the policy that made the log, "known" is trained on the truth: it is what this policy can reach.
Means over worlds, with the standard error.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from idiolect.training.logged import Log, Softmax, direct, learnt
from idiolect.types import Floats

CONTEXT, PLACES, FRESH, STEPS = 4, 2, 500, 150
NAMES = ("even", "logged", "is", "dm", "dr", "dso", "known")


@dataclass(frozen=True)
class World:
    """Where each prompt's sentences lie (prompts, PLACES), how far they scatter, and where a context likes them to lie."""

    prompts: Floats
    likes: Floats  # (CONTEXT, PLACES)
    scatter: float = 0.15

    @classmethod
    def drawn(cls, prompts: int, chance: np.random.Generator) -> World:
        """Prompts anywhere on a square of two by two."""
        return cls(chance.uniform(-1, 1, (prompts, PLACES)), chance.normal(0, 0.8, (CONTEXT, PLACES)))

    def contexts(self, count: int, chance: np.random.Generator) -> Floats:
        """(count, CONTEXT), the first number a constant."""
        return np.column_stack([np.ones(count), chance.normal(size=(count, CONTEXT - 1))])

    def sentences(self, count: int, chance: np.random.Generator) -> Floats:
        """(count, prompts, PLACES): a sentence of each prompt, so many times."""
        return self.prompts + self.scatter * chance.normal(size=(count, *self.prompts.shape))

    def worth(self, contexts: Floats, places: Floats) -> Floats:
        """(n, prompts): the chance that a sentence at places (n, prompts, PLACES) is liked: the nearer to where its context likes it."""
        far = ((places - np.tanh(contexts @ self.likes)[:, None]) ** 2).sum(axis=2)
        made: Floats = np.exp(-far / 0.5)
        return made


def earned(prompts: int, plays: int, seed: int) -> list[float]:
    """The true value of each of NAMES in one world."""
    chance = np.random.default_rng(seed)
    world = World.drawn(prompts, chance)
    logging = Softmax(chance.normal(0, 0.5, (CONTEXT, prompts)))
    contexts = world.contexts(plays, chance)
    chances = logging.chances(contexts)
    arms = np.array([chance.choice(prompts, p=own) for own in chances])
    said = world.sentences(plays, chance)[np.arange(plays), arms]
    rewards = (chance.random(plays) < world.worth(contexts, said[:, None])[:, 0]).astype(np.float64)
    log, again = Log(contexts, rewards, chances, arms), world.sentences(plays, chance)
    credits = {name: log.credits(name)[1] for name in ("is", "dm", "dr")}
    credits["dso"] = direct(said, again, chances, rewards, width=0.2)
    credits["known"] = world.worth(contexts, again)
    start = Softmax(np.zeros((CONTEXT, prompts)))
    policies = {"even": start, "logged": logging, **{name: learnt(start, contexts, own, steps=STEPS) for name, own in credits.items()}}
    fresh = world.contexts(FRESH, chance)
    truth = world.worth(fresh, world.sentences(FRESH, chance))
    return [float((policies[name].chances(fresh) * truth).sum(axis=1).mean()) for name in NAMES]


def main() -> None:
    """Print a row for each number of prompts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--plays", type=int, default=1000)
    parser.add_argument("--worlds", type=int, default=8)
    options = parser.parse_args()
    table = Table("prompts", *NAMES, title=f"what a policy earns a play, {options.plays} plays logged, {options.worlds} worlds")
    for prompts in options.prompts:
        made = np.array([earned(prompts, options.plays, seed) for seed in range(options.worlds)])
        errors = made.std(axis=0, ddof=1) / np.sqrt(len(made)) if len(made) > 1 else np.zeros(len(NAMES))
        table.add_row(str(prompts), *(f"{mean:.3f} ±{error:.3f}" for mean, error in zip(made.mean(axis=0), errors, strict=True)))
    Console().print(table)


if __name__ == "__main__":
    main()
