"""The copy of a submitted message in the sender's Sent: filed with the hand-over, gone when the client brings its own.

A copy that somebody touched (flags, another mailbox) has a change number beyond the one it got when it was filed, and
stays whatever happens.
"""

from mailserver.mail.flags import FlagSet
from mailserver.store import mailboxes, messages, quota, subscriptions
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.staging import Staged

SENT, SENT_USE = "Sent", "\\Sent"
SEEN = FlagSet.of(("\\Seen",))


def choice(rx: Rx, user_id: int) -> str | None:
    """What the account has chosen: "off", "on" or "dedupe"; None: what the configuration says."""
    row = rx.one("SELECT sent_copies FROM users WHERE id = ?", user_id)
    return row[0] if row else None


def file(
    tx: Tx, user_id: int, staged: Staged, transaction_id: str, internal_date: int, *, yields: bool, all_queued: bool
) -> bool:
    """Put a copy into Sent, which is made where it is missing. False where there is no need or no room for it.

    `yields`: to the client's own copy, whether that comes later or is there already. `all_queued`: nobody has the
    message yet.
    """
    sent = _sent(tx, user_id)
    if (yields and _has(tx, sent, staged.detail.message_id)) or not quota.has_room(tx, user_id, staged.size):
        return False
    message = messages.add_to(tx, sent, staged, SEEN, internal_date)
    tx.insert(
        "INSERT INTO sent_copies (message_id, transaction_id, yields, all_queued, modseq) VALUES (?, ?, ?, ?, ?)",
        message.id,
        transaction_id,
        int(yields),
        int(all_queued),
        message.modseq,
    )
    return True


def yield_to(tx: Tx, mailbox: Mailbox, message_id: str, uid: int) -> None:
    """The client has put its own copy into Sent, with this UID: ours goes, in the same transaction."""
    if mailbox.special_use == SENT_USE and message_id:
        ours = "m.mailbox_id = ? AND m.message_id = ? AND m.uid < ? AND s.yields = 1"
        _remove(tx, ours, mailbox.id, message_id, uid)


def take_back(tx: Tx, transaction_id: str) -> None:
    """All of the message was taken back before anybody had it: it was not sent."""
    _remove(tx, "s.transaction_id = ? AND s.all_queued = 1", transaction_id)


def _remove(tx: Tx, which: str, *values: int | str) -> None:
    rows = tx.all(
        f"""SELECT m.mailbox_id, m.uid FROM sent_copies s JOIN messages m ON m.id = s.message_id
            WHERE {which} AND m.modseq = s.modseq""",
        *values,
    )
    for mailbox_id, uid in rows:
        messages.remove(tx, mailbox_id, [uid])


def _has(tx: Tx, sent: Mailbox, message_id: str) -> bool:
    row = tx.one("SELECT 1 FROM messages WHERE mailbox_id = ? AND message_id = ? LIMIT 1", sent.id, message_id)
    return bool(message_id) and row is not None


def _sent(tx: Tx, user_id: int) -> Mailbox:
    """Made again where the user deleted it."""
    found = mailboxes.find_special(tx, user_id, SENT_USE) or mailboxes.find(tx, user_id, SENT)
    if found is not None:
        return found
    subscriptions.add(tx, user_id, SENT)
    return mailboxes.add(tx, user_id, SENT, SENT_USE)
