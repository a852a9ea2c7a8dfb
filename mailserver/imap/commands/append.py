"""APPEND: a message from the client, straight to disk. RFC 9051 §6.3.12, RFC 4315 §3.

Everything that can be refused is refused before "+", so that no client sends 25 MB to be told NO.
"""

from mailserver.errors import BadContent, NoSuchTarget, OverQuota
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import append_items, writer
from mailserver.imap.wire.frames import AppendStart, Command, LiteralChunk
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.store.staging import Staged


def parse(_r: Reader) -> None:
    """A message comes as an AppendStart; whatever else is called APPEND has none."""
    raise BadSyntax("Message literal expected")


async def run(_s: Session, _: None) -> bytes:
    raise BadSyntax("Message literal expected")


async def stream(s: Session, start: AppendStart) -> bytes:
    """append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal"""
    r = start.reader
    r.sp()
    name = r.mailbox()
    item = append_items.parse(r)
    await _check(s, name, start.octets)
    if start.synchronising:
        s.write(writer.continuation(b"OK"))
    staged = await _take(s)
    appended = await s.mailboxes.append(s.user_id, name, staged, item.flags, item.internal_date)
    return b"[APPENDUID %d %d] APPEND completed" % (appended.uidvalidity, appended.uid)


async def _check(s: Session, name: str, octets: int) -> None:
    if await s.mailboxes.find(s.user_id, name) is None:
        raise NoSuchTarget
    if not octets:
        raise BadContent("The message is empty")
    if not (await s.mailboxes.quota(s.user_id)).has_room(octets):
        raise OverQuota


async def _take(s: Session) -> Staged:
    """The message's octets, made durable once the command ended as it should."""
    async with s.around.store.incoming() as incoming:
        while True:
            chunk = await s.next_piece()
            if not isinstance(chunk, LiteralChunk):
                raise BadSyntax("Message expected")
            await incoming.write(chunk.data)
            if chunk.last:
                break
        tail = await s.next_piece()
        if not isinstance(tail, Command):
            raise BadSyntax("One message at a time")
        tail.reader.end()
        return await s.around.store.stage(incoming)


ROWS = {"APPEND": Row(parse, run, AUTHENTICATED, stream=stream)}
