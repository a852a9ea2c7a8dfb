"""IDLE: news as it happens, until DONE. RFC 2177."""

import asyncio

from mailserver.imap import contexts
from mailserver.imap.intake import Ending
from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire.reader import BadSyntax

KEEPALIVE_SECONDS = 240.0  # home routers forget a silent connection after five minutes


async def run(s: Session, _: None) -> bytes:
    """What happens in one turn of the loop is told together, after the client has read what came before."""
    s.telling.news(expunge=True)
    await contexts.tell(s)
    deaf = s.view.index.listen(s.connection.wake) if s.view is not None else _nothing
    try:
        line = await _until_line(s)
    finally:
        deaf()
    if line.strip().upper() != b"DONE":
        raise BadSyntax("DONE expected")
    return b"IDLE completed"


async def _until_line(s: Session) -> bytes:
    now = asyncio.get_running_loop().time
    prompt: bytes | None = b"idling"
    end = now() + s.around.config.idle_seconds
    keepalive = now() + KEEPALIVE_SECONDS
    while True:
        line = await s.intake.line_or_news(prompt, max(min(end, keepalive) - now(), 0.0))
        if line is not None:
            return line
        prompt = None
        s.telling.news(expunge=True)
        await contexts.tell(s)
        await s.telling.watched(expunge=True)
        if now() >= end:
            raise Ending(b"[UNAVAILABLE] Idle for too long")
        if now() >= keepalive:
            s.untagged(b"OK Still here")
            keepalive = now() + KEEPALIVE_SECONDS


def _nothing() -> None:
    """Without a mailbox there are no news."""


ROWS = {"IDLE": Row(no_arguments, run, AUTHENTICATED, capability=b"IDLE")}
