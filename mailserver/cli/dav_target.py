"""Where an export goes. What is there stays until there is something to put in its place."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

STDOUT = "-"


@contextlib.contextmanager
def target(file: str) -> Iterator[BinaryIO]:
    """Opened at once, while root's rights are there; written over from its start, and cut at the end."""
    if file == STDOUT:
        yield sys.stdout.buffer
        return
    was_there = os.path.lexists(file)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb") as out:
        try:
            yield out
        except BaseException:
            if not was_there:
                with contextlib.suppress(OSError):  # root's rights may be gone: an empty file stays
                    os.unlink(file)
            raise
        if os.path.isfile(file):
            out.truncate()
