"""The real product on a fresh database, for the simulators that speak REST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulators.real_site import Site, running


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """The API with the demo's plant at sixty times the speed."""
    with running(database_url, 60) as started:
        yield started
