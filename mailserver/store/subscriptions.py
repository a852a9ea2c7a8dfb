"""The names a user subscribed to, RFC 3501 §6.3.6: they may name mailboxes that do not exist."""

import builtins

from mailserver.store.database import Rx, Tx
from mailserver.store.events import SubscriptionsChanged


def list(rx: Rx, user_id: int) -> builtins.list[str]:
    rows = rx.all("SELECT mailbox_name FROM subscriptions WHERE user_id = ? ORDER BY mailbox_name", user_id)
    return [row[0] for row in rows]


def add(tx: Tx, user_id: int, name: str) -> None:
    tx.run("INSERT OR IGNORE INTO subscriptions (user_id, mailbox_name) VALUES (?, ?)", user_id, name)
    tx.tell(SubscriptionsChanged(user_id))


def remove(tx: Tx, user_id: int, name: str) -> None:
    tx.run("DELETE FROM subscriptions WHERE user_id = ? AND mailbox_name = ?", user_id, name)
    tx.tell(SubscriptionsChanged(user_id))
