"""Stored columns of many messages, in chunks, so that neither memory nor the loop is held for long."""

from collections.abc import AsyncIterator, Sequence

from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.values import Detail, StoredDetail
from mailserver.store import details
from mailserver.store.store import Store

CHUNK = 1024  # messages read at once


async def stored_details(
    store: Store, index: MailboxIndex, uids: Sequence[int], columns: Detail
) -> AsyncIterator[list[StoredDetail]]:
    for start in range(0, len(uids), CHUNK):
        yield await store.read(details.read, index.mailbox.id, uids[start : start + CHUNK], columns)
