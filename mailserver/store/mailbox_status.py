"""Counts of mailboxes as STATUS tells them, of many mailboxes in one query. RFC 9051 §6.3.11."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.flag_conditions import DELETED, UNSEEN
from mailserver.store.uid_choice import among


@dataclass(frozen=True, slots=True)
class Status:
    mailbox_id: int
    uidnext: int
    uidvalidity: int
    highestmodseq: int
    messages: int
    recent: int
    unseen: int
    deleted: int
    octets: int
    deleted_octets: int  # 0 where not asked for


_DELETED_OCTETS = f"(SELECT coalesce(sum(size), 0) FROM messages WHERE mailbox_id = b.id AND {DELETED})"


def list(rx: Rx, user_id: int, names: Sequence[str], *, with_deleted_octets: bool = True) -> "dict[str, Status]":
    """By name; names that no mailbox has are left out. Octets of deleted messages cost a look at each of these."""
    rows = rx.all(
        f"""SELECT b.name, b.id, b.uidnext, b.uidvalidity, b.highestmodseq,
               b.message_count,
               (SELECT count(*) FROM messages WHERE mailbox_id = b.id AND uid >= b.recent_uid),
               (SELECT count(*) FROM messages WHERE mailbox_id = b.id AND {UNSEEN}),
               (SELECT count(*) FROM messages WHERE mailbox_id = b.id AND {DELETED}),
               b.octets, {_DELETED_OCTETS if with_deleted_octets else "0"}
           FROM mailboxes b WHERE b.user_id = ? AND b.name IN (SELECT value FROM json_each(?))""",
        user_id,
        json.dumps([*names]),
    )
    return {row[0]: Status(*row[1:]) for row in rows}


def measure(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> tuple[int, int]:
    """(messages, octets) of those of these UIDs that exist."""
    where, bound = among(uids)
    row = rx.one(
        f"SELECT count(*), coalesce(sum(size), 0) FROM messages WHERE mailbox_id = ? AND {where}", mailbox_id, *bound
    )
    return (int(row[0]), int(row[1])) if row else (0, 0)


def claim_recent(tx: Tx, mailbox_id: int, uidnext: int) -> None:
    """Messages below this UID are \\Recent to somebody already."""
    tx.run("UPDATE mailboxes SET recent_uid = max(recent_uid, ?) WHERE id = ?", uidnext, mailbox_id)
