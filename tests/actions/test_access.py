"""The audit trail, and who may be let in."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from mes.actions.access import add_key, add_person, check_password
from mes.actions.record import Deed
from mes.domain.access import GRANTABLE, Caller, Grant, scopes_of
from mes.errors import ConflictError, InputError
from mes.store.audit import chain_audit, verify_chain

DEED = Deed("test", datetime(2026, 1, 5, tzinfo=UTC))


@pytest.fixture
def trail(conn: psycopg.Connection) -> psycopg.Connection:
    """A connection to a database with five chained deeds."""
    for number in range(5):
        add_person(conn, DEED, code=f"p{number}", name="x", grants=(Grant("viewer"),))
    chain_audit(conn)
    return conn


def test_an_untouched_trail_holds_together(trail: psycopg.Connection) -> None:
    """Chained rows verify, and later ones go on from the same head."""
    before = verify_chain(trail)
    add_key(trail, DEED, system="erp", scopes=["erp"])
    assert (before.rows, before.broken, verify_chain(trail).unchained) == (5, "", 1)
    chain_audit(trail)
    assert verify_chain(trail, anchor=before.head).rows == 6


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        ("update audit set detail = '{}' where seq = 3", "row 3 was changed"),
        ("update audit set actor = 'somebody' where seq = 1", "row 1 was changed"),
        ("update audit set at = at + interval '1 us' where seq = 5", "row 5 was changed"),
        ("delete from audit where seq = 2", "row 2 is missing"),
        ("update audit set seq = 9 - seq where seq in (4, 5)", "row 4 was changed"),
        ("delete from audit where seq = 5", "does not hold the head"),
    ],
)
def test_tampering_is_found(trail: psycopg.Connection, tamper: str, found: str) -> None:
    """A changed, removed or reordered row is found; a cut end with the head noted elsewhere."""
    head = verify_chain(trail).head
    for statement in tamper.replace("9 - seq", "9 - seq + 100"), "update audit set seq = seq - 100 where seq > 100":
        trail.execute(statement)
    assert found in verify_chain(trail, anchor=head).broken


def test_a_person_is_there_once(conn: psycopg.Connection) -> None:
    """A second person of the same code is refused."""
    add_person(conn, DEED, code="wang", name="王", grants=())
    with pytest.raises(ConflictError):
        add_person(conn, DEED, code="wang", name="another", grants=())


def test_passwords_have_a_floor() -> None:
    """What is long and mixed enough is taken."""
    check_password("wang", "correct horse 9")
    with pytest.raises(InputError):
        check_password("wang", "wang")


def test_rights_are_by_line() -> None:
    """A right holds on the lines of the roles that give it, and on no others."""
    caller = Caller(by="person:x", grants=(Grant("operator", frozenset({"L1"})), Grant("line_lead", frozenset({"L2"}))))
    assert caller.lines_for("jobs:run") == {"L1", "L2"}
    assert caller.lines_for("jobs:confirm") == {"L2"}
    assert caller.lines_for("plans:publish") == frozenset()
    assert Caller(by="person:y", grants=(Grant("operator"),)).lines_for("jobs:run") is None
    assert not Caller().may("self")
    assert Caller().may("public")


def test_scopes_of_keys_are_named() -> None:
    """A bundle stands for its permissions; what no key may have is refused by name."""
    assert {"items:write", "events:read"} <= scopes_of(["erp"]) <= GRANTABLE
    assert scopes_of(["gateway"]) == {"samples:write"}
    with pytest.raises(InputError) as refused:
        scopes_of(["erp", "plant:write", "nonsense"])
    assert [fault.pointer for fault in refused.value.faults] == ["/scopes/1", "/scopes/2"]
