"""How much room an account has. used_bytes is kept exact by triggers on messages."""

from dataclasses import dataclass

from mailserver.errors import NoSuchUser, OverQuota
from mailserver.store.database import Rx, Tx


@dataclass(frozen=True, slots=True)
class Quota:
    used_octets: int
    limit_octets: int | None  # None: no limit
    messages: int

    def has_room(self, octets: int) -> bool:
        return self.limit_octets is None or self.used_octets + octets <= self.limit_octets


def get(rx: Rx, user_id: int) -> Quota:
    row = rx.one("SELECT used_bytes, quota_bytes FROM users WHERE id = ?", user_id)
    if row is None:
        raise NoSuchUser
    count = rx.one(
        "SELECT count(*) FROM messages WHERE mailbox_id IN (SELECT id FROM mailboxes WHERE user_id = ?)", user_id
    )
    return Quota(row[0], row[1] or None, count[0] if count else 0)


def has_room(rx: Rx, user_id: int, octets: int) -> bool:
    row = rx.one("SELECT used_bytes, quota_bytes FROM users WHERE id = ?", user_id)
    return row is not None and (not row[1] or row[0] + octets <= row[1])


def require_room(rx: Rx, user_id: int, octets: int) -> None:
    if not has_room(rx, user_id, octets):
        raise OverQuota


def recount(tx: Tx, user_id: int) -> int:
    """Set used_bytes to what the rows add up to; returns the difference found, which ought to be 0."""
    row = tx.one(
        """SELECT u.used_bytes, (SELECT coalesce(sum(m.size), 0) FROM messages m
               WHERE m.mailbox_id IN (SELECT id FROM mailboxes WHERE user_id = u.id)) FROM users u WHERE u.id = ?""",
        user_id,
    )
    if row is None:
        raise NoSuchUser
    used, counted = row
    if used != counted:
        tx.run("UPDATE users SET used_bytes = ? WHERE id = ?", counted, user_id)
    return int(counted - used)
