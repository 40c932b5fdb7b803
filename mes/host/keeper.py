"""Starts a server of ours again when it has fallen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mes.clock import mono
from mes.errors import SetupError
from mes.host.processes import Say

AGAIN_AFTER_S = 5


@dataclass(slots=True)
class Keeper:
    """Keeps one server standing: `look` a few times a second, which takes no time while it stands.

    When it does not start, that is said and tried again a little later.
    """

    name: str
    stands: Callable[[], bool]
    start: Callable[[], object]
    log: Path
    say: Say
    _not_before: float = 0.0

    def look(self) -> None:
        """See whether it stands."""
        if self.stands() or mono() < self._not_before:
            return
        self._not_before = mono() + AGAIN_AFTER_S
        self.say(f"{self.name} has fallen and is started again (its log: {self.log})")
        try:
            self.start()
        except SetupError as error:
            self.say(str(error))
