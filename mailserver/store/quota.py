"""How much room an account has: octets, and messages by number.

used_bytes is kept exact by triggers on messages, the number of messages by the counts of mailboxes. What an outbox
shows is the queue's and counts nowhere.
"""

from dataclasses import dataclass

from mailserver.errors import NoSuchUser, OverQuota
from mailserver.store.database import Rx, Tx


@dataclass(frozen=True, slots=True)
class Quota:
    used_octets: int
    limit_octets: int | None  # None: no limit
    messages: int
    limit_messages: int | None = None  # None: no limit

    def has_room(self, octets: int, messages: int = 1) -> bool:
        return (self.limit_octets is None or self.used_octets + octets <= self.limit_octets) and (
            self.limit_messages is None or self.messages + messages <= self.limit_messages
        )


_MESSAGES = "(SELECT coalesce(sum(b.message_count), 0) FROM mailboxes b WHERE b.user_id = u.id AND b.is_outbox = 0)"


def get(rx: Rx, user_id: int) -> Quota:
    row = rx.one(
        f"SELECT u.used_bytes, u.quota_bytes, {_MESSAGES}, u.quota_messages FROM users u WHERE u.id = ?", user_id
    )
    if row is None:
        raise NoSuchUser
    return Quota(row[0], row[1] or None, row[2], row[3] or None)


def has_room(rx: Rx, user_id: int, octets: int, messages: int = 1) -> bool:
    row = rx.one(
        f"""SELECT (NOT coalesce(u.quota_bytes, 0) OR u.used_bytes + ? <= u.quota_bytes)
                AND (NOT u.quota_messages OR {_MESSAGES} + ? <= u.quota_messages) FROM users u WHERE u.id = ?""",
        octets,
        messages,
        user_id,
    )
    return row is not None and bool(row[0])


def require_room(rx: Rx, user_id: int, octets: int, messages: int = 1) -> None:
    """Raises OverQuota, which says what limit is in the way: some have two."""
    if not has_room(rx, user_id, octets, messages):
        raise OverQuota(_in_the_way(get(rx, user_id), octets))


def _in_the_way(quota: Quota, octets: int) -> str:
    if quota.limit_octets is not None and quota.used_octets + octets > quota.limit_octets:
        return f"The mailbox is full: the account may hold {quota.limit_octets:,} octets"
    return f"The mailbox is full: the account may hold {quota.limit_messages:,} messages"


def recount(tx: Tx, user_id: int) -> int:
    """Set used_bytes to what the rows add up to; returns the difference found, which ought to be 0.

    What the mailboxes count is set right with it.
    """
    row = tx.one(
        """SELECT u.used_bytes, (SELECT coalesce(sum(m.size), 0) FROM messages m
               WHERE m.mailbox_id IN (SELECT id FROM mailboxes WHERE user_id = u.id AND is_outbox = 0))
           FROM users u WHERE u.id = ?""",
        user_id,
    )
    if row is None:
        raise NoSuchUser
    used, counted = row
    if used != counted:
        tx.run("UPDATE users SET used_bytes = ? WHERE id = ?", counted, user_id)
    tx.run(
        """UPDATE mailboxes SET (message_count, octets) =
               (SELECT count(*), coalesce(sum(size), 0) FROM messages WHERE mailbox_id = mailboxes.id)
           WHERE user_id = ?""",
        user_id,
    )
    return int(counted - used)


def miscounted(rx: Rx, user_id: int) -> list[str]:
    """Folders of mailboxes whose counts are not those of their messages; ought to be none."""
    rows = rx.all(
        """SELECT b.directory FROM mailboxes b WHERE b.user_id = ? AND (b.message_count, b.octets) IS NOT
               (SELECT count(*), coalesce(sum(size), 0) FROM messages WHERE mailbox_id = b.id) ORDER BY 1""",
        user_id,
    )
    return [row[0] for row in rows]
