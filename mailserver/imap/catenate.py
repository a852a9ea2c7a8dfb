"""The octets a URL of CATENATE stands for: a message of this account, or a part of it, as FETCH BODY has it. RFC 4469.

\\Seen stays as it is, and what is copied is not converted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mailserver.errors import BadUrl, NoSuchMailbox, NotPermitted
from mailserver.imap import fetch_sections
from mailserver.imap.fetch_sections import PIECE_OCTETS
from mailserver.imap.session import Session
from mailserver.imap.wire import message_url
from mailserver.imap.wire.fetch_items import BodySection
from mailserver.imap.wire.message_url import MessageUrl
from mailserver.imap.wire.reader import BadSyntax
from mailserver.mail.sections import Window
from mailserver.mailboxes.files import MessageFile
from mailserver.mailboxes.values import MessageGone
from mailserver.store.staging import Incoming


@dataclass(frozen=True, slots=True)
class Source:
    file: MessageFile
    found: bytes | Window

    @property
    def octets(self) -> int:
        return len(self.found) if isinstance(self.found, bytes) else self.found[1] - self.found[0]

    async def copy_to(self, incoming: Incoming) -> None:
        if isinstance(self.found, bytes):
            await incoming.write(self.found)
            return
        start, end = self.found
        for at in range(start, end, PIECE_OCTETS):
            await incoming.write(await self.file.read(at, min(end - at, PIECE_OCTETS)))


@asynccontextmanager
async def opened(s: Session, url: bytes) -> AsyncIterator[Source]:
    """Raises BadUrl."""
    spoken = message_url.spoken(url)
    try:
        meant = message_url.parse(url)
        file, parts = await s.mailboxes.open_by_name(s.user_id, _mailbox(s, meant), meant.uid, meant.uidvalidity)
    except BadSyntax as fault:
        raise BadUrl(spoken, fault.text) from fault
    except (NoSuchMailbox, NotPermitted) as fault:
        raise BadUrl(spoken, fault.text) from fault
    except MessageGone as fault:
        raise BadUrl(spoken, "No such message") from fault
    try:
        item = BodySection(meant.section, True, meant.partial)
        found = await fetch_sections.locate(file, item, parts)
        if found is None:
            raise BadUrl(spoken, "No such part of the message")
        yield Source(file, found)
    finally:
        file.close()


def _mailbox(s: Session, url: MessageUrl) -> str | int:
    if url.mailbox:
        return url.mailbox
    if s.view is None:
        raise NoSuchMailbox
    return s.view.index.mailbox.id
