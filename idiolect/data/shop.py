"""A small shop of invented people: what they bought and wrote, three functions that an agent may call, and what it should call them with.

The shape is that of PersonalWAB: Cai, Li, Wang, Zhu, Shen, Li, Chua. Large Language Models Empowered Personalized Web Agents. WWW 2025,
arXiv:2410.17236; no text or figure of it stands here. Each person keeps to one store and one quality and reviews in a manner of their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.records import History, Record, User

CATEGORIES = ("kettle", "lamp", "backpack", "notebook", "blanket", "clock", "umbrella", "mug")
STORES = ("Norrland", "Baywater", "Quillon", "Tessera")
QUALITIES = {"simple": 9.0, "solid": 24.0, "fine": 60.0}  # and the price around which it is sold
MANNERS = (
    "Love it!! The {thing} is just great!!!",
    "The {thing} does what it should. Nothing more to say.",
    "meh. the {thing} is ok i guess",
    "A {thing} of some distinction; one would gladly recommend it to friends.",
)
SHOWN = 10  # results of one call
NEEDS = ("I need a new {thing}.", "Find me a {thing}, please.", "Which {thing} should I buy?")
WISHES = ("Show me something that I might like next.", "What else could be for me?", "Surprise me with something that suits me.")
REVIEWS = ("Write a review of my {thing} for me.", "Put in words what I think of the {thing} that I bought.")


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold."""

    id: str
    title: str
    category: str
    store: str
    quality: str
    price: float

    @property
    def text(self) -> str:
        """As it stands in a person's history: a line for each field."""
        return f"title: {self.title}\ncategory: {self.category}\nprice: {self.price:g}\nstore: {self.store}\nid: {self.id}"


@dataclass(frozen=True, slots=True)
class Task:
    """What a person asks of an agent, after `history`: the function to call, and what should come of it (a product's id, or a review)."""

    user: str
    instruction: str
    function: str
    target: str
    history: History


@dataclass(frozen=True, slots=True)
class Call:
    """A function and what it was called with; "" where there was no call."""

    function: str
    argument: str


def products() -> tuple[Product, ...]:
    """Everything that is sold: each category by each store in each quality."""
    kinds = [(category, store, quality) for category in CATEGORIES for store in STORES for quality in QUALITIES]
    return tuple(
        Product(f"p{n:03d}", f"{store} {quality} {category}", category, store, quality, QUALITIES[quality] + n % 7)
        for n, (category, store, quality) in enumerate(kinds)
    )


def shop(people: int = 8, seed: int = 0) -> tuple[list[User], list[Task]]:
    """People with what they bought and reviewed, oldest first, and for each three tasks later than all of it, one for each function."""
    chance, users, tasks = random.Random(seed), [], list[Task]()
    for number in range(people):
        name = f"shopper {number}"
        store, quality, manner = STORES[number % 4], list(QUALITIES)[number % 3], MANNERS[(number + number // 4) % 4]
        liked = [product for product in products() if product.store == store and product.quality == quality]
        chance.shuffle(liked)
        *bought, next_, wanted = liked
        thing = bought[-1].category
        others = chance.sample([product for product in products() if product.store != store and product.category != thing], 2)
        history = History(_behaviours([*bought[:2], others[0], *bought[2:4], others[1], *bought[4:]], manner))
        users.append(User(name, history))
        asked = [
            (chance.choice(NEEDS).format(thing=wanted.category), "search", wanted.id),
            (chance.choice(WISHES), "recommend", next_.id),
            (chance.choice(REVIEWS).format(thing=thing), "review", manner.format(thing=thing)),
        ]
        tasks += [Task(name, instruction, function, target, history) for instruction, function, target in asked]
    return users, tasks


def called(text: str) -> Call:
    """The first call in a model's answer: search("a lamp"), recommend(p001, p002), review("..."); no function where there is none."""
    found = re.search(r"\b(search|recommend|review)\s*\(\s*(.*)", text, re.DOTALL)
    if not found:
        return Call("", "")
    inside = found[2].rpartition(")")[0] or found[2]
    return Call(found[1], inside.strip().strip("\"'"))


def results(call: Call) -> list[str]:
    """The ids that a search or a recommendation gives, best first: at most SHOWN. Of equals the one first sold comes first."""
    if call.function == "search":
        asked = set(re.findall(r"\w+", call.argument.lower()))
        return _first({product.id: float(len(asked & set(product.title.lower().split()))) for product in products()})
    if call.function == "recommend":
        named = re.findall(r"p\d{3}", call.argument)
        given = [product for product in products() if product.id in named]
        left = [product for product in products() if product not in given]
        return _first({p.id: float(sum((p.store == g.store) + (p.quality == g.quality) for g in given)) for p in left})
    return []


def result_accuracy(returned: Sequence[str], target: str) -> float:
    """1 - rank / results, ranks from 0: 1 for the first, 0.1 for the last of ten, 0 where it is not among them."""
    return 1 - list(returned).index(target) / len(returned) if target in returned else 0.0


def function_accuracy(calls: Sequence[Call], tasks: Sequence[Task]) -> float:
    """The share of tasks for which the right function was called."""
    right = [call.function == task.function for call, task in zip(calls, tasks, strict=True)]
    return sum(right) / max(len(right), 1)


def _behaviours(bought: Sequence[Product], manner: str) -> list[Record]:
    made = []
    for day, product in enumerate(bought):
        made.append(Record("purchase", product.text, float(2 * day)))
        if day % 2 == 0:
            text = f"rating: {3 + day % 3}\ntext: {manner.format(thing=product.category)}"
            made.append(Record(f"review of {product.title}", text, float(2 * day + 1)))
    return made


def _first(scores: dict[str, float]) -> list[str]:
    found = [name for name, score in scores.items() if score > 0]
    return sorted(found, key=lambda name: -scores[name])[:SHOWN]
