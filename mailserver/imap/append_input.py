"""What a client sends of APPEND and REPLACE, read from left to right: text, a message's octets, text again."""

from mailserver.imap.session import Session
from mailserver.imap.wire import writer
from mailserver.imap.wire.frames import AppendStart, Command, LiteralChunk
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.store.staging import Incoming


class AppendInput:
    def __init__(self, s: Session, reader: Reader, start: AppendStart | None = None) -> None:
        self.reader = reader  # of the text up to the next message's octets, or to the end of the command
        self._s = s
        self._start = start  # the literal behind that text

    def at_end(self) -> bool:
        """Of the whole command."""
        return self._start is None and self.reader.at_end()

    def announced(self) -> AppendStart:
        """The message literal that must come here; its octets were not asked for yet. Raises BadSyntax."""
        self.reader.end()
        if self._start is None:
            raise BadSyntax("Message literal expected")
        return self._start

    async def receive(self, incoming: Incoming) -> None:
        """The octets of the literal that was announced; then stands before the text behind it."""
        if self.announced().synchronising:
            self._s.write(writer.continuation(b"OK"))
        while True:
            chunk = await self._s.intake.piece()
            if not isinstance(chunk, LiteralChunk):
                raise BadSyntax("Message expected")
            await incoming.write(chunk.data)
            if chunk.last:
                break
        await self._next_text()

    async def _next_text(self) -> None:
        item = await self._s.intake.piece()
        match item:
            case AppendStart():
                self._start, self.reader = item, item.reader
            case Command():
                self._start, self.reader = None, item.reader
            case _:
                raise BadSyntax("Message or end of the command expected")
