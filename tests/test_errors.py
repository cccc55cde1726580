"""The tree of errors is the one its docstring draws, and catching its root catches everything."""

import inspect

import pytest

from idiolect import errors

CLASSES = {name: made for name, made in vars(errors).items() if inspect.isclass(made) and made.__module__ == errors.__name__}


def drawn():
    """Child -> parent, from the drawing: four columns a level."""
    path, parents = [], {}
    for line in errors.__doc__.splitlines()[2:]:
        bare = line.lstrip("│├└─ ")
        if bare:
            level, name = (len(line) - len(bare)) // 4, bare.split()[0]
            path[level:] = [name]
            parents[name] = path[level - 1] if level else "Exception"
    return parents


def test_the_drawing_is_the_tree():
    assert drawn() == {name: made.__base__.__name__ for name, made in CLASSES.items()}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_root_catches_it_and_it_carries_its_sentence(name):
    with pytest.raises(errors.IdiolectError, match="say so"):
        raise CLASSES[name]("say so")


def test_every_error_says_what_it_is_for():
    assert all(made.__doc__ for made in CLASSES.values())
