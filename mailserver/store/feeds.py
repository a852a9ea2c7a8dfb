"""Outside feeds that calendars show: where each is, when it is fetched next, how it went."""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.events import FeedsChanged


@dataclass(frozen=True, slots=True)
class Feed:
    calendar_id: int
    url: str  # as it was given, https
    every_ms: int
    etag: str | None  # as the other server wrote it, the next two as well
    last_modified: str | None
    digest: bytes | None  # of the octets taken in last; None: nothing was
    next_ms: int  # epoch, when it is due; also the next two
    tried_ms: int | None
    fetched_ms: int | None  # the last answer that could be used
    failures: int  # since then
    error: str | None
    left_out: int  # objects of the feed that can not be stored


_COLUMNS = """f.calendar_id, f.url, f.every_ms, f.etag, f.last_modified, f.digest, f.next_ms, f.tried_ms, f.fetched_ms,
    f.failures, f.error, f.left_out"""
_ACTIVE = """calendar_sources f JOIN calendars c ON c.id = f.calendar_id JOIN users u ON u.id = c.user_id
    JOIN domains d ON d.id = u.domain_id"""
_MAY = "u.is_active IS TRUE AND u.deleted_at IS NULL AND d.is_active IS TRUE AND d.deleted_at IS NULL"


def find(rx: Rx, calendar_id: int) -> Feed | None:
    row = rx.one(f"SELECT {_COLUMNS} FROM calendar_sources f WHERE f.calendar_id = ?", calendar_id)
    return Feed(*row) if row else None


def list_due(rx: Rx, now_ms: int, limit: int) -> builtins.list[Feed]:
    """Of accounts that may log in, the longest due first."""
    rows = rx.all(f"SELECT {_COLUMNS} FROM {_ACTIVE} WHERE f.next_ms <= ? AND {_MAY} ORDER BY 7 LIMIT ?", now_ms, limit)
    return [Feed(*row) for row in rows]


def next_due(rx: Rx) -> int | None:
    """Epoch milliseconds; None: there is none."""
    row = rx.one(f"SELECT min(f.next_ms) FROM {_ACTIVE} WHERE {_MAY}")
    return row[0] if row else None


def count(rx: Rx, user_id: int) -> int:
    row = rx.one(
        "SELECT count(*) FROM calendar_sources f JOIN calendars c ON c.id = f.calendar_id WHERE c.user_id = ?", user_id
    )
    return int(row[0]) if row else 0


def add(tx: Tx, calendar_id: int, url: str, every_ms: int) -> None:
    """Due at once."""
    tx.insert(
        "INSERT INTO calendar_sources (calendar_id, url, every_ms, next_ms) VALUES (?, ?, ?, ?)",
        calendar_id,
        url,
        every_ms,
        tx.now_ms,
    )
    tx.tell(FeedsChanged())


def set_url(tx: Tx, calendar_id: int, url: str) -> None:
    """Another feed, due at once."""
    tx.run(
        """UPDATE calendar_sources SET url = ?, next_ms = ?, etag = NULL, last_modified = NULL, digest = NULL,
           failures = 0, error = NULL WHERE calendar_id = ?""",
        url,
        tx.now_ms,
        calendar_id,
    )
    tx.tell(FeedsChanged())


def set_every(tx: Tx, calendar_id: int, every_ms: int) -> None:
    tx.run("UPDATE calendar_sources SET every_ms = ? WHERE calendar_id = ?", every_ms, calendar_id)
    make_due(tx, calendar_id)


def make_due(tx: Tx, calendar_id: int) -> None:
    """Now, whatever happened before; the whole of it, whatever the other server says of it."""
    tx.run(
        """UPDATE calendar_sources SET next_ms = ?, etag = NULL, last_modified = NULL, digest = NULL
           WHERE calendar_id = ?""",
        tx.now_ms,
        calendar_id,
    )
    tx.tell(FeedsChanged())


def is_current(rx: Rx, feed: Feed) -> bool:
    """It is still this URL that the calendar shows."""
    return (
        rx.one("SELECT 1 FROM calendar_sources WHERE calendar_id = ? AND url = ?", feed.calendar_id, feed.url)
        is not None
    )


def note_unchanged(tx: Tx, feed: Feed) -> None:
    """What was remarked about objects that were left out still holds."""
    tx.run(
        """UPDATE calendar_sources SET tried_ms = ?1, fetched_ms = ?1, failures = 0, next_ms = ?1 + every_ms,
           error = CASE failures WHEN 0 THEN error END WHERE calendar_id = ?2 AND url = ?3""",
        tx.now_ms,
        feed.calendar_id,
        feed.url,
    )


def note_taken(
    tx: Tx, feed: Feed, etag: str | None, last_modified: str | None, digest: bytes, left_out: int, remark: str | None
) -> None:
    """`remark`: what is to be known about what was left out."""
    tx.run(
        """UPDATE calendar_sources SET tried_ms = ?1, fetched_ms = ?1, failures = 0, error = ?2,
           next_ms = ?1 + every_ms, etag = ?3, last_modified = ?4, digest = ?5, left_out = ?6
           WHERE calendar_id = ?7 AND url = ?8""",
        tx.now_ms,
        remark,
        etag,
        last_modified,
        digest,
        left_out,
        feed.calendar_id,
        feed.url,
    )


def note_failure(tx: Tx, feed: Feed, error: str, next_ms: int) -> None:
    tx.run(
        """UPDATE calendar_sources SET tried_ms = ?, failures = failures + 1, error = ?, next_ms = ?
           WHERE calendar_id = ? AND url = ?""",
        tx.now_ms,
        error,
        next_ms,
        feed.calendar_id,
        feed.url,
    )
