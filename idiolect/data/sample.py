"""The bundled sample: fourteen invented people, what they wrote and what they rated. Written for this project; nobody real is in it."""

from __future__ import annotations

from importlib.resources import as_file, files

from idiolect.data.files import read
from idiolect.types import User


def sample() -> list[User]:
    """Fourteen people who work on one invented kitchen program; a record is a commit, with the subject line as the answer.

    Each has modules they keep to and a way of writing that one can name, held in about nine records of ten:
    ada-quill "feat(scope): lower case"; bram-osei ends with "(#123)"; cleo-marsh starts with an emoji; dov-lindqvist past tense
    and a full stop; esme-tarrow two lower-case words; farid-holloway one long explaining sentence; gwen-abara "[DOCS]" in
    capitals; hugo-penrose "KIT-204:"; ines-vantongeren informal, with exclamation marks; jun-calloway "wip:" and what is missing;
    kofi-brandt Every Word Capitalized; lena-moorcroft a question; milo-ferreira "module:"; nora-whitlock "This change ...".
    """
    return _bundled("sample.jsonl")


def sample_ratings() -> list[User]:
    """The same people and 24 ratings each, 1 to 5, of invented recipes and books.

    The items' quality is shared; people differ in leniency (ines-vantongeren and milo-ferreira give much, nora-whitlock and
    dov-lindqvist little), in how far they go from the middle (esme-tarrow hardly, jun-calloway and lena-moorcroft far),
    and some like books better than recipes or the other way round.
    """
    return _bundled("sample_ratings.jsonl")


def _bundled(name: str) -> list[User]:
    with as_file(files("idiolect.data") / name) as path:
        return list(read(path).users)
