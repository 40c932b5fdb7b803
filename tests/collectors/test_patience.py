"""How often a source that is not heard is tried again."""

from __future__ import annotations

import pytest

from collectors.patience import pause_s
from collectors.source import SourceLostError, Why

AWAY = SourceLostError("network", "no answer")


def test_the_first_tries_come_fast_then_pauses_grow() -> None:
    """A server that starts within a quarter of a minute is heard within two seconds of it; a dead one is spared."""
    pauses = [pause_s(AWAY, failures, draw=lambda: 0.5) for failures in range(1, 13)]
    assert pauses == [0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert pause_s(AWAY, 10_000, draw=lambda: 0.5) == 15.0


def test_pauses_differ_by_chance() -> None:
    """Collectors that lost a server together do not come back in one moment."""
    assert pause_s(AWAY, 4, draw=lambda: 0.0) == 1.5
    assert pause_s(AWAY, 4, draw=lambda: 1.0) == 2.5


@pytest.mark.parametrize("why", ["certificate", "password", "configuration"])
def test_a_refusal_is_not_tried_often(why: Why) -> None:
    """Trying a wrong password again and again would lock the account."""
    assert pause_s(SourceLostError(why, "no"), 1) == 60.0
