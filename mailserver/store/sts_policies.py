"""MTA-STS policies of other domains, and failed tries to fetch one. RFC 8461 §3.3"""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows removed in one transaction

_COLUMNS = (
    "domain, policy_id, mode, max_age, mx, fetched_at, expires_at, tried_id, retry_at, failure, failure_type, used_at"
)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """Times: epoch milliseconds. Of the policy itself all fields are None where there is none yet."""

    domain: str
    policy_id: str | None
    mode: str | None
    max_age: int | None  # seconds
    mx: str | None  # patterns, parted by spaces
    fetched_at: int | None
    expires_at: int | None
    tried_id: str | None
    retry_at: int
    failure: str | None
    failure_type: str | None
    used_at: int


def find(rx: Rx, domain: str) -> StoredPolicy | None:
    row = rx.one(f"SELECT {_COLUMNS} FROM sts_policies WHERE domain = ?", domain)
    return StoredPolicy(*row) if row else None


def list_due(rx: Rx, now: int, fetched_before: int, used_since: int, limit: int) -> builtins.list[StoredPolicy]:
    """Policies to fetch again: in use, not expired, had for a while, and no failed try just now."""
    rows = rx.all(
        f"""SELECT {_COLUMNS} FROM sts_policies
            WHERE fetched_at < ?1 AND used_at >= ?2 AND expires_at > ?4 AND retry_at <= ?4
            ORDER BY fetched_at LIMIT ?3""",
        fetched_before,
        used_since,
        limit,
        now,
    )
    return [StoredPolicy(*row) for row in rows]


def put(tx: Tx, domain: str, policy_id: str | None, mode: str, max_age: int, mx: str) -> None:
    """A policy that was fetched now; its age counts from now."""
    tx.run(
        """INSERT INTO sts_policies (domain, policy_id, mode, max_age, mx, fetched_at, expires_at, used_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6)
           ON CONFLICT DO UPDATE SET policy_id = ?2, mode = ?3, max_age = ?4, mx = ?5, fetched_at = ?6, expires_at = ?7,
               tried_id = NULL, retry_at = 0, failure = NULL, failure_type = NULL""",
        domain,
        policy_id,
        mode,
        max_age,
        mx,
        tx.now_ms,
        tx.now_ms + max_age * 1000,
    )


def put_failure(tx: Tx, domain: str, tried_id: str | None, retry_at: int, failure: str, failure_type: str) -> None:
    """A policy that is there already stays as it is."""
    tx.run(
        """INSERT INTO sts_policies (domain, tried_id, retry_at, failure, failure_type, used_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6)
           ON CONFLICT DO UPDATE SET tried_id = ?2, retry_at = ?3, failure = ?4, failure_type = ?5""",
        domain,
        tried_id,
        retry_at,
        failure,
        failure_type,
        tx.now_ms,
    )


def set_used(tx: Tx, domain: str) -> None:
    tx.run("UPDATE sts_policies SET used_at = ? WHERE domain = ?", tx.now_ms, domain)


def remove(tx: Tx, domain: str) -> bool:
    return tx.run("DELETE FROM sts_policies WHERE domain = ?", domain) > 0


def remove_old(tx: Tx, now: int) -> int:
    """Expired policies, and failures whose time is over; returns how many, 0 when nothing is left."""
    return tx.run(
        """DELETE FROM sts_policies WHERE domain IN
           (SELECT domain FROM sts_policies WHERE coalesce(expires_at, 0) < ?1 AND retry_at < ?1 LIMIT ?2)""",
        now,
        BATCH,
    )
