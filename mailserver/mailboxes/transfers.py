"""APPEND, REPLACE, COPY, MOVE and EXPUNGE as transactions: all of it or nothing.

RFC 9051 §6.3.12, §6.4.3, §6.4.7, §6.4.8, RFC 8508.
"""

from collections.abc import Sequence

from mailserver.errors import NoSuchTarget
from mailserver.mail.flags import FlagSet
from mailserver.mailboxes.values import Appended, AppendedAll, Copied, MessageGone, NewMessage
from mailserver.store import mailbox_status, mailboxes, messages, quota
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.staging import Staged


def append(tx: Tx, user_id: int, name: str, staged: Staged, flags: FlagSet, internal_date: int | None) -> Appended:
    target = _target(tx, user_id, name)
    quota.require_room(tx, user_id, staged.size)
    date = tx.now_ms // 1000 if internal_date is None else internal_date
    message = messages.add(tx, target.id, staged, flags, date)
    return Appended(target.uidvalidity, message.uid, target.id)


def check_append(rx: Rx, user_id: int, name: str, octets: int, replaced: tuple[int, int] | None) -> None:
    """What would refuse an APPEND, known before its octets come; of a REPLACE the mailbox id and UID it is for."""
    _target(rx, user_id, name)
    quota.require_room(rx, user_id, octets - (_octets(rx, replaced[0], [replaced[1]]) if replaced else 0))


def append_all(tx: Tx, user_id: int, name: str, new: Sequence[NewMessage]) -> AppendedAll:
    target = _target(tx, user_id, name)
    quota.require_room(tx, user_id, sum(each.staged.size for each in new))
    return _added(tx, target, new)


def replace(tx: Tx, source_id: int, uid: int, user_id: int, name: str, new: NewMessage) -> AppendedAll:
    """Only the difference needs room. Nothing is added where the old message is gone. RFC 8508 §3.4."""
    target = _target(tx, user_id, name)
    quota.require_room(tx, user_id, new.staged.size - _octets(tx, source_id, [uid]))
    added = _added(tx, target, [new])
    messages.remove(tx, source_id, [uid])
    return added


def _added(tx: Tx, target: Mailbox, new: Sequence[NewMessage]) -> AppendedAll:
    now = tx.now_ms // 1000
    arrivals = [(each.staged, each.flags, now if each.internal_date is None else each.internal_date) for each in new]
    uids = messages.add_all(tx, target, arrivals)
    return AppendedAll(target.uidvalidity, tuple(uids), target.id)


def copy(tx: Tx, source: Mailbox, uids: Sequence[int], name: str, keys: Sequence[str]) -> Copied:
    """`keys`: an unused one for each UID."""
    target = _target(tx, source.user_id, name)
    quota.require_room(tx, source.user_id, _octets(tx, source.id, uids))
    return _copied(target, messages.copy(tx, source.id, uids, target.id, keys))


def move(tx: Tx, source: Mailbox, uids: Sequence[int], name: str) -> Copied:
    target = _target(tx, source.user_id, name)
    _octets(tx, source.id, uids)
    return _copied(target, messages.move(tx, source.id, uids, target.id))


def expunge(tx: Tx, mailbox_id: int, uids: Sequence[int] | None) -> list[int]:
    deleted = messages.list_deleted(tx, mailbox_id)
    if uids is not None:
        chosen = set(uids)
        deleted = [uid for uid in deleted if uid in chosen]
    return messages.remove(tx, mailbox_id, deleted)


def _target(rx: Rx, user_id: int, name: str) -> Mailbox:
    target = mailboxes.find(rx, user_id, name)
    if target is None:
        raise NoSuchTarget
    return target


def _octets(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> int:
    """Raises MessageGone unless all are there: what a client asked for is not silently less, RFC 2180 §4.4.1."""
    count, octets = mailbox_status.measure(rx, mailbox_id, uids)
    if count < len(uids):
        raise MessageGone
    return octets


def _copied(target: Mailbox, pairs: list[tuple[int, int]]) -> Copied:
    return Copied(target.uidvalidity, tuple(uid for uid, _ in pairs), tuple(uid for _, uid in pairs))
