"""Header fields as searchable text, from the stored raw lines: decoded once, then kept in memory for a while.

Contents never change and UIDs are not used twice: what was decoded once stays right, only memory bounds it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Generic, TypeVar

from mailserver.mail.headers import kept_covers
from mailserver.mail.message_text import field_text
from mailserver.store import details
from mailserver.store.database import Rx
from mailserver.store.details import Detail
from mailserver.store.store import Store

CHUNK = 500  # messages decoded in one step of a thread
MAX_KEPT_CHARACTERS = 16_000_000  # of all mailboxes and fields together
ENTRY_CHARACTERS = 100  # what an entry costs beside its text

T = TypeVar("T")
Decode = Callable[[Rx, int, list[int]], dict[int, T]]  # mailbox id, UIDs


def is_kept(name: str) -> bool:
    return kept_covers([name.encode("utf-8", "replace")])


class KeptFields:
    def __init__(self, store: Store) -> None:
        self._texts: _Kept[str | None] = _Kept(store)
        self._moments: _Kept[int | None] = _Kept(store)

    async def texts(self, mailbox_id: int, name: str, uids: Iterable[int]) -> Mapping[int, str | None]:
        """By UID: the field's folded text, NUL between several; None where there is no such field."""
        name = name.lower()
        return await self._texts.get((mailbox_id, name), partial(_decode_field, name=name), uids)

    async def sent(self, mailbox_id: int, uids: Iterable[int]) -> Mapping[int, int | None]:
        """By UID: the Date field as seconds in its own zone; None where there is none."""
        return await self._moments.get((mailbox_id, "date"), _decode_sent, uids)


class _Kept(Generic[T]):
    """Decoded values by UID, in one dictionary per mailbox and field; the least lately used go first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._values: OrderedDict[tuple[int, str], dict[int, T]] = OrderedDict()
        self._weights: dict[tuple[int, str], int] = {}

    async def get(self, key: tuple[int, str], decode: Decode[T], uids: Iterable[int]) -> Mapping[int, T]:
        values = self._values.setdefault(key, {})
        self._values.move_to_end(key)
        missing = [uid for uid in uids if uid not in values]
        for start in range(0, len(missing), CHUNK):
            decoded = await self._store.read(decode, key[0], missing[start : start + CHUNK])
            values.update(decoded)
            weight = sum(ENTRY_CHARACTERS + (len(value) if isinstance(value, str) else 0) for value in decoded.values())
            self._weights[key] = self._weights.get(key, 0) + weight
        self._evict(key)
        return values

    def _evict(self, used: tuple[int, str]) -> None:
        """The one in use stays, so one search may be above the bound; the next one brings it down."""
        while sum(self._weights.values()) > MAX_KEPT_CHARACTERS and next(iter(self._values)) != used:
            oldest, _ = self._values.popitem(last=False)
            self._weights.pop(oldest, None)


def _decode_field(rx: Rx, mailbox_id: int, uids: list[int], name: str) -> dict[int, str | None]:
    rows = details.read(rx, mailbox_id, uids, Detail.HEADER_FIELDS)
    return {row.uid: field_text(row.header_fields, name) for row in rows}


def _decode_sent(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, int | None]:
    rows = details.read(rx, mailbox_id, uids, Detail.SENT)
    return {row.uid: None if row.sent_at is None else row.sent_at + 60 * row.sent_zone for row in rows}
