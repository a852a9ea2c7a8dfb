"""One message's octets on their way to the store.

Whatever goes wrong on the way is kept until the client has sent everything: octets that are not read as content
would be read as commands (RFC 3030 §2, RFC 5321 §4.2.5).
"""

from mailserver.errors import BadContent, TooBig
from mailserver.smtp.services import Incoming
from mailserver.smtp.wire.line_ends import LineEnds
from mailserver.store.database import as_refusal

ENDLESS_FACTOR = 2  # a message this many times too big is no longer read to its end


class BareLineEnd(BadContent):
    """Another server might see the end of the message there: SMTP smuggling, CVE-2023-51764."""

    smtp, text = "550 5.6.11", "A bare CR or LF in the message; lines end with CRLF"


class EndlessMessage(TooBig):
    """So far beyond the limit that reading on would only cost."""


class Content:
    def __init__(self, incoming: Incoming, limit: int, normalise: bool) -> None:
        self.incoming = incoming
        self.octets = 0  # received, dots unstuffed, whether kept or not
        self._limit = limit
        self._normalise = normalise
        self._line_ends = LineEnds(normalise)
        self._fault: Exception | None = None

    async def write(self, piece: bytes) -> None:
        """Keep a piece, or only count it once something went wrong. Raises EndlessMessage and nothing else."""
        self.octets += len(piece)
        if self.octets > self._limit:
            self._fault = self._fault or TooBig()
            if self.octets > ENDLESS_FACTOR * self._limit:
                raise EndlessMessage
        await self._keep(self._line_ends.feed(piece))

    async def finish(self) -> None:
        """All of it has come. Raises the first thing that went wrong."""
        await self._keep(self._line_ends.finish())
        self.check()

    def check(self) -> None:
        """Raises what went wrong so far."""
        if self._fault is not None:
            raise self._fault

    async def discard(self) -> None:
        await self.incoming.discard()

    async def _keep(self, piece: bytes) -> None:
        if self._line_ends.improper and not self._normalise:
            self._fault = self._fault or BareLineEnd()
        if not piece or self._fault is not None:
            return
        try:
            await self.incoming.write(piece)
        except OSError as fault:
            self._fault = as_refusal(fault)
        except Exception as fault:
            self._fault = fault
