"""People: passwords (argon2id), back-off, sessions.

A wrong name and a wrong password take the same time and get the same answer. Hashing runs on worker threads, two at
once, with a short queue. Who fails often waits longer each time, by name and address; an address that fails for many
names waits too; all of it stands in the database, for every process. Sessions are random tokens of which only the hash
is kept; they end when unused, when old, at sign-out and when an administrator says so.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mes import clock
from mes.actions.access import SECRET_BYTES, sha256
from mes.domain.access import Caller
from mes.errors import TooManyError
from mes.store import access, sign_in
from mes.store.house import hold_name
from mes.store.pool import Connection, Pool, snapshot, transaction

COOKIE = "takt_session"
IDLE_MAX = timedelta(minutes=60)
SESSION_MAX = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(days=1)
HASHES_AT_ONCE = 2
HASHES_WAITING_MAX = 8

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)
_waiting = threading.BoundedSemaphore(HASHES_AT_ONCE + HASHES_WAITING_MAX)


def hash_password(password: str) -> str:
    """The argon2id hash of a password (t=2, m=19 MiB, p=1). Raises TooManyError when too many wait."""
    with _Slot():
        return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether a password is right; without a hash (nobody of that name) it takes as long and is wrong."""
    with _Slot():
        try:
            _hasher.verify(password_hash or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether a hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


_nobody: list[str] = []


def _nobodys_hash() -> str:
    if not _nobody:
        _nobody.append(_hasher.hash(secrets.token_urlsafe(SECRET_BYTES)))
    return _nobody[0]


class _Slot:
    """One of the two places to hash at; refuses when the queue for them is full."""

    def __enter__(self) -> None:
        if not _waiting.acquire(blocking=False):
            raise TooManyError("Too many people sign in at this moment", remedy="Try again in a few seconds.")
        _hashing.acquire()

    def __exit__(self, *_: object) -> None:
        _hashing.release()
        _waiting.release()


# ------------------------------------------------------------------ back-off
@dataclass(frozen=True, slots=True)
class BackOff:
    """How long somebody who failed has to wait, the same in every process of the house.

    `free` failures cost nothing; then 1 s, 2 s, 4 s ... up to `wait_s_max`. A day after the last one all is forgotten.
    Each word to it is a transaction of its own: a failure is held against somebody whatever becomes of the request.
    """

    pool: Pool
    kind: str
    free: int
    wait_s_max: float = 900.0

    def check(self, who: str) -> None:
        """Refuse while `who` has to wait. Raises TooManyError with `retry_after_s`."""
        with snapshot(self.pool) as conn:
            self._check(sign_in.find_failures(conn, self._key(who)), clock.wall())

    def failed(self, who: str) -> None:
        """Note a failure. Noted before a secret is looked at, it also counts tries at one moment.

        Raises TooManyError with `retry_after_s` while `who` has to wait anyway.
        """
        now, key = clock.wall(), self._key(who)
        with transaction(self.pool) as conn:
            hold_name(conn, "sign-in", key)
            known = sign_in.find_failures(conn, key)
            self._check(known, now)
            count = known.count + 1 if known and now - known.failed_at < FORGOTTEN_AFTER else 1
            over = count - self.free
            wait_s = min(self.wait_s_max, 2.0 ** min(over, 20)) if over >= 0 else 0.0
            sign_in.save_failures(conn, key, sign_in.Failures(count, now, now + timedelta(seconds=wait_s)))

    def succeeded(self, who: str) -> None:
        """Forget the failures of `who`."""
        with transaction(self.pool) as conn:
            sign_in.drop_failures(conn, who_sha256=self._key(who))

    def _key(self, who: str) -> str:
        return sha256(f"{self.kind}|{who.casefold()}")

    def _check(self, known: sign_in.Failures | None, now: datetime) -> None:
        wait_s = 0.0 if known is None else (known.wait_until - now).total_seconds()
        if wait_s > 0:
            raise TooManyError(facts={"retry_after_s": int(wait_s) + 1})


# ------------------------------------------------------------------ sessions
def begin_session(conn: Connection, person_id: int, old_token: str | None) -> str:
    """A new session's token; the one the browser had before ends."""
    at = clock.wall()
    if old_token:
        access.end_session(conn, sha256(old_token), at)
    token = secrets.token_urlsafe(SECRET_BYTES)
    access.insert_session(conn, sha256=sha256(token), person_id=person_id, at=at, expires_at=at + SESSION_MAX)
    return token


def caller_of_session(conn: Connection, token: str) -> Caller | None:
    """Whose session this is; None when it is over."""
    row = access.find_session(conn, sha256(token))
    now = clock.wall()
    if row is None or row.ended_at is not None or row.disabled_at is not None or row.expires_at <= now:
        return None
    if now - row.seen_at > IDLE_MAX:
        return None
    if now - row.seen_at > SEEN_EVERY:
        access.see_session(conn, sha256(token), now)
    grants = access.list_grants(conn, row.person_id)
    return Caller(by=f"person:{row.person}", name=row.name, grants=grants, by_cookie=True)
