"""A data folder of their own for the tests of the embedded server."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core import embedded_postgres


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """One folder for all: creating it takes most of their time."""
    # Not below pytest's own folder: every run that begins closes that to the server's account.
    with tempfile.TemporaryDirectory(prefix="vigil-core-") as place:
        folder = Path(place) / "postgres"
        yield folder
        embedded_postgres.leave(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder, closed as root's own are, for a server that is not shared."""
    with tempfile.TemporaryDirectory(prefix="vigil-core-") as place:
        yield Path(place)


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """The server, used by this process."""
    yield embedded_postgres.ensure_running(folder)
    embedded_postgres.leave(folder)
