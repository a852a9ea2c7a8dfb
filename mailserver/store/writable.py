"""Whether mail could be stored now: room on the disk, a folder that takes a file, a writer that commits."""

import os
from pathlib import Path

from mailserver.errors import Unavailable
from mailserver.store.database import Tx
from mailserver.store.store import Store

PROBE = "probe"  # in the data folder, there for a moment


async def require(store: Store) -> None:
    """Raises Refusal with the reason."""
    store.require_room()
    try:
        await store.in_thread(_write, store.data / PROBE)
    except OSError as fault:
        raise Unavailable(f"The data folder can not be written: {(fault.strerror or str(fault)).lower()}") from fault
    await store.write(_nothing)


def _write(path: Path) -> None:
    try:
        with open(path, "wb") as file:
            file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _nothing(tx: Tx) -> None:
    """Waits for the writer's turn; a commit without changes costs no sync."""
