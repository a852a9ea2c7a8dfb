"""Who is told of what: from a row and what became of it to a line of a notification, or to none. RFC 3461 §4.1, §5.2.

    event                NOTIFY           line of the notification
    bounce, expire       FAILURE or none  failed
    warn                 DELAY or none    delayed
    relay                SUCCESS          relayed: the next hop will not tell
    deliver, here        SUCCESS          delivered, or expanded
    deliver, elsewhere   any              none: the next hop was given the wishes, and tells itself

NEVER stands for none of them, and mail of the null reverse-path is itself a notification: nobody is told of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.mail import reports
from mailserver.mail.reports import Action, RecipientStatus
from mailserver.store.queue import Entry
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event

UNKNOWN = {"5": "5.0.0", "4": "4.0.0"}  # class → status, where nobody said more
EXPIRED = "4.4.7"  # delivery time expired, RFC 3463 §3.5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Rule:
    action: Action
    wish: str  # of NOTIFY
    by_default: bool  # without NOTIFY


RULES: Mapping[Event, _Rule] = {
    Event.BOUNCE: _Rule(Action.FAILED, "FAILURE", True),
    Event.EXPIRE: _Rule(Action.FAILED, "FAILURE", True),
    Event.WARN: _Rule(Action.DELAYED, "DELAY", True),
    Event.RELAY: _Rule(Action.RELAYED, "SUCCESS", False),
}
# Of mail that waited in the queue for an address of ours: by the status that says what it stands for. An address for
# one elsewhere is not here: the wish went on with the message.
HERE: Mapping[str, _Rule] = {
    reports.HERE: _Rule(Action.DELIVERED, "SUCCESS", False),
    reports.EXPANDED_HERE: _Rule(Action.EXPANDED, "SUCCESS", False),
}


def line_for(entry: Entry, settled: Settled, hostname: str) -> RecipientStatus | None:
    """What the sender is told of this row; None: nothing. `hostname`: ours."""
    attempt = settled.attempt
    rule = RULES.get(settled.event)
    if settled.event is Event.DELIVER and attempt is not None and attempt.host == hostname:
        rule = HERE.get(attempt.status or "")
    if rule is None or not entry.sender or not _wished(rule, entry.notify):
        return None
    return RecipientStatus(
        recipient=entry.recipient,
        action=rule.action,
        status=status_of(entry, settled),
        orcpt=entry.orcpt,
        remote_mta=attempt.host if attempt else None,
        diagnostic="" if rule.action in _GOOD else reason_of(entry, settled),
        is_reply=attempt is not None and attempt.code is not None,
        last_attempt=attempt.started_at // 1000 if attempt else epoch_of(entry.last_attempt),
        retry_until=entry.expires_at // 1000 if entry.expires_at is not None else None,
    )


_GOOD = frozenset({Action.RELAYED, Action.DELIVERED, Action.EXPANDED})


def _wished(rule: _Rule, notify: str | None) -> bool:
    return rule.by_default if notify is None else rule.wish in notify.split(",")


def status_of(entry: Entry, settled: Settled) -> str:
    """The enhanced status code, RFC 3463; its class fits what became of the row."""
    if settled.event in {Event.RELAY, Event.DELIVER}:
        return "2.0.0"
    if settled.event is Event.EXPIRE:
        return EXPIRED
    kind = "5" if settled.event is Event.BOUNCE else "4"
    said = settled.attempt.status if settled.attempt else entry.last_status
    return said if said and said.startswith(kind) else UNKNOWN[kind]


def reason_of(entry: Entry, settled: Settled) -> str:
    """What the server said with its code, or what went wrong."""
    attempt = settled.attempt
    text = settled.text or (attempt.text if attempt else "") or entry.last_error or ""
    if attempt is None or attempt.code is None or text.startswith(str(attempt.code)):
        return text
    status = f" {attempt.status}" if attempt.status and attempt.status not in text else ""
    return f"{attempt.code}{status} {text}"


def epoch_of(moment: str | None) -> int | None:
    """Seconds of a time column."""
    if moment is None:
        return None
    return int((datetime.fromisoformat(moment).replace(tzinfo=UTC) - EPOCH).total_seconds())
