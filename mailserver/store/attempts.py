"""Every attempt to deliver a row of the outbound queue: when, to whom, how protected, and what was answered."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

MAX_TEXT = 1000  # characters kept of what a server said
MAX_ATTEMPTS = 1000  # of one row that are read


@dataclass(frozen=True, slots=True)
class Attempt:
    started_at: int  # epoch milliseconds
    duration_ms: int
    host: str | None = None  # name of the next hop, as far as one was chosen
    address: str | None = None  # IP address of it
    tls: str | None = None  # in words: "TLSv1.3, certificate verified (DANE)"
    code: int | None = None  # reply code, RFC 5321 §4.2; None: nobody answered
    status: str | None = None  # enhanced status code, RFC 3463
    text: str = ""  # what the server said, or what went wrong


def add(tx: Tx, attempts: Iterable[tuple[int, Attempt]]) -> None:
    """(row, attempt) pairs; one of a row that was deleted meanwhile is dropped."""
    tx.many(
        """INSERT INTO delivery_attempts (entry_id, started_at, duration_ms, host, address, tls, code, status, text)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM outbound_queue WHERE id = ?1)""",
        [
            (
                entry_id,
                attempt.started_at,
                attempt.duration_ms,
                attempt.host,
                attempt.address,
                attempt.tls,
                attempt.code,
                attempt.status,
                attempt.text[:MAX_TEXT],
            )
            for entry_id, attempt in attempts
        ],
    )


def list(rx: Rx, entry_id: int) -> builtins.list[Attempt]:
    """The oldest first; of more than MAX_ATTEMPTS the last."""
    rows = rx.all(
        """SELECT started_at, duration_ms, host, address, tls, code, status, text FROM delivery_attempts
           WHERE entry_id = ? ORDER BY id DESC LIMIT ?""",
        entry_id,
        MAX_ATTEMPTS,
    )
    return [Attempt(*row) for row in reversed(rows)]
