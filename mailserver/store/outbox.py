"""A user's outbox: a mailbox that shows what of the user's mail waits to leave, one message for each transaction.

The queue is the truth. Messages here are made from it and gone with it; the user's orders (expunge: cancel, a flag:
try now) go to the queue in the transaction that carries them out, so that a crash leaves neither side alone.
"""

import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.mail.flags import FlagSet
from mailserver.store import mailboxes, messages, queue_orders, sent_copies, subscriptions
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.queue import COLUMNS, Entry, entry_of
from mailserver.store.queue_states import ENDED, State
from mailserver.store.staging import Staged

CANCELLED = "Cancelled by the sender"
RETRY = FlagSet.of(("\\Flagged", "$Retry"))  # any of them tries a message now
SEEN = FlagSet.of(("\\Seen",))
MAX_WAITING = 1000  # messages of each user that are shown

# Rows of users that wait; of those that have just come nobody needs to know yet.
_WORTH_SHOWING = "attempts > 0 OR not_before IS NOT NULL OR held_at IS NOT NULL OR created_at <= ?"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One submitted message, some of whose recipients still wait."""

    transaction_id: str
    user_id: int
    entries: tuple[Entry, ...]  # all of them, those that have ended too


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of an outbox."""

    transaction_id: str
    state: str  # what of the queue it shows
    mailbox_id: int
    uid: int
    user_id: int
    internal_date: int  # epoch seconds


def list_waiting(rx: Rx, created_before: str) -> builtins.list[str]:
    """Transactions to be shown, the oldest first; those created later (UTC) only where there is more to say."""
    rows = rx.all(
        f"""SELECT transaction_id FROM (
                SELECT transaction_id, min(id) AS first_id,
                    row_number() OVER (PARTITION BY user_id ORDER BY min(id)) AS place
                FROM outbound_queue INDEXED BY idx_queue_expiry
                WHERE ended_at IS NULL AND user_id IS NOT NULL AND transaction_id IS NOT NULL AND ({_WORTH_SHOWING})
                GROUP BY user_id, transaction_id)
            WHERE place <= ? ORDER BY first_id""",
        created_before,
        MAX_WAITING,
    )
    return [transaction_id for (transaction_id,) in rows]


def next_created(rx: Rx, created_after: str) -> str | None:
    """When the oldest row came that is too young to be shown, UTC."""
    row = rx.one(
        """SELECT min(created_at) FROM outbound_queue INDEXED BY idx_queue_expiry
           WHERE ended_at IS NULL AND user_id IS NOT NULL AND transaction_id IS NOT NULL AND created_at > ?""",
        created_after,
    )
    return row[0] if row else None


def find_waiting(rx: Rx, transaction_id: str) -> Waiting | None:
    """None where nobody waits for it any more."""
    rows = rx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue
            WHERE transaction_id = ? AND user_id IS NOT NULL ORDER BY id""",
        transaction_id,
    )
    entries = tuple(map(entry_of, rows))
    owner = next((entry.user_id for entry in entries if entry.state not in ENDED), None)
    return None if owner is None else Waiting(transaction_id, owner, entries)


def list_shown(rx: Rx) -> builtins.list[Shown]:
    rows = rx.all(f"{_SHOWN} ORDER BY m.id")
    return [Shown(*row) for row in rows]


def find_mailbox(rx: Rx, user_id: int) -> Mailbox | None:
    row = rx.one("SELECT id FROM mailboxes WHERE user_id = ? AND is_outbox = 1", user_id)
    return mailboxes.get_by_id(rx, row[0]) if row else None


def list_mailboxes(rx: Rx) -> builtins.list[Mailbox]:
    return [mailboxes.get_by_id(rx, row[0]) for row in rx.all("SELECT id FROM mailboxes WHERE is_outbox = 1")]


def make_mailbox(tx: Tx, user_id: int, name: str) -> Mailbox:
    """The user's outbox, subscribed; where the user has a mailbox of that name himself, another one."""
    found = find_mailbox(tx, user_id)
    if found is not None:
        return found
    free = next(each for each in _names(name) if mailboxes.find(tx, user_id, each) is None)
    made = mailboxes.add(tx, user_id, free)
    tx.run("UPDATE mailboxes SET is_outbox = 1 WHERE id = ?", made.id)
    subscriptions.add(tx, user_id, free)
    return mailboxes.get_by_id(tx, made.id)


def remove_mailbox(tx: Tx, mailbox: Mailbox) -> None:
    """With all it shows; the queue goes on."""
    subscriptions.remove(tx, mailbox.user_id, mailbox.name)
    mailboxes.remove(tx, mailbox.user_id, mailbox.name)


def show(tx: Tx, waiting: Waiting, state: str, staged: Staged, name: str, internal_date: int) -> None:
    """Put the message into the outbox, in the place of the one that showed an earlier state."""
    mailbox = make_mailbox(tx, waiting.user_id, name)
    before = _find_shown(tx, waiting.transaction_id)
    flags = SEEN
    if before is not None:
        flags = flags | (_flags(tx, before) - RETRY)
        messages.remove(tx, before.mailbox_id, [before.uid])
    message = messages.add_to(tx, mailbox, staged, flags, internal_date)
    tx.insert(
        "INSERT INTO outbox_messages (message_id, transaction_id, state) VALUES (?, ?, ?)",
        message.id,
        waiting.transaction_id,
        state,
    )


def hide(tx: Tx, transaction_id: str) -> None:
    """It has left, or will not leave."""
    shown = _find_shown(tx, transaction_id)
    if shown is not None:
        messages.remove(tx, shown.mailbox_id, [shown.uid])


def cancel_transaction(tx: Tx, transaction_id: str, reason: str = CANCELLED) -> None:
    """For all that still wait. Raises WrongState while one of them is being sent."""
    waiting = find_waiting(tx, transaction_id)
    if waiting is not None:
        queue_orders.cancel(tx, [entry.id for entry in waiting.entries if entry.state not in ENDED], reason)
    settle_copy(tx, transaction_id)


def settle_copy(tx: Tx, transaction_id: str) -> None:
    """Where all of it was taken back, nothing was sent: the copy in Sent goes. Without any row nobody knows."""
    row = tx.one(
        "SELECT min(ended_as IS ?) FROM outbound_queue WHERE transaction_id = ?", State.CANCELLED, transaction_id
    )
    if row == (1,):
        sent_copies.take_back(tx, transaction_id)


def being_sent(rx: Rx, shown: Iterable[Shown]) -> builtins.list[Shown]:
    """Those of which a recipient's delivery is under way."""
    return [each for each in shown if (found := find_waiting(rx, each.transaction_id)) and _is_sending(found.entries)]


def expunge(tx: Tx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[int]:
    """Cancel and remove; returns the UIDs that went. What is being sent at this moment stays."""
    shown = {each.uid: each for each in list_of(tx, mailbox_id, uids)}
    busy = {each.uid for each in being_sent(tx, shown.values())}
    gone = [uid for uid in uids if uid not in busy]
    for uid in gone:
        if uid in shown:
            cancel_transaction(tx, shown[uid].transaction_id)
    return messages.remove(tx, mailbox_id, gone)


def retry(tx: Tx, mailbox_id: int, uids: Sequence[int]) -> None:
    """Due now, where something was put off; what the sender scheduled keeps its time, what is held stays so."""
    for shown in list_of(tx, mailbox_id, uids):
        waiting = find_waiting(tx, shown.transaction_id)
        entries = waiting.entries if waiting is not None else ()
        queue_orders.retry(tx, [entry.id for entry in entries if _may_be_retried(entry, tx.now_ms)])


def list_of(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[Shown]:
    """The messages of these UIDs, by uid; one that somebody put into the folder by hand shows nothing."""
    wanted = set(uids)
    rows = rx.all(f"{_SHOWN} WHERE m.mailbox_id = ? ORDER BY m.uid", mailbox_id)
    return [shown for row in rows if (shown := Shown(*row)).uid in wanted]


_SHOWN = """SELECT o.transaction_id, o.state, m.mailbox_id, m.uid, b.user_id,
    unixepoch(m.internal_date) FROM outbox_messages o
    JOIN messages m ON m.id = o.message_id JOIN mailboxes b ON b.id = m.mailbox_id"""


def _find_shown(rx: Rx, transaction_id: str) -> Shown | None:
    row = rx.one(f"{_SHOWN} WHERE o.transaction_id = ?", transaction_id)
    return Shown(*row) if row else None


def _flags(rx: Rx, shown: Shown) -> FlagSet:
    row = rx.one("SELECT flags FROM messages WHERE mailbox_id = ? AND uid = ?", shown.mailbox_id, shown.uid)
    return FlagSet.from_text(row[0]) if row else SEEN


def _is_sending(entries: Sequence[Entry]) -> bool:
    return any(entry.state is State.SENDING for entry in entries)


def _may_be_retried(entry: Entry, now_ms: int) -> bool:
    return entry.state is State.PENDING and (entry.not_before or 0) <= now_ms


def _names(name: str) -> Iterable[str]:
    yield name
    number = 2
    while True:
        yield f"{name} {number}"
        number += 1
