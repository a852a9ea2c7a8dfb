"""A mailbox's messages as columns: what an in-memory index is made of, read in the least time.

One row object per message would cost more than the query: SQLite writes each column as one text, beside the
interpreter, and the text becomes an array at once.
"""

from array import array
from dataclasses import dataclass

import msgspec

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


_NUMBERS = ("uid", "modseq", "size", "internal_date", "content_id", "thread_id", "save_date")
_ROWS = """SELECT uid, coalesce(flags, '') AS flags, modseq, size,
    coalesce(unixepoch(internal_date), 0) AS internal_date, coalesce(content_id, 0) AS content_id, thread_id,
    coalesce(saved_at, unixepoch(internal_date), 0) AS save_date
    FROM messages WHERE mailbox_id = ?"""
_PACKED = f"""SELECT group_concat(flags, char(31)), {", ".join(f"group_concat({name})" for name in _NUMBERS)} FROM"""
_numbers = msgspec.json.Decoder(list[int])


def load(rx: Rx, mailbox_id: int) -> Columns:
    return _columns(rx.one(f"{_PACKED} ({_ROWS} ORDER BY uid)", mailbox_id))


def changed(rx: Rx, mailbox_id: int, modseq: int) -> Columns:
    """Only messages added or changed after this change number."""
    return _columns(rx.one(f"{_PACKED} ({_ROWS} AND modseq > ? ORDER BY uid)", mailbox_id, modseq))


def uids(rx: Rx, mailbox_id: int) -> "array[int]":
    """Ascending."""
    rows = rx.all("SELECT uid FROM messages WHERE mailbox_id = ? ORDER BY uid", mailbox_id)
    return array("q", [row[0] for row in rows])


def _columns(row: Row | None) -> Columns:
    """Of texts with one entry per message; NULL each where there is none. No flag holds a control character."""
    if row is None or row[0] is None:
        return Columns(_array(""), [], *(_array("") for _ in _NUMBERS[1:]))
    texts = row[0].split("\x1f")
    sets = {text: FlagSet.from_text(text) for text in set(texts)}
    uids, *others = map(_array, row[1:])
    return Columns(uids, [*map(sets.__getitem__, texts)], *others)


def _array(text: str) -> "array[int]":
    return array("q", _numbers.decode(f"[{text}]"))
