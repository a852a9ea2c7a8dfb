"""How many recipients an account has sent to lately, and how many it and its domain may within an hour.

Kept by the minute, in the database: a restart forgets nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.errors import BadValue, SendingLimit
from mailserver.store.database import Rx, Tx

MINUTES = 60
MAX_LIMIT = 1_000_000_000  # recipients an hour
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class HourlyLimits:
    """Recipients within an hour, where account and domain say nothing themselves; 0: no limit."""

    user: int
    domain: int = 0


@dataclass(frozen=True, slots=True)
class _Limit:
    whose: str
    most: int
    used: Sequence[tuple[int, int]]  # (minute, recipients) of the last hour, the oldest first


def checked(recipients: int | None) -> int | None:
    """A limit as it may be set. Raises BadValue."""
    if recipients is not None and not 0 <= recipients <= MAX_LIMIT:
        raise BadValue(f"The limit is 0 (none) to {MAX_LIMIT} recipients an hour, not {recipients}")
    return recipients


def own_limit(rx: Rx, user_id: int) -> int | None:
    """What was set for the account itself; None: what the configuration says."""
    row = rx.one("SELECT submissions_per_hour FROM users WHERE id = ?", user_id)
    return row[0] if row else None


def domain_limit(rx: Rx, domain_id: int) -> int | None:
    """The same of a domain."""
    row = rx.one("SELECT submissions_per_hour FROM domains WHERE id = ?", domain_id)
    return row[0] if row else None


def count(rx: Rx, user_id: int, now_ms: int) -> int:
    """Recipients within the last hour."""
    return sum(recipients for _, recipients in _used(rx, "user_id = ?", user_id, now_ms))


def require(rx: Rx, user_id: int, recipients: int, limits: HourlyLimits, now_ms: int) -> None:
    """Raises SendingLimit where these are too many; it says whose limit that is and when there is room."""
    for limit in _limits(rx, user_id, limits, now_ms):
        if limit.most and sum(each for _, each in limit.used) + recipients > limit.most:
            raise SendingLimit(_why(limit, recipients))


def add(tx: Tx, user_id: int, recipients: int, limits: HourlyLimits) -> None:
    """Raises SendingLimit where these are too many, and counts none of them."""
    require(tx, user_id, recipients, limits, tx.now_ms)
    minute = tx.now_ms // _MINUTE_MS
    tx.run("DELETE FROM submissions WHERE user_id = ? AND minute <= ?", user_id, minute - MINUTES)
    tx.run(
        """INSERT INTO submissions (user_id, minute, recipients) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET recipients = recipients + excluded.recipients""",
        user_id,
        minute,
        recipients,
    )


def _limits(rx: Rx, user_id: int, limits: HourlyLimits, now_ms: int) -> list[_Limit]:
    row = rx.one(
        """SELECT u.username || '@' || d.name, coalesce(u.submissions_per_hour, ?), d.name,
               coalesce(d.submissions_per_hour, ?), d.id FROM users u JOIN domains d ON d.id = u.domain_id
           WHERE u.id = ?""",
        limits.user,
        limits.domain,
        user_id,
    )
    if row is None:
        return []
    address, user_most, domain, domain_most, domain_id = row
    found = [_Limit(address, user_most, _used(rx, "user_id = ?", user_id, now_ms))]
    if domain_most:
        whose = "user_id IN (SELECT id FROM users WHERE domain_id = ?)"
        found.append(_Limit(f"all of {domain}", domain_most, _used(rx, whose, domain_id, now_ms)))
    return found


def _used(rx: Rx, whose: str, value: int, now_ms: int) -> list[tuple[int, int]]:
    rows = rx.all(
        f"SELECT minute, sum(recipients) FROM submissions WHERE {whose} AND minute > ? GROUP BY minute ORDER BY minute",
        value,
        now_ms // _MINUTE_MS - MINUTES,
    )
    return [(minute, recipients) for minute, recipients in rows]


def _why(limit: _Limit, recipients: int) -> str:
    rule = f"{limit.whose} may send to {limit.most} recipients an hour"
    if recipients > limit.most:
        return f"Too many recipients: {rule}; send to fewer at once"
    left = sum(each for _, each in limit.used)
    for minute, each in limit.used:
        left -= each
        if left + recipients <= limit.most:
            free = datetime.fromtimestamp((minute + MINUTES) * 60, UTC)
            return f"Too many recipients: {rule}; try again at {free:%H:%M} UTC"
    return f"Too many recipients: {rule}"
