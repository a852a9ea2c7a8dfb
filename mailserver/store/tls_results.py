"""Sessions counted for TLS reports, and which reports were made of them. RFC 8460"""

import builtins
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from mailserver.store.database import Rx, Tx

MAX_DETAILS = 200  # rows with details kept of one domain and day; failures beyond it are counted without
BATCH = 1000  # rows removed in one transaction

_KEY = "day, domain, policy, result, sending_address, host, address, reason"


@dataclass(frozen=True, slots=True)
class Counted:
    """What sessions have in common that are counted together."""

    day: str  # UTC, YYYY-MM-DD
    domain: str
    policy: str  # JSON, as the report will have it
    result: str = ""  # RFC 8460 §4.3; "" for success
    sending_address: str = ""
    host: str = ""
    address: str = ""
    reason: str = ""

    def without_details(self) -> "Counted":
        return Counted(self.day, self.domain, self.policy, self.result)


@dataclass(frozen=True, slots=True)
class SentReport:
    day: str
    domain: str
    report_id: str
    successes: int
    failures: int
    targets: Mapping[str, str]  # rua → "" once delivered, else what went wrong
    is_done: bool
    tried_at: int  # epoch milliseconds


def add(tx: Tx, counts: Iterable[tuple[Counted, int]]) -> None:
    for counted, sessions in counts:
        key = counted if _has_room(tx, counted) else counted.without_details()
        tx.run(
            f"""INSERT INTO tls_results ({_KEY}, sessions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions""",
            *astuple(key),
            sessions,
        )


def _has_room(tx: Tx, counted: Counted) -> bool:
    if not counted.host:
        return True
    row = tx.one("SELECT count(*) FROM tls_results WHERE day = ? AND domain = ?", counted.day, counted.domain)
    return row is not None and row[0] < MAX_DETAILS


def list(rx: Rx, day: str, domain: str) -> builtins.list[tuple[Counted, int]]:
    rows = rx.all(f"SELECT {_KEY}, sessions FROM tls_results WHERE day = ? AND domain = ?", day, domain)
    return [(Counted(*row[:-1]), row[-1]) for row in rows]


def list_unreported(rx: Rx, before: str, limit: int) -> builtins.list[tuple[str, str]]:
    """(day, domain) with results whose report is not done, days before this one, the oldest first."""
    rows = rx.all(
        """SELECT DISTINCT r.day, r.domain FROM tls_results r
           LEFT JOIN tls_reports_sent s ON s.day = r.day AND s.domain = r.domain
           WHERE r.day < ? AND s.is_done IS NOT 1 ORDER BY r.day, r.domain LIMIT ?""",
        before,
        limit,
    )
    return [(day, domain) for day, domain in rows]


def find_sent(rx: Rx, day: str, domain: str) -> SentReport | None:
    row = rx.one("SELECT * FROM tls_reports_sent WHERE day = ? AND domain = ?", day, domain)
    return _sent(row) if row else None


def list_sent(rx: Rx, limit: int) -> builtins.list[SentReport]:
    """The newest first."""
    return [_sent(row) for row in rx.all("SELECT * FROM tls_reports_sent ORDER BY day DESC, domain LIMIT ?", limit)]


def put_sent(tx: Tx, sent: SentReport) -> None:
    """A report that is done needs its counts no more."""
    tx.run(
        "INSERT OR REPLACE INTO tls_reports_sent VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        sent.day,
        sent.domain,
        sent.report_id,
        sent.successes,
        sent.failures,
        json.dumps(dict(sent.targets)),
        sent.is_done,
        sent.tried_at,
    )
    if sent.is_done:
        remove(tx, sent.day, sent.domain)


def remove(tx: Tx, day: str, domain: str) -> None:
    tx.run("DELETE FROM tls_results WHERE day = ? AND domain = ?", day, domain)


def remove_old(tx: Tx, day: str) -> int:
    """Counts and notes of days before this one; returns how many, 0 when nothing is left."""
    return tx.run("DELETE FROM tls_results WHERE day < ?", day) + tx.run(
        "DELETE FROM tls_reports_sent WHERE day < ?", day
    )


def _sent(row: tuple[str, str, str, int, int, str, int, int]) -> SentReport:
    day, domain, report_id, successes, failures, targets, is_done, tried_at = row
    return SentReport(day, domain, report_id, successes, failures, json.loads(targets), bool(is_done), tried_at)
