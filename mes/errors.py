"""One class per reason; the docstring is the sentence a user reads, `detail` its facts, `remedy` the way out.

Every error a user can meet derives from `MesError`. The api maps classes to statuses in one table (`api/errors.py`),
the command line prints `str(error)` and exits 1, or 2 for `InputError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was handed in: where (JSON pointer, or `line 12` of a file), a code, a sentence."""

    pointer: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail


def pointed(name: object) -> str:
    """A name as a part of a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")


class MesError(Exception):
    """Something went wrong."""

    # facts: figures a program needs to go on (`made`, `oldest_cursor`), beside the sentence

    code = "error"
    retryable = False

    def __init__(
        self,
        detail: str = "",
        *,
        remedy: str = "",
        faults: tuple[Fault, ...] = (),
        code: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail or (self.__doc__ or "").strip().splitlines()[0]
        self.remedy = remedy
        self.faults = faults
        self.code = code or type(self).code
        self.facts = dict(facts or {})
        super().__init__(self.detail)

    def __str__(self) -> str:
        sentence = self.detail if self.detail.endswith((".", "。")) else f"{self.detail}."
        lines = [f"{sentence} {self.remedy}".strip(), *(f"  {fault}" for fault in self.faults)]
        return "\n".join(lines)


class InputError(MesError):
    """What was handed in is not valid."""

    code = "invalid"


class NotFoundError(MesError):
    """There is no such thing here."""

    code = "not_found"


class ConflictError(MesError):
    """This no longer fits what is there now."""

    code = "conflict"


class StaleError(ConflictError):
    """Somebody changed this meanwhile; read it again."""

    code = "stale"


class ForbiddenError(MesError):
    """You may not do this."""

    code = "forbidden"


class UnauthenticatedError(MesError):
    """Sign in or send an API key."""

    code = "unauthenticated"


class GoneError(MesError):
    """That is too old to be read here."""

    code = "gone"


class TooManyError(MesError):
    """Too many tries; wait a moment."""

    code = "too_many"
    retryable = True


class UnavailableError(MesError):
    """A part that is needed for this is away."""

    code = "unavailable"
    retryable = True


class SetupError(MesError):
    """This machine is not ready for this."""

    code = "setup"
