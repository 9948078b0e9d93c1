"""A phase at the logged scale with records as a run writes them."""

import pytest
from fakes.stores import write_store


@pytest.fixture(scope="session")
def make_store(tmp_path_factory):
    """Returns `write_store` with a folder of its own for every call."""
    return lambda *words, **named: write_store(tmp_path_factory.mktemp("runs"), *words, **named)


@pytest.fixture(scope="session")
def whole(make_store):
    """A complete phase that comes back."""
    return make_store()


@pytest.fixture(scope="session")
def partial(make_store):
    """A phase of which 7 runs are complete."""
    return make_store(7)
