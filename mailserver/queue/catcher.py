"""The demo's way out: mail for other servers is caught in a local Maildir and counts as delivered.

Nothing leaves the machine. Each message appears once for each domain it goes to, with X-Caught-Sender and
X-Caught-Recipient fields that say what the envelope was.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import structlog

from mailserver.remote.consignment import Consignment, Result, Taken, Verdict, unheard
from mailserver.store import spool
from mailserver.store.attempts import Attempt
from mailserver.store.queue import Entry
from mailserver.store.store import Store

COPY_OCTETS = 1 << 20

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_log = structlog.get_logger("queue")


class Catcher:
    """A carrier."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        """One result for each row. A full disk puts them off."""
        entries = [*consignment.entries]
        started = int(self._store.clock.now().timestamp() * 1000)
        verdict, text = Verdict.DELIVERED, "Caught by the demo"
        try:
            await self._store.in_thread(self._copy, entries)
        except FileNotFoundError:
            verdict, text = Verdict.FAILED, "The spool file is missing"
        except OSError as fault:
            verdict, text = Verdict.DEFERRED, f"Not caught: {fault.strerror}"
        _log.info("mail caught", queue_id=entries[0].id, recipients=len(entries), outcome=verdict.value)
        return [Result(entry.id, verdict, Attempt(started, 0, text=text)) for entry in entries]

    def _copy(self, entries: list[Entry]) -> None:
        """In a thread."""
        for name in ("cur", "new", "tmp"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{self._store.new_key()},{entries[0].id}"
        new = self._folder / "tmp" / name
        source = spool.open_file(self._store, entries[0].message_path)
        with os.fdopen(source, "rb") as message, new.open("xb") as caught:
            caught.write(_envelope(entries))
            while piece := message.read(COPY_OCTETS):
                caught.write(piece)
        new.rename(self._folder / "new" / name)


def _envelope(entries: list[Entry]) -> bytes:
    lines = [f"X-Caught-Sender: <{entries[0].sender}>"]
    lines += [f"X-Caught-Recipient: <{entry.recipient}>" for entry in entries]
    return "".join(_UNPRINTABLE.sub("?", line) + "\r\n" for line in lines).encode()
