"""The shop: its measures in closed form, its people, and that an agent who knows the person can find what they want."""

import pytest

from idiolect.data.shop import SHOWN, Call, Task, called, function_accuracy, products, result_accuracy, results, shop
from idiolect.types import History


def test_a_result_counts_by_its_rank():
    ten = [f"p{n:03d}" for n in range(10)]
    assert result_accuracy(ten, "p000") == 1.0
    assert result_accuracy(ten, "p009") == pytest.approx(0.1)
    assert result_accuracy(ten, "p010") == 0.0 and result_accuracy([], "p000") == 0.0


def test_a_function_counts_if_it_is_the_right_one():
    tasks = [Task("a", "q", function, "t", History()) for function in ("search", "recommend", "review", "search")]
    calls = [Call("search", ""), Call("search", ""), Call("review", ""), Call("", "")]
    assert function_accuracy(calls, tasks) == 0.5 and function_accuracy([], []) == 0.0


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ('search("a fine lamp")', Call("search", "a fine lamp")),
        ("I would call recommend(p001, p002).", Call("recommend", "p001, p002")),
        ('review("Great (really)!")', Call("review", "Great (really)!")),
        ("search('lamp'", Call("search", "lamp")),
        ("Let me think about it.", Call("", "")),
        ("research(lamp)", Call("", "")),
    ],
)
def test_a_call_is_read_from_what_a_model_says(text, call):
    assert called(text) == call


def test_a_search_finds_by_words_and_says_nothing_of_what_is_not_sold():
    lamp = next(product for product in products() if product.title == "Quillon fine lamp")
    assert results(Call("search", "fine lamp by Quillon"))[0] == lamp.id
    assert len(results(Call("search", "lamp"))) == SHOWN and results(Call("search", "submarine")) == []


def test_what_is_recommended_is_like_what_was_given_and_none_of_it():
    given = [product for product in products() if product.store == "Tessera" and product.quality == "solid"][:3]
    found = results(Call("recommend", ", ".join(product.id for product in given)))
    first = {product.id: product for product in products()}[found[0]]
    assert first.store == "Tessera" and first.quality == "solid" and not set(found) & {product.id for product in given}
    assert results(Call("recommend", "nothing")) == [] == results(Call("review", "text"))


def test_people_differ_and_what_they_are_asked_about_lies_after_all_they_did():
    users, tasks = shop()
    assert len({tuple(r.answer for r in user.records) for user in users}) == len(users) and len(tasks) == 3 * len(users)
    by_id = {product.id: product for product in products()}
    for task in tasks:
        history = next(user.records for user in users if user.id == task.user)
        assert task.history == history and (task.target not in "\n".join(r.answer for r in history))
        if task.function != "review":
            held = [r.answer for r in history if r.prompt == "purchase"]
            assert sum(f"store: {by_id[task.target].store}" in answer for answer in held) > len(held) / 2


def test_the_same_seed_makes_the_same_shop():
    assert shop(3, seed=1) == shop(3, seed=1) and shop(3, seed=1) != shop(3, seed=2)
