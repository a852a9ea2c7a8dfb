"""APPEND: messages from the client, straight to disk.

RFC 9051 §6.3.12, RFC 3502 (MULTIAPPEND), RFC 4469 (CATENATE), RFC 6855 §4 (UTF8), RFC 3516 (literal8), RFC 4315 §3.

Everything that can be refused is refused before "+", so that no client sends 25 MB to be told NO.
"""

from mailserver.imap.append_input import AppendInput
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.uploads import Uploads
from mailserver.imap.wire.frames import AppendStart
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.sequence import wire


def parse(r: Reader) -> Reader:
    """A command without a message literal: all its octets come from URLs. Read while it runs."""
    return r


async def run(s: Session, r: Reader) -> bytes:
    return await _append(s, AppendInput(s, r))


async def stream(s: Session, start: AppendStart) -> bytes:
    return await _append(s, AppendInput(s, start.reader, start))


async def _append(s: Session, i: AppendInput) -> bytes:
    """append = "APPEND" SP mailbox 1*append-message: all of the messages or none."""
    i.reader.sp()
    name = i.reader.mailbox()
    async with Uploads(s, name) as uploads:
        await uploads.receive(i)
        while not i.at_end():
            if not s.can(b"MULTIAPPEND"):
                raise BadSyntax("One message at a time")
            await uploads.receive(i)
        appended = await s.mailboxes.append_all(s.user_id, name, await uploads.staged())
    return b"[APPENDUID %d %b] APPEND completed" % (appended.uidvalidity, wire(appended.uids))


ROWS = {"APPEND": Row(parse, run, AUTHENTICATED, stream=stream)}
