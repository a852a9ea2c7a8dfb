"""Hosts where TLS was seen."""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows removed in one transaction


@dataclass(frozen=True, slots=True)
class Remembered:
    """Times: epoch milliseconds."""

    host: str  # A-labels, lower case
    first_seen_at: int
    last_seen_at: int
    missing_since: int | None = None  # the first session without TLS since then


def find(rx: Rx, host: str) -> Remembered | None:
    row = rx.one("SELECT host, first_seen_at, last_seen_at, missing_since FROM tls_remembered WHERE host = ?", host)
    return Remembered(*row) if row else None


def list(rx: Rx, limit: int) -> builtins.list[Remembered]:
    """Those where TLS is missing first, then by name."""
    rows = rx.all(
        """SELECT host, first_seen_at, last_seen_at, missing_since FROM tls_remembered
           ORDER BY missing_since IS NULL, host LIMIT ?""",
        limit,
    )
    return [Remembered(*row) for row in rows]


def saw(tx: Tx, host: str) -> None:
    """TLS, now."""
    tx.run(
        """INSERT INTO tls_remembered (host, first_seen_at, last_seen_at) VALUES (?1, ?2, ?2)
           ON CONFLICT DO UPDATE SET last_seen_at = ?2, missing_since = NULL""",
        host,
        tx.now_ms,
    )


def missed(tx: Tx, host: str) -> None:
    """No TLS, now; the first time counts. A host that never had any is not written down."""
    tx.run("UPDATE tls_remembered SET missing_since = ? WHERE host = ? AND missing_since IS NULL", tx.now_ms, host)


def remove(tx: Tx, host: str) -> bool:
    return tx.run("DELETE FROM tls_remembered WHERE host = ?", host) > 0


def remove_old(tx: Tx, before: int) -> int:
    """Hosts not met since; returns how many, 0 when nothing is left."""
    return tx.run(
        """DELETE FROM tls_remembered WHERE host IN
           (SELECT host FROM tls_remembered WHERE last_seen_at < ?1 AND coalesce(missing_since, 0) < ?1 LIMIT ?2)""",
        before,
        BATCH,
    )
