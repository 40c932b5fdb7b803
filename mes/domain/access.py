"""Who may do what: permissions, roles, the scopes of API keys, and the lines somebody sees.

Every route and every topic names one permission (`api/security/guard.py`). A person has roles, each for some lines or
for all; an API key has scopes and is bound to one system; a terminal (kiosk) is bound to its lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from mes.errors import Fault, InputError

Permission = Literal[
    "public",
    "self",
    "plant:read",
    "product:read",
    "orders:read",
    "plans:read",
    "tracking:read",
    "material:read",
    "reports:read",
    "events:read",
    "sources:read",
    "metrics:read",
    "items:write",
    "releases:write",
    "orders:write",
    "stock:write",
    "receipts:write",
    "samples:write",
    "entries:write",
    "jobs:run",
    "jobs:confirm",
    "andon:raise",
    "andon:answer",
    "movements:write",
    "call_offs:write",
    "call_offs:deliver",
    "shortages:answer",
    "plans:run",
    "plans:publish",
    "quarantine:release",
    "plant:write",
    "access:manage",
]
"""`public` needs nobody, `self` anybody who is somebody; the others are granted."""

Role = Literal[
    "viewer", "operator", "line_lead", "planner", "quality", "maintenance", "admin", "erp", "gateway", "kiosk"
]

GRANTABLE: frozenset[str] = frozenset(get_args(Permission)) - {"public", "self"}

_READS = frozenset(
    {"plant:read", "product:read", "orders:read", "plans:read", "tracking:read", "material:read", "sources:read"}
)
_OPERATES = frozenset(
    {"entries:write", "jobs:run", "andon:raise", "andon:answer", "movements:write", "call_offs:write",
     "call_offs:deliver"}
)  # fmt: skip
_LEADS = _OPERATES | {"jobs:confirm", "reports:read"}
_DOCUMENTS = frozenset({"items:write", "releases:write", "orders:write", "stock:write", "receipts:write"})

GRANTS: dict[Role, frozenset[str]] = {
    "viewer": _READS,
    "operator": _READS | _OPERATES,
    "line_lead": _READS | _LEADS,
    "planner": _READS | {"reports:read", "plans:run", "plans:publish", "shortages:answer", "andon:raise"},
    "quality": _READS | {"reports:read", "entries:write", "andon:raise", "andon:answer"},
    "maintenance": _READS | {"entries:write", "andon:raise", "andon:answer", "quarantine:release"},
    "admin": GRANTABLE - {"samples:write"},
    "erp": _READS | _DOCUMENTS | {"events:read", "reports:read", "shortages:answer"},
    "gateway": frozenset({"samples:write"}),
    "kiosk": (_READS | _OPERATES) - {"sources:read"},
}
SCOPE_BUNDLES: dict[str, frozenset[str]] = {"erp": GRANTS["erp"], "gateway": GRANTS["gateway"]}
PERSON_ROLES: tuple[Role, ...] = (
    "viewer", "operator", "line_lead", "planner", "quality", "maintenance", "admin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on some lines; `lines` None is every line."""

    role: Role
    lines: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `by` is how deeds are signed: `person:CODE`, `key:PREFIX`, `kiosk:CODE`; empty: nobody known."""

    by: str = ""
    name: str = ""
    grants: tuple[Grant, ...] = ()
    scopes: frozenset[str] = frozenset()
    system: str = ""
    """The system an API key is bound to."""
    by_cookie: bool = field(default=False, compare=False)
    """Came with a cookie, which a foreign page could make a browser send."""

    @property
    def known(self) -> bool:
        return bool(self.by)

    def may(self, permission: str) -> bool:
        """Whether a route with this permission is open to the caller on some line."""
        if permission == "public":
            return True
        if permission == "self":
            return self.known
        return permission in self.scopes or any(permission in GRANTS[grant.role] for grant in self.grants)

    def lines_for(self, permission: str) -> frozenset[str] | None:
        """The lines on which the caller may do it; None is every line, the empty set none."""
        if permission in self.scopes:
            return None
        lines: set[str] = set()
        for grant in self.grants:
            if permission in GRANTS[grant.role]:
                if grant.lines is None:
                    return None
                lines |= grant.lines
        return frozenset(lines)

    def permissions(self) -> frozenset[str]:
        """Everything the caller may do somewhere."""
        return self.scopes.union(*(GRANTS[grant.role] for grant in self.grants))

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(dict.fromkeys(grant.role for grant in self.grants))


NOBODY = Caller()


def scopes_of(words: Iterable[str]) -> frozenset[str]:
    """The scopes an API key gets: permissions as they stand, `erp` and `gateway` for all of that role's.

    Raises InputError naming each word that is neither.
    """
    scopes: set[str] = set()
    faults: list[Fault] = []
    for index, word in enumerate(words):
        if word in SCOPE_BUNDLES:
            scopes |= SCOPE_BUNDLES[word]
        elif word in GRANTABLE - {"access:manage", "plant:write"}:
            scopes.add(word)
        else:
            faults.append(Fault(f"/scopes/{index}", "unknown", f"{word!r} is no scope of an API key"))
    if faults:
        raise InputError("An API key cannot be given that", faults=tuple(faults))
    return frozenset(scopes)
