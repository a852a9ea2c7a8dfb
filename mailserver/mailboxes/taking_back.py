"""Out of the outbox: to Drafts, to be written on, or to Trash; either way it is not sent.

What leaves the outbox is the message as its sender wrote it, not what the outbox shows. A client that knows no MOVE
copies first and then expunges: the copy is the same, and the expunge cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.errors import CannotMailbox, NoSuchTarget, WrongState
from mailserver.mail import outbox_fields
from mailserver.mail.editing import HeaderBlock
from mailserver.mail.flags import FlagSet
from mailserver.mailboxes import access
from mailserver.mailboxes.values import Copied, MessageGone
from mailserver.store import hidden_fields, mailboxes, messages, outbox, quota, spool
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.outbox import Shown
from mailserver.store.staging import MEMORY_OCTETS, Staged
from mailserver.store.store import Store

DRAFTS, TRASH = "\\Drafts", "\\Trash"
FLAGS = {DRAFTS: FlagSet.of(("\\Draft", "\\Seen"))}
READ = FlagSet.of(("\\Seen",))
INSERT, MOVE_AWAY = "i", "te"
BUSY = "The message is being sent at this moment: it is too late to take it back, or look again in a minute"


@dataclass(frozen=True, slots=True)
class _Leaving:
    shown: Shown
    path: str  # of its spool file
    hidden: bytes  # Bcc fields


async def take_back(
    store: Store, user_id: int, mailbox_id: int, uids: Sequence[int], name: str, *, cancel: bool
) -> Copied:
    """All or none. `cancel`: a MOVE, which only Drafts and Trash take.

    Raises NoSuchTarget, NotPermitted, CannotMailbox, OverQuota, MessageGone, WrongState.
    """
    leaving = await store.read(_look, user_id, mailbox_id, uids, name, cancel)
    staged: list[Staged] = []
    try:
        for each in leaving:
            staged.append(await _original(store, each))
        return await store.write(_commit, user_id, mailbox_id, leaving, staged, name, cancel)
    except FileNotFoundError:
        raise MessageGone from None
    except BaseException:
        for file in staged:
            await store.unstage(file)
        raise


def _look(rx: Rx, user_id: int, mailbox_id: int, uids: Sequence[int], name: str, cancel: bool) -> list[_Leaving]:
    _check(rx, user_id, mailbox_id, name, cancel)
    found = []
    for shown in outbox.list_of(rx, mailbox_id, uids):
        waiting = outbox.find_waiting(rx, shown.transaction_id)
        if waiting is None:
            raise MessageGone
        path = waiting.entries[0].message_path
        hidden = hidden_fields.get(rx, shown.transaction_id)
        found.append(_Leaving(shown, path, hidden))
    if len(found) < len(uids):
        raise MessageGone
    return found


def _check(rx: Rx, user_id: int, mailbox_id: int, name: str, cancel: bool) -> Mailbox:
    """The target, when all is allowed."""
    source = mailboxes.get_by_id(rx, mailbox_id)
    access.check_selected(source, user_id, MOVE_AWAY if cancel else "")
    target = access.require(rx, user_id, name, INSERT, NoSuchTarget)
    if target.is_outbox or (cancel and target.special_use not in {DRAFTS, TRASH}):
        raise CannotMailbox("From the outbox mail goes to Drafts, to be taken back, or to Trash")
    return target


async def _original(store: Store, leaving: _Leaving) -> Staged:
    async with store.incoming() as incoming:
        await spool.read_into(store, leaving.path, incoming)
        block = HeaderBlock.parse(incoming.head(MEMORY_OCTETS))
        header = outbox_fields.original(block, leaving.shown.transaction_id, leaving.hidden)
        return await store.stage(incoming, header, block.octets)


def _commit(
    tx: Tx,
    user_id: int,
    mailbox_id: int,
    leaving: Sequence[_Leaving],
    staged: Sequence[Staged],
    name: str,
    cancel: bool,
) -> Copied:
    target = _check(tx, user_id, mailbox_id, name, cancel)
    quota.require_room(tx, target.user_id, sum(file.size for file in staged), len(staged))
    if cancel:
        _cancel(tx, mailbox_id, leaving)
    flags = access.permitted(target.rights(user_id), FLAGS.get(target.special_use or "", READ))
    arrivals = [(file, flags, each.shown.internal_date) for each, file in zip(leaving, staged, strict=True)]
    new = messages.add_all(tx, target, arrivals)
    return Copied(target.uidvalidity, tuple(each.shown.uid for each in leaving), tuple(new))


def _cancel(tx: Tx, mailbox_id: int, leaving: Sequence[_Leaving]) -> None:
    if outbox.being_sent(tx, [each.shown for each in leaving]):
        raise WrongState(BUSY)
    for each in leaving:
        if outbox.find_waiting(tx, each.shown.transaction_id) is None:
            raise MessageGone
        outbox.cancel_transaction(tx, each.shown.transaction_id)
    messages.remove(tx, mailbox_id, [each.shown.uid for each in leaving])
