"""One thread, no network for models, and a width of terminal that is always the same."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["COLUMNS"] = "140"
os.environ.pop("FORCE_COLOR", None)

import pytest  # noqa: E402
import torch  # noqa: E402  # after the environment it reads

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_llama():
    from tests.tiny_models import tiny_llama  # imported late: most tests do without transformers

    return tiny_llama()


@pytest.fixture
def llama(shared_llama):
    """One random tiny Llama. Afterwards its weights are the same to the bit, frozen, and nothing hangs on it."""
    from tests.tiny_models import snapshot, unchanged

    before = snapshot(shared_llama.lm)
    yield shared_llama
    assert not (found := unchanged(shared_llama.lm, before)), found
