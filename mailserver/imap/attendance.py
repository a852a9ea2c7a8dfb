"""While a command takes its time its client hears now and then how far it is. RFC 9585."""

import asyncio
from collections.abc import Awaitable

from mailserver.imap.progress import Progress
from mailserver.imap.wire import writer
from mailserver.serving.connection import Connection


class Attendance:
    """Of one session's commands, one after the other."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds  # between two lines
        self._progress = Progress()
        self._timer: asyncio.TimerHandle | None = None

    def at(self, done: int, goal: int) -> None:
        """How far the running command is; a new goal begins behind the one before."""
        self._progress.at(done, goal)

    async def over(self, tag: bytes, work: Awaitable[bytes]) -> bytes:
        self._progress = Progress()
        self._wait(tag)
        try:
            return await work
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _wait(self, tag: bytes) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._tell, tag)

    def _tell(self, tag: bytes) -> None:
        self._wait(tag)
        if not self._connection.behind:
            told = self._progress.wire(tag)
            self._connection.write(writer.untagged(b"OK [INPROGRESS %b] Still working" % told))
            self._connection.flush()
