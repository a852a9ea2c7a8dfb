"""Search keys that need the file: bodies, whole messages and header fields that are not stored."""

import os
from collections.abc import Sequence
from functools import partial

from mailserver.mail.message_text import MessageOctets, body_has, header_has, text_has
from mailserver.mail.search import Body, Header, Text
from mailserver.store import details, messages
from mailserver.store.database import Rx
from mailserver.store.details import Detail, StoredDetail
from mailserver.store.maildir import Maildir
from mailserver.store.messages import Location
from mailserver.store.store import Store

FileKey = Header | Body | Text
Known = tuple[StoredDetail, Location]


async def scan(store: Store, mailbox_id: int, uids: Sequence[int], key: FileKey) -> set[int]:
    """The UIDs among these whose messages match; what was removed meanwhile does not."""
    known = await store.read(_known, mailbox_id, uids)
    return await store.in_thread(_scan, store.maildir, known, key)


def _known(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> list[Known]:
    found = (
        (row, messages.locate(rx, mailbox_id, row.uid)) for row in details.read(rx, mailbox_id, uids, Detail.PARTS)
    )
    return [(row, location) for row, location in found if location is not None]


def _scan(maildir: Maildir, known: list[Known], key: FileKey) -> set[int]:
    return {row.uid for row, location in known if _matches(maildir, row, location, key)}


def _matches(maildir: Maildir, row: StoredDetail, location: Location, key: FileKey) -> bool:
    try:
        fd = maildir.open(location.folder, location.key, location.letters)
    except FileNotFoundError:
        return False
    try:
        message = MessageOctets(partial(_read, fd), row.header_octets, row.parts)
        match key:
            case Header():
                return header_has(message, key.name, key.text)
            case Body():
                return body_has(message, key.text)
            case Text():
                return text_has(message, key.text)
    finally:
        os.close(fd)


def _read(fd: int, start: int, end: int) -> bytes:
    return os.pread(fd, max(0, end - start), start)
