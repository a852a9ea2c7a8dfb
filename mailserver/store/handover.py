"""The one moment in which we take responsibility: all recipients of a message, in one transaction.

    1  stage: one durable file for the mailboxes here, one for the queue, one for the sender (their headers differ)
    2  commit: message rows, queue rows, the sender's copy, delivery log
    3  the peer gets its 250

A crash before 2 leaves files that no row names, deleted at the start, and the peer sends again. From 2 on the message
is ours: files not yet in their places are put there at the start. A refusal in 2 leaves nothing behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mailserver.errors import NoSuchMailbox, OverQuota, Unavailable
from mailserver.mail.flags import EMPTY
from mailserver.store import delivery_log, mailboxes, messages, queue, quota, spool
from mailserver.store.database import Tx
from mailserver.store.delivery_log import Delivery, Outcome
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.recipients import LocalRecipient
from mailserver.store.staging import Incoming, Staged
from mailserver.store.store import Store

ACCEPTED = 250


@dataclass(frozen=True, slots=True)
class Local:
    """For mailboxes here."""

    recipients: tuple[LocalRecipient, ...]
    header: bytes
    reverse_path: str
    internal_date: int  # epoch seconds
    over_quota: bool = False  # stored in any case: a notification of ours


@dataclass(frozen=True, slots=True)
class Remote:
    """For the outbound queue."""

    recipients: tuple[QueueRecipient, ...]
    header: bytes
    outgoing: Callable[[spool.Spooled], Outgoing]


@dataclass(frozen=True, slots=True)
class Kept:
    """For the sender's own mailbox."""

    header: bytes
    file: Callable[[Tx, Staged], bool]  # False where the file is not needed after all


async def hand_over(
    store: Store,
    incoming: Incoming,
    body_at: int,
    local: Local,
    remote: Remote,
    check: Callable[[Tx], None] = lambda tx: None,
    kept: Kept | None = None,
) -> None:
    """Durable for all when it returns. `check` may refuse inside the transaction.

    Raises OverQuota where none of the mailboxes has room; where some have, all get the message: they were accepted
    at RCPT, and mail is never lost.
    """
    staged: list[Staged] = []

    def prepare() -> _Files:
        stored = spooled = copy = None
        if local.recipients:
            stored = store.stage_here(incoming, local.header, body_at)
            staged.append(stored)
        if remote.recipients:
            staged.append(store.stage_here(incoming, remote.header, body_at))
            spooled = spool.prepare(store, staged[-1])
        if kept is not None:
            copy = store.stage_here(incoming, kept.header, body_at)
            staged.append(copy)
        return _Files(stored, spooled, copy)

    try:
        unused = await store.write_prepared(
            prepare, partial(_commit, local=local, remote=remote, check=check, kept=kept)
        )
    except Unavailable:
        raise  # after an I/O error nobody knows whether the commit is on the disk: the next start sees, and cleans up
    except Exception:
        for file in staged:
            await store.unstage(file)
        raise
    if unused is not None:
        await store.unstage(unused)


@dataclass(frozen=True, slots=True)
class _Files:
    stored: Staged | None  # for the mailboxes
    spooled: spool.Spooled | None  # for the queue
    copy: Staged | None  # for the sender


def _commit(
    tx: Tx, files: _Files, local: Local, remote: Remote, check: Callable[[Tx], None], kept: Kept | None
) -> Staged | None:
    """Returns the file that nobody needed."""
    check(tx)
    stored, spooled = files.stored, files.spooled
    if stored is not None:
        if not local.over_quota and not _has_room(tx, stored, local):
            raise OverQuota
        for recipient in local.recipients:
            _put(tx, recipient, stored, local)
    if spooled is not None:
        queue.add(tx, remote.outgoing(spooled), remote.recipients)
    if kept is None or files.copy is None or kept.file(tx, files.copy):
        return None
    return files.copy


def _has_room(tx: Tx, stored: Staged, local: Local) -> bool:
    return any(quota.has_room(tx, recipient.user_id, stored.size) for recipient in local.recipients)


def _put(tx: Tx, recipient: LocalRecipient, stored: Staged, local: Local) -> None:
    try:
        inbox = mailboxes.get(tx, recipient.user_id, mailboxes.INBOX)
    except NoSuchMailbox:
        # Purged since RCPT. Asked again, RCPT gives the right answer, and the others lose nothing.
        raise Unavailable from None
    messages.add_to(tx, inbox, stored, EMPTY, local.internal_date)
    delivery_log.add(
        tx,
        Delivery(
            stored.detail.message_id or None,
            local.reverse_path,
            recipient.address,
            Outcome.DELIVERED,
            smtp_code=ACCEPTED,
        ),
    )
