"""APPEND, REPLACE, COPY, MOVE, STORE and EXPUNGE as transactions: all of it or nothing.

RFC 9051 §6.3.12, §6.4.3 to §6.4.8, RFC 8508.

Who asks has the rights for it, looked at in the same transaction (RFC 4314 §4). Room is that of the target's owner.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

from mailserver.errors import CannotMailbox, NoSuchTarget
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mail.rights import FLAGS, Rights
from mailserver.mailboxes import access
from mailserver.mailboxes.values import Appended, AppendedAll, Copied, MessageGone, NewMessage
from mailserver.store import across, mailbox_status, mailboxes, messages, outbox, quota, sent_copies
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.messages import Stored
from mailserver.store.staging import Staged

NewKey = Callable[[], str]  # gives a file name that no message has

INSERT = "i"
EXPUNGE = "e"
MOVE_AWAY = "te"  # what a MOVE does to its source: \Deleted and EXPUNGE, RFC 6851 §4


def check_append(rx: Rx, user_id: int, name: str, octets: int, replaced: tuple[int, int] | None = None) -> None:
    """What would refuse an APPEND, known before its octets come; of a REPLACE the mailbox id and UID it is for."""
    target = _target(rx, user_id, name)
    if replaced is None:
        quota.require_room(rx, target.user_id, octets)
    else:
        _require_difference(rx, user_id, target, octets, replaced)


def append(tx: Tx, user_id: int, name: str, staged: Staged, flags: FlagSet, internal_date: int | None) -> Appended:
    target = _target(tx, user_id, name)
    quota.require_room(tx, target.user_id, staged.size)
    date = tx.now_ms // 1000 if internal_date is None else internal_date
    kept = access.permitted(target.rights(user_id), flags)
    message = messages.add(tx, target.id, staged, kept, date)
    sent_copies.yield_to(tx, target, staged.detail.message_id, message.uid)
    return Appended(target.uidvalidity, message.uid, target.id)


def append_all(tx: Tx, user_id: int, name: str, new: Sequence[NewMessage]) -> AppendedAll:
    target = _target(tx, user_id, name)
    quota.require_room(tx, target.user_id, sum(each.staged.size for each in new), len(new))
    return _added(tx, user_id, target, new)


def replace(tx: Tx, source_id: int, uid: int, user_id: int, name: str, new: NewMessage) -> AppendedAll:
    """Nothing is added where the old message is gone. RFC 8508 §3.4."""
    target = _target(tx, user_id, name)
    _require_difference(tx, user_id, target, new.staged.size, (source_id, uid))
    added = _added(tx, user_id, target, [new])
    messages.remove(tx, source_id, [uid])
    return added


def _require_difference(rx: Rx, user_id: int, target: Mailbox, octets: int, replaced: tuple[int, int]) -> None:
    """Only the difference needs room, where both are in the same account."""
    source = _selected(rx, user_id, replaced[0], MOVE_AWAY)
    if source.is_outbox:
        raise CannotMailbox("Mail in the outbox can not be replaced: take it back, change it and send it again")
    freed = _octets(rx, source.id, [replaced[1]])
    if source.user_id == target.user_id:
        quota.require_room(rx, target.user_id, octets - freed, 0)
    else:
        quota.require_room(rx, target.user_id, octets)


def _added(tx: Tx, user_id: int, target: Mailbox, new: Sequence[NewMessage]) -> AppendedAll:
    now, rights = tx.now_ms // 1000, target.rights(user_id)
    arrivals = [
        (
            each.staged,
            access.permitted(rights, each.flags),
            now if each.internal_date is None else each.internal_date,
        )
        for each in new
    ]
    uids = messages.add_all(tx, target, arrivals)
    for each, uid in zip(new, uids, strict=True):
        sent_copies.yield_to(tx, target, each.staged.detail.message_id, uid)
    return AppendedAll(target.uidvalidity, tuple(uids), target.id)


def copy(tx: Tx, user_id: int, source_id: int, uids: Sequence[int], name: str, new_key: NewKey) -> Copied:
    source = _selected(tx, user_id, source_id)
    target = _target(tx, user_id, name)
    quota.require_room(tx, target.user_id, _octets(tx, source.id, uids), len(uids))
    return _copied(target, _copy(tx, user_id, source, uids, target, new_key))


def move(tx: Tx, user_id: int, source_id: int, uids: Sequence[int], name: str, new_key: NewKey) -> Copied:
    """Inside an account the files move; into another one they are linked and then removed, in the same transaction."""
    source = _selected(tx, user_id, source_id, MOVE_AWAY)
    target = _target(tx, user_id, name)
    octets = _octets(tx, source.id, uids)
    if source.user_id == target.user_id and target.rights(user_id) >= FLAGS:
        return _copied(target, messages.move(tx, source.id, uids, target.id))
    if source.user_id != target.user_id:
        quota.require_room(tx, target.user_id, octets, len(uids))
    copied = _copy(tx, user_id, source, uids, target, new_key)
    messages.remove(tx, source.id, uids)
    return _copied(target, copied)


def set_flags(
    tx: Tx, user_id: int, mailbox_id: int, uids: Sequence[int], mode: FlagMode, flags: FlagSet, since: int | None
) -> Stored:
    """Flags one has no right to stay as they are; refused only where no flag named may be changed. RFC 4314 §4"""
    mailbox = _selected(tx, user_id, mailbox_id)
    rights = mailbox.rights(user_id)
    if rights >= FLAGS:
        done = messages.set_flags(tx, mailbox_id, uids, mode, flags, since)
        if mailbox.is_outbox:
            _try_now(tx, mailbox_id, done)
        return done
    kept = access.permitted(rights, flags)
    if (flags.names and not kept.names) or rights.isdisjoint(FLAGS):
        raise access.lacks("w")
    if mode is not FlagMode.REPLACE:
        done = messages.set_flags(tx, mailbox_id, uids, mode, kept, since)
    else:
        done = _replace_permitted(tx, mailbox_id, uids, kept, rights, since)
    return dataclasses.replace(done, before=done.modseq)  # not all that was asked for: no client may take it for done


def expunge(tx: Tx, user_id: int, mailbox_id: int, uids: Sequence[int] | None) -> list[int]:
    mailbox = _selected(tx, user_id, mailbox_id, EXPUNGE)
    deleted = messages.list_deleted(tx, mailbox_id)
    if uids is not None:
        chosen = set(uids)
        deleted = [uid for uid in deleted if uid in chosen]
    if mailbox.is_outbox:
        return outbox.expunge(tx, mailbox_id, deleted)
    return messages.remove(tx, mailbox_id, deleted)


def _try_now(tx: Tx, mailbox_id: int, done: Stored) -> None:
    """In the outbox a flag is an order."""
    flagged = [uid for uid, flags in done.changed if any(flag in flags for flag in outbox.RETRY.names)]
    outbox.retry(tx, mailbox_id, flagged)


def _target(rx: Rx, user_id: int, name: str) -> Mailbox:
    target = access.require(rx, user_id, name, INSERT, NoSuchTarget)
    if target.is_outbox:
        raise CannotMailbox("Nothing can be put into the outbox: it shows what was handed in to be sent")
    return target


def _selected(rx: Rx, user_id: int, mailbox_id: int, needed: str = "") -> Mailbox:
    mailbox = mailboxes.get_by_id(rx, mailbox_id)
    access.check_selected(mailbox, user_id, needed)
    return mailbox


def _copy(
    tx: Tx, user_id: int, source: Mailbox, uids: Sequence[int], target: Mailbox, new_key: NewKey
) -> list[tuple[int, int]]:
    rights, keys = target.rights(user_id), [new_key() for _ in uids]
    if source.user_id == target.user_id and rights >= FLAGS:
        return messages.copy(tx, source.id, uids, target.id, keys)
    return across.copy(tx, source, uids, target, keys, partial(access.permitted, rights))


def _replace_permitted(
    tx: Tx, mailbox_id: int, uids: Sequence[int], kept: FlagSet, rights: Rights, since: int | None
) -> Stored:
    """One STORE for each set of flags there is: what may not be changed is part of the new set."""
    done = []
    for before, those in across.flags(tx, mailbox_id, uids).items():
        after = kept | (before - access.permitted(rights, before))
        done.append(messages.set_flags(tx, mailbox_id, those, FlagMode.REPLACE, after, since))
    return Stored(
        tuple(sorted((change for each in done for change in each.changed), key=lambda change: change[0])),
        tuple(sorted(uid for each in done for uid in each.failed)),
        max((each.modseq for each in done), default=0),
        min((each.before for each in done), default=0),
    )


def _octets(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> int:
    """Raises MessageGone unless all are there: what a client asked for is not silently less, RFC 2180 §4.4.1."""
    count, octets = mailbox_status.measure(rx, mailbox_id, uids)
    if count < len(uids):
        raise MessageGone
    return octets


def _copied(target: Mailbox, pairs: list[tuple[int, int]]) -> Copied:
    return Copied(target.uidvalidity, tuple(uid for uid, _ in pairs), tuple(uid for _, uid in pairs))
