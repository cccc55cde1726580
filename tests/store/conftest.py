"""Every test that asks for `places` runs twice: on SQLite and on PostgreSQL."""

import os

import pytest

from tests.store.places import VARIABLE, WHY_NOT, Cluster, Places, has_postgres


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL; skips where there is none."""
    if os.environ.get(VARIABLE):
        yield os.environ[VARIABLE]
        return
    if not has_postgres():
        pytest.skip(WHY_NOT)
    cluster = Cluster()
    yield cluster.url
    cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request, tmp_path):
    """Places for stores on either database."""
    made = Places(tmp_path, None if request.param == "sqlite" else request.getfixturevalue("postgres"))
    yield made
    made.close()


@pytest.fixture
def on_postgres(postgres, tmp_path):
    """Places for stores in PostgreSQL alone."""
    made = Places(tmp_path, postgres)
    yield made
    made.close()
