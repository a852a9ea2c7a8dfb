"""Who may do what with a mailbox, one row per line of its list. RFC 4314."""

import builtins
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail import rights
from mailserver.mail.rights import Grant, Rights
from mailserver.store.database import Rx, Tx
from mailserver.store.events import MailboxesChanged

AS_JSON = """(SELECT json_group_array(json_array(g.user_id, g.is_negative, g.rights))
    FROM mailbox_rights g WHERE g.mailbox_id = m.id)"""  # a column beside those of a mailbox `m`
NOBODY = "[]"


@dataclass(frozen=True, slots=True)
class Named:
    """A line as people read it."""

    address: str | None  # None: anyone
    negative: bool
    rights: Rights


def grants(column: str) -> tuple[Grant, ...]:
    """What AS_JSON gave."""
    if column == NOBODY:
        return ()
    return tuple(Grant(user_id, bool(negative), frozenset(text)) for user_id, negative, text in json.loads(column))


def list(rx: Rx, mailbox_id: int) -> builtins.list[Named]:
    """By address, anyone last; deleted users, who may come back, are left out."""
    rows = rx.all(
        """SELECT u.username || '@' || d.name, g.is_negative, g.rights FROM mailbox_rights g
           LEFT JOIN users u ON u.id = g.user_id LEFT JOIN domains d ON d.id = u.domain_id
           WHERE g.mailbox_id = ? AND u.deleted_at IS NULL AND d.deleted_at IS NULL
           ORDER BY g.user_id IS NULL, 1, g.is_negative""",
        mailbox_id,
    )
    return [Named(address, bool(negative), frozenset(text)) for address, negative, text in rows]


def set(tx: Tx, owner_id: int, mailbox_id: int, grant: Grant) -> None:
    """The line for this user, or for anyone, in place of the one there was; without rights none."""
    remove(tx, owner_id, mailbox_id, grant.user_id, negative=grant.negative)
    if grant.rights:
        _add(tx, mailbox_id, grant)


def remove(tx: Tx, owner_id: int, mailbox_id: int, user_id: int | None, *, negative: bool) -> None:
    tx.run(
        "DELETE FROM mailbox_rights WHERE mailbox_id = ? AND user_id IS ? AND is_negative = ?",
        mailbox_id,
        user_id,
        int(negative),
    )
    tx.tell(MailboxesChanged(owner_id))


def inherit(tx: Tx, mailbox_id: int, lines: Sequence[Grant]) -> None:
    """Of the mailbox above, for a new one. RFC 4314 §4"""
    for grant in lines:
        _add(tx, mailbox_id, grant)


def _add(tx: Tx, mailbox_id: int, grant: Grant) -> None:
    tx.run(
        "INSERT INTO mailbox_rights (mailbox_id, user_id, is_negative, rights) VALUES (?, ?, ?, ?)",
        mailbox_id,
        grant.user_id,
        int(grant.negative),
        rights.text(grant.rights, virtual=False),
    )
