"""One random tiny Llama, which every test must leave as it was."""

import pytest

from tests.tiny_models import snapshot, tiny_llama, unchanged


@pytest.fixture(scope="session")
def shared_llama():
    return tiny_llama()


@pytest.fixture
def llama(shared_llama):
    """Afterwards its weights are the same to the bit, and nothing hangs on it."""
    before = snapshot(shared_llama.lm)
    yield shared_llama
    assert not (found := unchanged(shared_llama.lm, before)), found
