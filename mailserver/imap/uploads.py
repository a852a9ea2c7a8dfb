"""Messages of one APPEND or REPLACE on their way to disk: checked before they are asked for, staged while more come.

    async with Uploads(s, name) as uploads:
        await uploads.receive(i)          # one message
        new = await uploads.staged()      # durable; whoever takes them answers for the files

Whatever was not handed over is removed when it ends, so a client that is refused in the middle, or leaves, leaves
nothing.
"""

import asyncio
from types import TracebackType

from mailserver.errors import BadContent, TooBig
from mailserver.imap import catenate
from mailserver.imap.append_input import AppendInput
from mailserver.imap.session import Session
from mailserver.imap.wire import append_items
from mailserver.imap.wire.append_items import AppendItem
from mailserver.imap.wire.reader import BadSyntax
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.values import NewMessage
from mailserver.store.staging import Incoming, Staged

STAGED_TOGETHER = 16  # messages that one turn of a thread writes and syncs
TOGETHER_OCTETS = 1 << 19  # of them; small ones wait for one another in memory
MAX_STAGING = 4  # such turns at once
UNCHECKED_OCTETS = 1 << 20  # of octets that come unasked, until the room is looked at again


class Uploads:
    def __init__(self, s: Session, name: str, replaces: tuple[MailboxIndex, int] | None = None) -> None:
        """`replaces`: the mailbox and the UID of the message whose room the new one takes."""
        self._s = s
        self._name = name
        self._replaces = replaces
        self._items: list[AppendItem] = []
        self._waiting: list[Incoming] = []  # whole, not staged yet
        self._tasks: list[asyncio.Task[list[Staged]]] = []
        self._octets = 0  # of all messages that are here or were asked for
        self._unchecked = UNCHECKED_OCTETS

    async def __aenter__(self) -> "Uploads":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, []
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            for staged in done if isinstance(done, list) else ():
                await self._s.around.store.unstage(staged)
        for incoming in self._waiting:
            await incoming.discard()

    async def receive(self, i: AppendInput) -> None:
        """append-message = SP [flag-list SP] [date-time SP] append-data"""
        self._items.append(append_items.parse(i.reader))
        incoming = self._s.around.store.incoming()
        self._waiting.append(incoming)
        await self._data(i, incoming)
        if not incoming.size:
            raise BadContent("The message is empty")
        waiting = sum(each.size for each in self._waiting)
        if len(self._waiting) == STAGED_TOGETHER or waiting > TOGETHER_OCTETS:
            await self._stage()

    async def staged(self) -> list[NewMessage]:
        """All of them, durable, in order."""
        if self._waiting:
            await self._stage()
        staged = [each for task in self._tasks for each in await task]
        self._tasks = []
        pairs = zip(staged, self._items, strict=True)
        return [NewMessage(each, item.flags, item.internal_date) for each, item in pairs]

    async def _stage(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._tasks.append(asyncio.create_task(self._s.around.store.stage_all(waiting), name="stage"))
        if len(self._tasks) > MAX_STAGING:
            await self._tasks[-1 - MAX_STAGING]

    # ---- the octets of one message ----

    async def _data(self, i: AppendInput, incoming: Incoming) -> None:
        """literal / literal8 / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" cat-part *(SP cat-part) ")" """
        if i.reader.accept_word(b"CATENATE"):
            self._require(b"CATENATE")
            i.reader.sp()
            await self._parts(i, incoming)
        elif i.reader.accept_word(b"UTF8"):
            await self._utf8(i, incoming)
        else:
            await self._literal(i, incoming, empty=False)

    async def _parts(self, i: AppendInput, incoming: Incoming) -> None:
        """The reader is another one behind each literal."""
        i.reader.expect(b"(")
        await self._part(i, incoming)
        while not i.reader.accept(b")"):
            i.reader.sp()
            await self._part(i, incoming)

    async def _part(self, i: AppendInput, incoming: Incoming) -> None:
        """cat-part = "TEXT" SP literal / "URL" SP astring / "UTF8" SP "(" literal8 ")", RFC 4469 §5, RFC 6855 §4"""
        match i.reader.word():
            case "TEXT":
                i.reader.sp()
                await self._literal(i, incoming)
            case "URL":
                i.reader.sp()
                await self._url(i.reader.astring(), incoming)
            case "UTF8":
                await self._utf8(i, incoming)
            case _:
                raise BadSyntax("TEXT or URL expected")

    async def _utf8(self, i: AppendInput, incoming: Incoming) -> None:
        """A message with UTF-8 in its header. RFC 6855 §4."""
        self._require(b"UTF8=ACCEPT")
        i.reader.sp()
        i.reader.expect(b"(")
        await self._literal(i, incoming)
        i.reader.expect(b")")

    async def _literal(self, i: AppendInput, incoming: Incoming, *, empty: bool = True) -> None:
        start = i.announced()
        if not start.octets and not empty:
            raise BadContent("The message is empty")
        await self._require_room(incoming, start.octets, asked=start.synchronising)
        await i.receive(incoming)

    async def _url(self, url: bytes, incoming: Incoming) -> None:
        async with catenate.opened(self._s, url) as source:
            await self._require_room(incoming, source.octets, asked=True)
            await source.copy_to(incoming)

    async def _require_room(self, incoming: Incoming, octets: int, *, asked: bool) -> None:
        """Raises TooBig, NoSuchTarget, OverQuota, MessageGone: before the octets are asked for, where they are."""
        if incoming.size + octets > self._s.around.config.max_append_octets:
            raise TooBig
        self._octets += octets
        self._unchecked += octets
        if asked or self._unchecked > UNCHECKED_OCTETS:
            self._unchecked = 0
            await self._s.mailboxes.check_append(self._s.user_id, self._name, self._octets, self._replaces)

    def _require(self, capability: bytes) -> None:
        if not self._s.can(capability):
            raise BadSyntax("Message literal expected")
