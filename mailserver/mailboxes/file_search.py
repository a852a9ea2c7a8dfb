"""Search keys that need the file: bodies, whole messages and header fields that are not stored.

The text index tells of most messages whether they match; the others are read, in threads and in small chunks.
"""

import asyncio
from collections.abc import Callable, Sequence

from mailserver.mail.message_text import MessageOctets, body_has, header_has, text_has
from mailserver.mail.search import Body, Header, Text
from mailserver.search.reading import opened
from mailserver.search.text_index import FileKey, TextIndex
from mailserver.store import content_files
from mailserver.store.content_files import Unread
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store

CHUNK = 50  # messages read from disk in one step of a thread
SEARCHES = 2  # reading at the same time: deliveries need the threads too

Progress = Callable[[int, int], None]


class FileSearch:
    def __init__(self, store: Store, texts: TextIndex | None) -> None:
        """Without `texts` everything is read."""
        self._store = store
        self._texts = texts
        self._reading = asyncio.Semaphore(SEARCHES)

    async def search(
        self, mailbox_id: int, key: FileKey, uids: Sequence[int], contents: Sequence[int], at: Progress
    ) -> list[int]:
        """Offsets into these messages, ascending, of those that match; what was removed meanwhile may match still.

        `contents`: the messages' content ids. `at` is told how far the reading got, of how many messages.
        """
        if self._texts is None:
            answers = await self._read(mailbox_id, key, uids, at)
            return [offset for offset, uid in enumerate(uids) if answers.get(uid)]
        narrowed = await self._texts.narrow(key, contents)
        found = narrowed.found
        if narrowed.unsure:
            unsure = {uid: of for uid, of in zip(uids, contents, strict=True) if of in narrowed.unsure}
            answers = await self._read(mailbox_id, key, [*unsure], at)
            read = {unsure[uid] for uid, matches in answers.items() if matches}
            self._texts.remember(key, read, {unsure[uid] for uid in answers} - read)
            found = found | read
        return [offset for offset, content in enumerate(contents) if content in found] if found else []

    async def _read(self, mailbox_id: int, key: FileKey, uids: Sequence[int], at: Progress) -> dict[int, bool]:
        answers: dict[int, bool] = {}
        for start in range(0, len(uids), CHUNK):
            async with self._reading:
                answers |= await scan(self._store, mailbox_id, uids[start : start + CHUNK], key)
            at(min(start + CHUNK, len(uids)), len(uids))
        return answers


async def scan(store: Store, mailbox_id: int, uids: Sequence[int], key: FileKey) -> dict[int, bool]:
    """By UID, whether its message matches; those that were removed meanwhile are left out."""
    known = await store.read(content_files.list_in, mailbox_id, uids)
    return await store.in_thread(_scan, store.maildir, known, key)


def _scan(maildir: Maildir, known: list[tuple[int, Unread]], key: FileKey) -> dict[int, bool]:
    answers = ((uid, _matches(maildir, unread, key)) for uid, unread in known)
    return {uid: answer for uid, answer in answers if answer is not None}


def _matches(maildir: Maildir, unread: Unread, key: FileKey) -> bool | None:
    """None where it is gone."""
    try:
        with opened(maildir, unread) as message:
            return _has(message, key)
    except FileNotFoundError:
        return None


def _has(message: MessageOctets, key: FileKey) -> bool:
    match key:
        case Header():
            return header_has(message, key.name, key.text)
        case Body():
            return body_has(message, key.text)
        case Text():
            return text_has(message, key.text)
