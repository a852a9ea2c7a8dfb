"""TLS reports of others about us. RFC 8460"""

import builtins
from dataclasses import dataclass

from mailserver.errors import NoSuchReport
from mailserver.store.database import Rx, Tx

MAX_REPORTS = 2000  # kept at most: anybody may send them

_COLUMNS = "id, received_at, organization, report_id, contact, domains, begins_at, ends_at, successes, failures, sender"


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """Times: epoch milliseconds. Whatever is said here, strangers said it."""

    id: int
    received_at: int
    organization: str
    report_id: str
    contact: str
    domains: str  # parted by spaces
    begins_at: int
    ends_at: int
    successes: int
    failures: int
    sender: str  # reverse-path it came with


def add(tx: Tx, report: ReceivedReport, text: str) -> bool:
    """False: it was there already. `text`: the JSON; `id` and `received_at` are given here."""
    row = tx.one("SELECT count(*) FROM tls_reports_received")
    if row is not None and row[0] >= MAX_REPORTS:
        tx.run("DELETE FROM tls_reports_received WHERE id = (SELECT min(id) FROM tls_reports_received)")
    return (
        tx.run(
            """INSERT OR IGNORE INTO tls_reports_received (received_at, organization, report_id, contact, domains,
                   begins_at, ends_at, successes, failures, sender, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            tx.now_ms,
            report.organization,
            report.report_id,
            report.contact,
            report.domains,
            report.begins_at,
            report.ends_at,
            report.successes,
            report.failures,
            report.sender,
            text,
        )
        > 0
    )


def list(rx: Rx, limit: int) -> builtins.list[ReceivedReport]:
    """The newest first."""
    rows = rx.all(f"SELECT {_COLUMNS} FROM tls_reports_received ORDER BY received_at DESC, id DESC LIMIT ?", limit)
    return [ReceivedReport(*row) for row in rows]


def get(rx: Rx, report_id: int) -> tuple[ReceivedReport, str]:
    """With the JSON text as it came. Raises NoSuchReport."""
    row = rx.one(f"SELECT {_COLUMNS}, report FROM tls_reports_received WHERE id = ?", report_id)
    if row is None:
        raise NoSuchReport(f"No such report: {report_id}")
    return ReceivedReport(*row[:-1]), row[-1]


def remove_old(tx: Tx, before: int) -> int:
    return tx.run("DELETE FROM tls_reports_received WHERE received_at < ?", before)
