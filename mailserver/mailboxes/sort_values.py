"""What messages are sorted and threaded by, kept in memory by UID: contents never change, so only memory bounds it."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from mailserver.mail import envelope_names
from mailserver.mail.casemap import fold
from mailserver.mail.envelope_names import Field
from mailserver.mail.sorting import Criterion, Value
from mailserver.mail.subjects import is_reply_or_forward
from mailserver.mail.threading import Letter
from mailserver.store import sort_columns
from mailserver.store.database import Rx
from mailserver.store.store import Store

CHUNK = 1000  # messages decoded in one step of a thread
MAX_KEPT = 1_000_000  # values of all mailboxes together, about 120 octets each

T = TypeVar("T")
Decode = Callable[[Rx, int, list[int]], dict[int, T]]  # mailbox id, UIDs


class Kept(Generic[T]):
    """Values by UID, one dictionary for each mailbox and kind; the least lately used go first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._values: OrderedDict[tuple[int, str], dict[int, T]] = OrderedDict()

    async def get(self, mailbox_id: int, kind: str, decode: Decode[T], uids: Iterable[int]) -> Mapping[int, T]:
        """At least of these UIDs, but of those that are gone."""
        values = self._values.setdefault((mailbox_id, kind), {})
        self._values.move_to_end((mailbox_id, kind))
        missing = [uid for uid in uids if uid not in values]
        for start in range(0, len(missing), CHUNK):
            values |= await self._store.read(decode, mailbox_id, missing[start : start + CHUNK])
        if missing:
            self._evict()
        return values

    def _evict(self) -> None:
        """What is in use stays, as the last one."""
        total = sum(map(len, self._values.values()))
        while total > MAX_KEPT and len(self._values) > 1:
            total -= len(self._values.popitem(last=False)[1])


def sent(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, Value]:
    return {row[0]: row[1] for row in sort_columns.sent(rx, mailbox_id, uids)}


def subjects(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, Value]:
    return {uid: fold(subject) for uid, subject in sort_columns.subjects(rx, mailbox_id, uids)}


def _sorted_as(field: Field) -> Decode[Value]:
    def decode(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, Value]:
        rows = sort_columns.envelopes(rx, mailbox_id, uids)
        return {uid: envelope_names.first(envelope, field).sorted_as for uid, envelope in rows}

    return decode


def _displayed_as(field: Field) -> Decode[Value]:
    def decode(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, Value]:
        rows = sort_columns.envelopes(rx, mailbox_id, uids)
        return {uid: envelope_names.first(envelope, field).displayed_as for uid, envelope in rows}

    return decode


STORED: dict[Criterion, Decode[Value]] = {
    Criterion.DATE: sent,
    Criterion.SUBJECT: subjects,
    Criterion.FROM: _sorted_as(Field.FROM),
    Criterion.TO: _sorted_as(Field.TO),
    Criterion.CC: _sorted_as(Field.CC),
    Criterion.DISPLAYFROM: _displayed_as(Field.FROM),
    Criterion.DISPLAYTO: _displayed_as(Field.TO),
}


def letters(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, Letter]:
    return {row[0]: _letter(*row) for row in sort_columns.relations(rx, mailbox_id, uids)}


def _letter(
    uid: int,
    message_id: str | None,
    references: str | None,
    in_reply_to: str | None,
    subject: str | None,
    base: str | None,
    sent: int,
    arrived: int,
) -> Letter:
    """In-Reply-To counts where there are no References, RFC 5256 §3."""
    ancestors = tuple(references.split(" ")) if references else (in_reply_to,) if in_reply_to else ()
    is_reply = bool(subject) and subject != base and is_reply_or_forward(subject or "")
    return Letter(uid, message_id or "", ancestors, fold(base or ""), is_reply, sent, arrived)
