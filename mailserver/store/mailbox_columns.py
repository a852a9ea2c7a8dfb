"""A mailbox's messages as columns: what an in-memory index is made of, read in the least time.

One row object per message would cost more than the query; the values go straight into arrays.
"""

from array import array
from dataclasses import dataclass

from mailserver.mail.flags import FlagSet
from mailserver.store.database import Row, Rx


@dataclass(frozen=True, slots=True)
class Columns:
    """Parallel, by uid."""

    uids: "array[int]"
    flags: list[FlagSet]
    modseqs: "array[int]"
    sizes: "array[int]"  # octets
    internal_dates: "array[int]"  # epoch seconds
    content_ids: "array[int]"  # 0 where nothing is known of the content
    thread_ids: "array[int]"
    save_dates: "array[int]"  # epoch seconds


_SELECT = """SELECT uid, flags, modseq, size, unixepoch(internal_date), coalesce(content_id, 0),
    thread_id, coalesce(saved_at, unixepoch(internal_date))
    FROM messages WHERE mailbox_id = ?"""


def load(rx: Rx, mailbox_id: int) -> Columns:
    return _columns(rx.all(f"{_SELECT} ORDER BY uid", mailbox_id))


def changed(rx: Rx, mailbox_id: int, modseq: int) -> Columns:
    """Only messages added or changed after this change number."""
    return _columns(rx.all(f"{_SELECT} AND modseq > ? ORDER BY uid", mailbox_id, modseq))


def uids(rx: Rx, mailbox_id: int) -> "array[int]":
    """Ascending."""
    rows = rx.all("SELECT uid FROM messages WHERE mailbox_id = ? ORDER BY uid", mailbox_id)
    return array("q", [row[0] for row in rows])


def _columns(rows: list[Row]) -> Columns:
    columns = zip(*rows, strict=True) if rows else ((),) * 8
    uid, flags, modseq, size, internal_date, content_id, thread_id, save_date = columns
    return Columns(
        array("q", uid),
        [FlagSet.from_text(text) for text in flags],
        array("q", modseq),
        array("q", size),
        array("q", internal_date),
        array("q", content_id),
        array("q", thread_id),
        array("q", save_date),
    )
