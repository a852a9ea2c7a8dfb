"""Spool files: messages of the outbound queue, named by the SHA-256 of their content. See store/queue.py."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mailserver.store import disk_jobs
from mailserver.store.database import Tx
from mailserver.store.maildir import OPEN_FLAGS
from mailserver.store.staging import Incoming, Staged
from mailserver.store.store import Store

HASH_OCTETS = 1 << 20  # read at once
READ_OCTETS = 1 << 20  # the same, of a file that is read into an incoming message
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Spooled:
    """A staged file on its way to the spool."""

    staged: Staged
    name: str  # SHA-256 of the content, hexadecimal


def prepare(store: Store, staged: Staged) -> Spooled:
    """Name a staged file for the queue; queue.add puts it there. In a thread."""
    return Spooled(staged, _sha256(store.maildir.staging / staged.key))


def open_file(store: Store, name: str) -> int:
    """A file descriptor for reading; in a thread. Raises FileNotFoundError, also for a name that is none of ours."""
    if not is_spool_name(name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return os.open(store.maildir.spool / name, OPEN_FLAGS)


async def read_into(store: Store, name: str, incoming: Incoming) -> None:
    """The whole file, as if it came in anew. Raises FileNotFoundError, and what Incoming.write raises."""
    with os.fdopen(await store.in_thread(open_file, store, name), "rb") as file:
        while piece := await store.in_thread(file.read, READ_OCTETS):
            await incoming.write(piece)


def unspool(tx: Tx, paths: Iterable[str]) -> None:
    """Remove the spool files among these that no live row needs any more."""
    names = sorted({path for path in paths if is_spool_name(path)})
    if not names:
        return
    for [path] in tx.all(
        """SELECT value FROM json_each(?) WHERE NOT EXISTS (
               SELECT 1 FROM outbound_queue WHERE message_path = value AND ended_at IS NULL)""",
        json.dumps(names),
    ):
        tx.promise(disk_jobs.Unspool(path))


def is_spool_name(path: str) -> bool:
    """Whether a row's message_path is one of ours: anything else never leads to a file."""
    return _NAME.fullmatch(path) is not None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASH_OCTETS):
            digest.update(piece)
    return digest.hexdigest()
