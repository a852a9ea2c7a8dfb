"""The demo's end of the outbound queue: mail for the outside is caught in a local Maildir and marked as sent.

Nothing leaves the machine. Each message appears once in the folder, whoever its recipients are, with
X-Caught-Sender and X-Caught-Recipient fields that say what the envelope was.
"""

import asyncio
import os
import re
from itertools import groupby
from pathlib import Path

import structlog

from mailserver.errors import Refusal
from mailserver.queue.outbound import OutboundQueue
from mailserver.store import spool
from mailserver.store.events import Event, ForeignCommit, QueueChanged
from mailserver.store.queue import Entry, Status
from mailserver.store.store import Store

CLAIM = 100  # rows at once
COPY_OCTETS = 1 << 20

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_log = structlog.get_logger("queue")


class Catcher:
    def __init__(self, store: Store, queue: OutboundQueue, folder: Path) -> None:
        self._store = store
        self._queue = queue
        self._folder = folder
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take what waits already, then whatever comes, as soon as it comes."""
        for name in ("cur", "new", "tmp"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._queue.recover()
        self._unsubscribe = self._store.subscribe(self._hear)
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="catcher")

    async def stop(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._unsubscribe()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _hear(self, event: Event) -> None:
        if isinstance(event, QueueChanged | ForeignCommit):
            self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                while entries := await self._queue.claim(CLAIM):
                    for _, same in groupby(sorted(entries, key=_message), key=_message):
                        await self._catch([*same])
            except (Refusal, OSError) as fault:  # the next change of the queue tries again
                _log.error("mail not caught", error=str(fault))

    async def _catch(self, entries: list[Entry]) -> None:
        try:
            await self._store.in_thread(self._copy, entries)
        except FileNotFoundError:
            await self._queue.finish(entries, Status.FAILED, "the spool file is missing")
            return
        await self._queue.finish(entries, Status.SENT)
        _log.info("mail caught", queue_id=entries[0].id, recipients=len(entries), folder=str(self._folder))

    def _copy(self, entries: list[Entry]) -> None:
        """In a thread."""
        name = f"{self._store.new_key()},{entries[0].id}"
        new = self._folder / "tmp" / name
        source = spool.open_file(self._store, entries[0].message_path)
        with os.fdopen(source, "rb") as message, new.open("xb") as caught:
            caught.write(_envelope(entries))
            while piece := message.read(COPY_OCTETS):
                caught.write(piece)
        new.rename(self._folder / "new" / name)


def _message(entry: Entry) -> tuple[str, str]:
    return entry.message_path, entry.sender


def _envelope(entries: list[Entry]) -> bytes:
    lines = [f"X-Caught-Sender: <{entries[0].sender}>"]
    lines += [f"X-Caught-Recipient: <{entry.recipient}>" for entry in entries]
    return "".join(_UNPRINTABLE.sub("?", line) + "\r\n" for line in lines).encode()
