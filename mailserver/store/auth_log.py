"""Every login attempt of every protocol, with its reason. Rows outlive their user."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows removed in one transaction
MAX_USERNAME = 320  # characters kept of what a client called itself


@dataclass(frozen=True, slots=True)
class Attempt:
    user_id: int | None
    username: str  # as the client wrote it, printable, at most MAX_USERNAME characters
    remote_addr: str
    protocol: str  # "smtp", "imap" …
    success: bool
    failure_reason: str | None
    created_at: str  # UTC


@dataclass(frozen=True, slots=True)
class Failures:
    username: str
    remote_addr: str
    count: int
    last: str  # UTC


def add(tx: Tx, attempts: Iterable[Attempt]) -> None:
    tx.many(
        """INSERT INTO auth_log (user_id, username, remote_addr, protocol, success, failure_reason, created_at)
           SELECT (SELECT id FROM users WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, ?7""",
        [
            (a.user_id, a.username, a.remote_addr, a.protocol, int(a.success), a.failure_reason, a.created_at)
            for a in attempts
        ],
    )


def remove_old(tx: Tx, before: str) -> int:
    """Some of what is older than this (UTC), the oldest first; returns how many, 0 when nothing is left."""
    return tx.run(
        "DELETE FROM auth_log WHERE id IN (SELECT id FROM auth_log WHERE created_at < ? ORDER BY created_at LIMIT ?)",
        before,
        BATCH,
    )


def list(rx: Rx, limit: int = 100) -> builtins.list[Attempt]:
    """Newest first."""
    rows = rx.all(
        """SELECT user_id, username, remote_addr, protocol, success IS TRUE, failure_reason, created_at FROM auth_log
           ORDER BY id DESC LIMIT ?""",
        limit,
    )
    return [
        Attempt(user_id, username, remote_addr, protocol, bool(success), reason, created_at)
        for user_id, username, remote_addr, protocol, success, reason, created_at in rows
    ]


def list_failures(rx: Rx, since: str, at_least: int = 5) -> builtins.list[Failures]:
    """Who failed how often from where since then, most first."""
    rows = rx.all(
        """SELECT username, remote_addr, count(*), max(created_at) FROM auth_log
           WHERE success = 0 AND created_at >= ? GROUP BY username, remote_addr HAVING count(*) >= ?
           ORDER BY count(*) DESC, username, remote_addr""",
        since,
        at_least,
    )
    return [Failures(*row) for row in rows]


def list_known(rx: Rx, since: str, limit: int) -> builtins.list[tuple[int, str]]:
    """(user id, address) pairs that logged in since then, the most recent first."""
    rows = rx.all(
        """SELECT user_id, remote_addr FROM auth_log WHERE success = 1 AND created_at >= ? AND user_id IS NOT NULL
           AND remote_addr IS NOT NULL GROUP BY user_id, remote_addr ORDER BY max(id) DESC LIMIT ?""",
        since,
        limit,
    )
    return [(row[0], row[1]) for row in rows]
