"""Addresses that our users may not write to for a while, since mail to them came back too often."""

from mailserver.errors import RecipientSuppressed
from mailserver.mail.dates import format_date
from mailserver.mail.strangers import plain
from mailserver.store import bounces, suppressions
from mailserver.store.database import Rx
from mailserver.store.suppressions import Suppression

MAX_REASON = 150  # characters of it in a reply, whose line is short


def require_none(rx: Rx, address: str, now_ms: int) -> None:
    """Raises RecipientSuppressed, which says why, until when, and how it ends."""
    found = suppressions.find(rx, bounces.as_compared(address), now_ms)
    if found is not None:
        raise RecipientSuppressed(_words(found))


def _words(found: Suppression) -> str:
    until = f" until {format_date(found.until // 1000)}" if found.until is not None else ""
    why = f"mail to it came back {found.bounce_count} times, at last with: " if found.bounce_count else ""
    reason = plain(found.reason, MAX_REASON).encode("ascii", "replace").decode("ascii")
    return f"Suppressed{until}, {why}{reason}; an operator releases it with 'mailserver bounce release ADDRESS'"
