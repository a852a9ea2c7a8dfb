"""Messages: UIDs, flags and change numbers; the octets are in Maildir, what they say in `contents`.

Every verb takes one change number for all it does, writes tombstones for what it removes, and tells what
changed. UIDs come from `UPDATE … RETURNING` inside BEGIN IMMEDIATE: two processes can not give the same one.
"""

import builtins
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from mailserver.errors import NoSuchMailbox
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.store import change_numbers, contents, disk_jobs, keywords, mailboxes, threads
from mailserver.store.database import Row, Rx, Tx, text_time
from mailserver.store.events import AddedMessage, FlagsChanged, MessagesAdded, MessagesRemoved
from mailserver.store.flag_conditions import DELETED
from mailserver.store.mailboxes import Mailbox
from mailserver.store.staging import Staged
from mailserver.store.uid_choice import among

MAX_SETS = 32  # distinct sets of flags changed in one pass
MAX_DATES = 64  # date texts kept: messages of a moment share theirs
_uids = msgspec.json.Decoder(builtins.list[int])
LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    mailbox_id: int
    uid: int
    key: str
    size: int
    internal_date: int  # epoch seconds
    flags: FlagSet
    modseq: int
    content_id: int
    thread_id: int
    save_date: int  # epoch seconds


@dataclass(frozen=True, slots=True)
class Location:
    """Where a message's octets are; see maildir.Maildir.open."""

    folder: str
    key: str
    letters: str
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What set_flags did."""

    changed: tuple[tuple[int, FlagSet], ...]  # (uid, flags now), by uid; those that had them already are left out
    failed: tuple[int, ...]  # changed after unchanged_since, left alone
    modseq: int  # of the changed ones; 0 where nothing changed
    before: int  # the mailbox's highest change number until then


def letters(flags: FlagSet) -> str:
    """The part of a Maildir file name after ":2,", in ASCII order."""
    return "".join(sorted(LETTERS[flag] for flag in flags.names if flag in LETTERS))


_COLUMNS = """m.id, m.mailbox_id, m.uid, m.maildir_key, m.size, unixepoch(m.internal_date), m.flags, m.modseq,
    coalesce(m.content_id, 0), m.thread_id, coalesce(m.saved_at, unixepoch(m.internal_date))"""


def list(rx: Rx, mailbox_id: int) -> builtins.list[Message]:
    """By uid."""
    return [
        _message(row)
        for row in rx.all(f"SELECT {_COLUMNS} FROM messages m WHERE m.mailbox_id = ? ORDER BY m.uid", mailbox_id)
    ]


def list_vanished(rx: Rx, mailbox_id: int, modseq: int, until: int = change_numbers.MAX_MODSEQ) -> builtins.list[int]:
    """UIDs removed after this number and up to the other, ascending; right only down to change_numbers.floor."""
    rows = rx.all(
        "SELECT DISTINCT uid FROM vanished WHERE mailbox_id = ? AND modseq > ? AND modseq <= ? ORDER BY uid",
        mailbox_id,
        modseq,
        until,
    )
    return [row[0] for row in rows]


def list_changed_uids(rx: Rx, mailbox_id: int, modseq: int) -> builtins.list[int]:
    """UIDs of messages added or changed after this number, ascending; by an index, whatever the mailbox holds."""
    rows = rx.all("SELECT uid FROM messages WHERE mailbox_id = ? AND modseq > ? ORDER BY uid", mailbox_id, modseq)
    return [row[0] for row in rows]


def locate(rx: Rx, mailbox_id: int, uid: int) -> Location | None:
    return next((location for _, location in locate_all(rx, mailbox_id, [uid])), None)


def locate_all(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[tuple[int, Location]]:
    """By uid, of those that exist."""
    where, bound = among(uids, "m.uid")
    rows = rx.all(
        f"""SELECT m.uid, u.maildir, b.directory, m.maildir_key, m.name_flags, m.size FROM messages m
           JOIN mailboxes b ON b.id = m.mailbox_id JOIN users u ON u.id = b.user_id
           WHERE m.mailbox_id = ? AND {where} ORDER BY m.uid""",
        mailbox_id,
        *bound,
    )
    return [
        (uid, Location(f"{maildir}/{directory}" if directory else maildir, key, name_flags, size))
        for uid, maildir, directory, key, name_flags, size in rows
    ]


def add(tx: Tx, mailbox_id: int, staged: Staged, flags: FlagSet, internal_date: int) -> Message:
    """Give a staged file the mailbox's next UID; it appears in the folder after the commit.

    Several calls with the same Staged give several mailboxes the same file. `internal_date` is in epoch seconds.
    The quota is counted, not enforced (see quota.require_room). Raises NoSuchMailbox.
    """
    return add_to(tx, mailboxes.get_by_id(tx, mailbox_id), staged, flags, internal_date)


def add_to(tx: Tx, mailbox: Mailbox, staged: Staged, flags: FlagSet, internal_date: int) -> Message:
    """`add` for a mailbox that was read in this transaction."""
    modseq = change_numbers.take(tx, mailbox.user_id)
    uid = take_uids(tx, mailbox.id, 1, modseq, staged.detail.size)
    flags = keywords.register(tx, mailbox.id, flags)
    message = _insert(tx, mailbox, staged, flags, internal_date, uid, modseq)
    tx.tell(MessagesAdded(mailbox.user_id, mailbox.id, (_told(message),)))
    return message


def add_all(tx: Tx, mailbox: Mailbox, arrivals: Sequence[tuple[Staged, FlagSet, int]]) -> builtins.list[int]:
    """`add` of many, each with flags and internal date: their UIDs, in this order. They are told as one event.

    Each has a change number of its own, which may become that of a thread.
    """
    count = len(arrivals)
    last = change_numbers.take(tx, mailbox.user_id, count)
    first_uid = take_uids(tx, mailbox.id, count, last, sum(staged.detail.size for staged, _, _ in arrivals))
    spelled = {flags: keywords.register(tx, mailbox.id, flags) for flags in {flags for _, flags, _ in arrivals}}
    added = [
        _insert(tx, mailbox, staged, spelled[flags], date, first_uid + place, last - count + 1 + place)
        for place, (staged, flags, date) in enumerate(arrivals)
    ]
    tx.tell(MessagesAdded(mailbox.user_id, mailbox.id, tuple([_told(message) for message in added])))
    return [message.uid for message in added]


def _insert(
    tx: Tx, mailbox: Mailbox, staged: Staged, flags: FlagSet, internal_date: int, uid: int, modseq: int
) -> Message:
    detail = staged.detail
    content_id = tx.known.get(staged.key) or contents.add(tx, detail)
    tx.known[staged.key] = content_id
    thread_id = threads.join(tx, mailbox.user_id, detail, modseq)
    save_date = tx.now_ms // 1000
    message_id = tx.insert(
        """INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags, message_id, subject,
               from_address, to_addresses, in_reply_to, references_header, created_at, content_id, modseq, thread_id,
               saved_at, name_flags)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        mailbox.id,
        uid,
        staged.key,
        detail.size,
        _date_text(internal_date),
        flags.text,
        detail.message_id or None,
        detail.subject,
        detail.from_address,
        json.dumps(detail.to_addresses),
        detail.in_reply_to or None,
        " ".join(detail.references) or None,
        tx.now,
        content_id,
        modseq,
        thread_id,
        save_date,
        letters(flags),
    )
    tx.show(staged.key, mailbox.folder, letters(flags))
    return Message(
        message_id,
        mailbox.id,
        uid,
        staged.key,
        detail.size,
        internal_date,
        flags,
        modseq,
        content_id,
        thread_id,
        save_date,
    )


def _told(message: Message) -> AddedMessage:
    return AddedMessage(
        message.uid,
        message.size,
        message.internal_date,
        message.flags,
        message.modseq,
        message.content_id,
        message.thread_id,
        message.save_date,
    )


def copy(
    tx: Tx, source_id: int, uids: Sequence[int], target_id: int, new_keys: Sequence[str]
) -> builtins.list[tuple[int, int]]:
    """Copy messages that exist; (source uid, new uid) by source uid. `new_keys`: one unused key for each uid."""
    source, target = mailboxes.get_by_id(tx, source_id), mailboxes.get_by_id(tx, target_id)
    rows = _chosen(tx, source_id, uids)
    if not rows:
        return []
    modseq = change_numbers.take(tx, target.user_id)
    first = take_uids(tx, target_id, len(rows), modseq, sum(row.size for row in rows))
    _adopt_keywords(tx, target_id, rows)
    tx.files.make_folder(target.folder)
    names = tuple((row.key, row.name_flags, key, letters(row.flags)) for row, key in zip(rows, new_keys, strict=False))
    new = [(row.id, key, shown) for row, (_, _, key, shown) in zip(rows, names, strict=True)]
    tx.run(
        """INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags, message_id, subject,
               from_address, to_addresses, in_reply_to, references_header, created_at, content_id, modseq, thread_id,
               saved_at, name_flags)
           SELECT ?, ? + n.key, n.value ->> 1, size, internal_date, flags, message_id, subject, from_address,
               to_addresses, in_reply_to, references_header, created_at, content_id, ?, thread_id, ?, n.value ->> 2
           FROM json_each(?) n CROSS JOIN messages m ON m.id = n.value ->> 0 ORDER BY n.key""",
        target_id,
        first,
        modseq,
        tx.now_ms // 1000,
        json.dumps(new),
    )
    tx.promise(disk_jobs.LinkFiles(source.folder, target.folder, names))
    tx.tell(MessagesAdded(target.user_id, target_id, _added(tx, rows, first, modseq)))
    return [(row.uid, first + place) for place, row in enumerate(rows)]


def move(tx: Tx, source_id: int, uids: Sequence[int], target_id: int) -> builtins.list[tuple[int, int]]:
    """Move messages that exist to another mailbox of the same user; (old uid, new uid) by old uid.

    One transaction: a message is never in both mailboxes nor in none (RFC 6851).
    """
    source, target = mailboxes.get_by_id(tx, source_id), mailboxes.get_by_id(tx, target_id)
    rows = _chosen(tx, source_id, uids)
    if not rows:
        return []
    modseq = change_numbers.take(tx, source.user_id)
    first = take_uids(tx, target_id, len(rows), modseq, sum(row.size for row in rows))
    _adopt_keywords(tx, target_id, rows)
    tx.files.make_folder(target.folder)
    _give_to(tx, source_id, rows, target_id, first, modseq)
    _bury(tx, source, modseq, [row.uid for row in rows], sum(row.size for row in rows))
    names = tuple((row.key, row.name_flags) for row in rows)
    tx.promise(disk_jobs.MoveFiles(source.folder, target.folder, names))
    tx.tell(MessagesAdded(target.user_id, target_id, _added(tx, rows, first, modseq)))
    return [(row.uid, first + place) for place, row in enumerate(rows)]


def set_flags(
    tx: Tx, mailbox_id: int, uids: Sequence[int], mode: FlagMode, flags: FlagSet, unchanged_since: int | None = None
) -> Stored:
    """Change flags of the messages that exist. A message whose flags stay as they are keeps its change number."""
    mailbox = mailboxes.get_by_id(tx, mailbox_id)
    before = mailbox.highestmodseq
    if mode is not FlagMode.REMOVE:
        flags = keywords.register(tx, mailbox_id, flags)
    found, texts = _flags_of(tx, mailbox_id, uids)
    failed: tuple[int, ...] = ()
    if unchanged_since is not None and (failed := _changed_after(tx, mailbox_id, uids, unchanged_since)):
        too_late = set(failed)
        kept = [(uid, text) for uid, text in zip(found, texts, strict=True) if uid not in too_late]
        found, texts = [uid for uid, _ in kept], [text for _, text in kept]
    after = _after(set(texts), mode, flags)
    changed = [(uid, after[text]) for uid, text in zip(found, texts, strict=True) if text in after]
    if not changed:
        return Stored((), failed, 0, before)
    modseq = change_numbers.take(tx, mailbox.user_id)
    _write_flags(tx, mailbox_id, [uid for uid, _ in changed] if failed else uids, after, modseq)
    tx.run("UPDATE mailboxes SET highestmodseq = ? WHERE id = ?", modseq, mailbox_id)
    tx.tell(FlagsChanged(mailbox.user_id, mailbox_id, tuple([(uid, now, modseq) for uid, now in changed])))
    return Stored(tuple(changed), failed, modseq, before)


def remove(tx: Tx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[int]:
    """Expunge; returns the UIDs that were there, ascending. Files go after the commit."""
    mailbox = mailboxes.get_by_id(tx, mailbox_id)
    where, bound = among(uids)
    rows = tx.all(
        f"SELECT uid, maildir_key, name_flags, size FROM messages WHERE mailbox_id = ? AND {where} ORDER BY uid",
        mailbox_id,
        *bound,
    )
    if not rows:
        return []
    gone = [row[0] for row in rows]
    modseq = change_numbers.take(tx, mailbox.user_id)
    tx.run(f"DELETE FROM messages WHERE mailbox_id = ? AND {where}", mailbox_id, *bound)
    _bury(tx, mailbox, modseq, gone, sum(row[3] for row in rows))
    tx.promise(disk_jobs.RemoveFiles(mailbox.folder, tuple([(key, letters) for _, key, letters, _ in rows])))
    return gone


def list_deleted(rx: Rx, mailbox_id: int) -> builtins.list[int]:
    """UIDs with \\Deleted, ascending."""
    rows = rx.all(f"SELECT uid FROM messages WHERE mailbox_id = ? AND {DELETED} ORDER BY uid", mailbox_id)
    return [row[0] for row in rows]


# ---- the rows that verbs work on ----


class _Chosen(msgspec.Struct, frozen=True, gc=False):
    id: int
    uid: int
    key: str
    name_flags: str
    flags: FlagSet
    modseq: int
    size: int
    internal_date: int
    content_id: int
    thread_id: int


def _chosen(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[_Chosen]:
    """The messages of these UIDs that exist, by uid."""
    where, bound = among(uids, "m.uid")
    rows = rx.all(
        f"""SELECT m.id, m.uid, m.maildir_key, m.name_flags, m.flags, m.modseq, m.size, unixepoch(m.internal_date),
               coalesce(m.content_id, 0), m.thread_id
           FROM messages m WHERE m.mailbox_id = ? AND {where} ORDER BY m.uid""",
        mailbox_id,
        *bound,
    )
    return [_Chosen(r[0], r[1], r[2], r[3], FlagSet.from_text(r[4]), *r[5:]) for r in rows]


def _flags_of(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> tuple[builtins.list[int], builtins.list[str]]:
    """UIDs of those that exist, ascending, and the flags of each; as columns: STORE is often about a whole mailbox."""
    where, bound = among(uids)
    row = rx.one(
        f"""SELECT group_concat(uid), group_concat(flags, char(31))
            FROM (SELECT uid, flags FROM messages WHERE mailbox_id = ? AND {where} ORDER BY uid)""",
        mailbox_id,
        *bound,
    )
    if row is None or row[0] is None:
        return [], []
    return _uids.decode(f"[{row[0]}]"), row[1].split("\x1f")


def _changed_after(rx: Rx, mailbox_id: int, uids: Sequence[int], modseq: int) -> tuple[int, ...]:
    """Those of these UIDs whose messages changed after this number, ascending."""
    where, bound = among(uids)
    rows = rx.all(
        f"SELECT uid FROM messages WHERE mailbox_id = ? AND {where} AND modseq > ? ORDER BY uid",
        mailbox_id,
        *bound,
        modseq,
    )
    return tuple([uid for (uid,) in rows])


def _after(texts: set[str], mode: FlagMode, flags: FlagSet) -> dict[str, FlagSet]:
    """The flags then, by the text of those before; sets that stay as they are have none."""
    sets = {text: FlagSet.from_text(text) for text in texts}
    return {text: now for text, had in sets.items() if (now := _apply(had, mode, flags)) != had}


def _write_flags(tx: Tx, mailbox_id: int, uids: Sequence[int], after: dict[str, FlagSet], modseq: int) -> None:
    """One pass over the messages, whatever sets of flags they have.

    Nothing that `after` leads to is one of its keys, so a second pass for further sets finds none of the first's.
    """
    where, bound = among(uids)
    pairs = [(before, now.text) for before, now in after.items()]
    for start in range(0, len(pairs), MAX_SETS):
        batch = pairs[start : start + MAX_SETS]
        size = 1 << (len(batch) - 1).bit_length()  # few sizes: each is a statement of its own
        batch += batch[-1:] * (size - len(batch))
        tx.run(
            f"""UPDATE messages SET flags = CASE flags {"WHEN ? THEN ? " * size}END, modseq = ?
                WHERE mailbox_id = ? AND {where} AND flags IN ({",".join("?" * size)})""",
            *(text for pair in batch for text in pair),
            modseq,
            mailbox_id,
            *bound,
            *(text for text, _ in batch),
        )


def _apply(had: FlagSet, mode: FlagMode, flags: FlagSet) -> FlagSet:
    if mode is FlagMode.ADD:
        return had | flags
    return had - flags if mode is FlagMode.REMOVE else flags


def _give_to(tx: Tx, source_id: int, rows: builtins.list[_Chosen], target_id: int, first: int, modseq: int) -> None:
    """The rows in their order become messages `first` and following of another mailbox."""
    saved = tx.now_ms // 1000
    if rows[-1].uid - rows[0].uid + 1 == len(rows):  # one statement for a run
        tx.run(
            """UPDATE messages SET mailbox_id = ?, uid = uid + ?, modseq = ?, saved_at = ?
               WHERE mailbox_id = ? AND uid BETWEEN ? AND ?""",
            target_id, first - rows[0].uid, modseq, saved, source_id, rows[0].uid, rows[-1].uid,
        )  # fmt: skip
        return
    tx.many(
        "UPDATE messages SET mailbox_id = ?, uid = ?, modseq = ?, saved_at = ? WHERE id = ?",
        [(target_id, first + place, modseq, saved, row.id) for place, row in enumerate(rows)],
    )


def take_uids(tx: Tx, mailbox_id: int, count: int, modseq: int, octets: int) -> int:
    """The first of `count` UIDs in a row, this statement inside BEGIN IMMEDIATE and no other.

    The messages that get them have `octets` together: the mailbox counts both.
    """
    row = tx.one(
        """UPDATE mailboxes SET uidnext = uidnext + ?1, highestmodseq = ?2, message_count = message_count + ?1,
               octets = octets + ?3 WHERE id = ?4 RETURNING uidnext""",
        count,
        modseq,
        octets,
        mailbox_id,
    )
    if row is None:
        raise NoSuchMailbox
    return int(row[0]) - count


def _adopt_keywords(tx: Tx, mailbox_id: int, rows: "Iterable[_Chosen]") -> None:
    used = FlagSet.of(name for flags in {row.flags for row in rows} for name in flags.keywords)
    keywords.register(tx, mailbox_id, used)


def _bury(tx: Tx, mailbox: Mailbox, modseq: int, uids: builtins.list[int], octets: int) -> None:
    tx.run(
        "INSERT INTO vanished (mailbox_id, modseq, uid, removed_at) SELECT ?, ?, value, ? FROM json_each(?)",
        mailbox.id,
        modseq,
        tx.now_ms,
        json.dumps(uids),
    )
    tx.run(
        """UPDATE mailboxes SET highestmodseq = ?, message_count = message_count - ?, octets = octets - ?
           WHERE id = ?""",
        modseq,
        len(uids),
        octets,
        mailbox.id,
    )
    tx.tell(MessagesRemoved(mailbox.user_id, mailbox.id, modseq, tuple(uids)))


def _added(tx: Tx, rows: builtins.list[_Chosen], first: int, modseq: int) -> tuple[AddedMessage, ...]:
    saved = tx.now_ms // 1000
    return tuple(
        [
            AddedMessage(uid, row.size, row.internal_date, row.flags, modseq, row.content_id, row.thread_id, saved)
            for uid, row in enumerate(rows, first)
        ]
    )


def _message(row: Row) -> Message:
    message_id, mailbox_id, uid, key, size, date, flags, modseq, content_id, thread_id, save_date = row
    return Message(
        message_id, mailbox_id, uid, key, size, date, FlagSet.from_text(flags), modseq, content_id, thread_id, save_date
    )


@lru_cache(MAX_DATES)
def _date_text(epoch: int) -> str:
    return text_time(datetime.fromtimestamp(epoch, UTC))
