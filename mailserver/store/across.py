"""Copies where more changes than the mailbox: into another account, or with fewer flags than the messages had.

The content is the same row, the file a hard link in the other account's Maildir; what a conversation is called is
each account's own.
"""

import builtins
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.mail.flags import FlagSet
from mailserver.store import change_numbers, disk_jobs, keywords, messages, threads
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.events import AddedMessage, MessagesAdded
from mailserver.store.mailboxes import Mailbox


@dataclass(frozen=True, slots=True)
class _Source:
    id: int
    uid: int
    key: str
    name_flags: str
    flags: FlagSet
    size: int
    internal_date: int  # epoch seconds
    content_id: int
    thread_id: int
    relatives: threads.Relatives


def copy(
    tx: Tx,
    source: Mailbox,
    uids: Sequence[int],
    target: Mailbox,
    new_keys: Sequence[str],
    permit: Callable[[FlagSet], FlagSet],
) -> builtins.list[tuple[int, int]]:
    """As messages.copy; `permit` says which of a message's flags its copy gets."""
    rows = _sources(tx, source.id, uids)
    if not rows:
        return []
    modseq = change_numbers.take(tx, target.user_id)
    first = messages.take_uids(tx, target.id, len(rows), modseq, sum(row.size for row in rows))
    tx.files.make_folder(target.folder)
    names = []
    added = []
    for place, (row, key) in enumerate(zip(rows, new_keys, strict=False)):
        kept = keywords.register(tx, target.id, permit(row.flags))
        copied = _add(tx, row, source, target, first + place, key, modseq, kept)
        added.append(copied)
        names.append((row.key, row.name_flags, key, messages.letters(copied.flags)))
    tx.promise(disk_jobs.LinkFiles(source.folder, target.folder, tuple(names)))
    tx.tell(MessagesAdded(target.user_id, target.id, tuple(added)))
    return [(row.uid, first + place) for place, row in enumerate(rows)]


def flags(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> dict[FlagSet, builtins.list[int]]:
    """UIDs of those that exist by the flags they have."""
    rows = rx.all(
        """SELECT flags, json_group_array(uid) FROM messages
           WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?)) GROUP BY flags ORDER BY min(uid)""",
        mailbox_id,
        json.dumps([*uids]),
    )
    return {FlagSet.from_text(text): json.loads(found) for text, found in rows}


def _sources(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[_Source]:
    rows = rx.all(
        """SELECT id, uid, maildir_key, name_flags, flags, size, unixepoch(internal_date), coalesce(content_id, 0),
               thread_id, coalesce(in_reply_to, ''), coalesce(references_header, ''), coalesce(message_id, '')
           FROM messages WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?)) ORDER BY uid""",
        mailbox_id,
        json.dumps([*uids]),
    )
    return [_source(row) for row in rows]


def _source(row: Row) -> _Source:
    message_id, uid, key, name_flags, flags, size, date, content_id, thread_id, in_reply_to, references, name = row
    relatives = threads.Relatives(in_reply_to, tuple(references.split()), name)
    return _Source(
        message_id, uid, key, name_flags, FlagSet.from_text(flags), size, date, content_id, thread_id, relatives
    )


def _add(
    tx: Tx, row: _Source, source: Mailbox, target: Mailbox, uid: int, key: str, modseq: int, kept: FlagSet
) -> AddedMessage:
    thread_id = row.thread_id
    if source.user_id != target.user_id:
        thread_id = threads.join(tx, target.user_id, row.relatives, modseq)
    saved = tx.now_ms // 1000
    tx.run(
        """INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags, message_id, subject,
               from_address, to_addresses, in_reply_to, references_header, created_at, content_id, modseq, thread_id,
               saved_at, name_flags)
           SELECT ?, ?, ?, size, internal_date, ?, message_id, subject, from_address, to_addresses, in_reply_to,
               references_header, created_at, content_id, ?, ?, ?, ? FROM messages WHERE id = ?""",
        target.id,
        uid,
        key,
        kept.text,
        modseq,
        thread_id,
        saved,
        messages.letters(kept),
        row.id,
    )
    return AddedMessage(uid, row.size, row.internal_date, kept, modseq, row.content_id, thread_id, saved)
