"""A copy of the database in one file, taken while others read and write."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite


def path_of(connection: Any) -> Path | None:
    """The connection's file; None for a database in memory."""
    name = next(row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
    return Path(name) if name else None


def take(source: Path, target: Path) -> None:
    """Write what is committed in `source` to `target`, durable when this returns, for its owner's eyes only.

    The caller may hold the write lock: this reads through a connection of its own. A crash leaves a `.part`, never
    half a target. Raises sqlite.DatabaseError, OSError.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite.connect(str(source))) as original, closing(sqlite.connect(str(part))) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # synced once, below
            original.backup(copy)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
