"""The fields that a message in the outbox carries above its own: what becomes of it, recipient by recipient."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail.dates import format_date
from mailserver.mail.editing import HeaderBlock, field_line

PREFIX = "X-Queue-"
MAX_RECIPIENTS = 100  # that are named
MAX_TEXT = 300  # characters of what a server said
HELP = "delete to cancel; move to Drafts to take back; flag to try delayed mail now"

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    state: str  # "waiting", "delayed", "scheduled", "held", "delivered" …
    attempts: int
    next_attempt: int | None  # epoch seconds; None where there is none to come
    error: str  # of the last attempt, "" where there was none


def status(recipients: Sequence[Recipient]) -> str:
    """Of the whole message: what is worst for those that still wait."""
    states = {recipient.state for recipient in recipients}
    return next((state for state in ("held", "delayed", "scheduled", "waiting") if state in states), "waiting")


def fields(transaction_id: str, recipients: Sequence[Recipient], expires_at: int | None) -> bytes:
    """Whole lines. `expires_at`: epoch seconds."""
    due = min((each.next_attempt for each in recipients if each.next_attempt is not None), default=None)
    error = next((each.error for each in recipients if each.error and each.next_attempt is not None), "")
    lines = [
        ("Status", status(recipients)),
        ("Id", transaction_id),
        *([("Next-Attempt", format_date(due))] if due is not None else []),
        *([("Expires", format_date(expires_at))] if expires_at is not None else []),
        *([("Last-Error", _one_line(error))] if error else []),
        *[("Recipient", _recipient(each)) for each in recipients[:MAX_RECIPIENTS]],
        *([("More", f"{more} more recipients")] if (more := len(recipients) - MAX_RECIPIENTS) > 0 else []),
        ("Help", HELP),
    ]
    return b"".join(_line(PREFIX + name, value) for name, value in lines)


def original(block: HeaderBlock, transaction_id: str, hidden: bytes) -> bytes:
    """The header as its sender wrote it: without our Received and our signatures, with its Bcc."""
    ours = transaction_id.encode()

    def is_ours(value: bytes) -> bool:
        return re.search(rb"\bid " + re.escape(ours) + rb"\b", value) is not None

    kept = block.without(
        lambda field: field.name == b"dkim-signature" or (field.name == b"received" and is_ours(field.value))
    )
    return kept.with_first([hidden] if hidden else []).render()


def _recipient(each: Recipient) -> str:
    words = [f"<{each.address}>; {each.state}"]
    if each.attempts:
        words.append(f"attempts={each.attempts}")
    if each.next_attempt is not None:
        words.append(f"next={format_date(each.next_attempt)}")
    if each.error:
        words.append(_one_line(each.error))
    return "; ".join(words)


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)[:MAX_TEXT].strip()


def _line(name: str, value: str) -> bytes:
    try:
        return field_line(name, _UNPRINTABLE.sub(" ", value))
    except ValueError:  # an address without a space to fold at
        return field_line(name, "too long to be shown")
