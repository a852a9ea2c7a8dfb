"""A process that makes one change after another, each in a child of its own that may be killed on the way.

    >  deliver /tmp/data            the name of a change and a data folder
    <  ready 17 17 18 19            the child's process id and its threads: loop, files, writer
    >  go
    <  refused                      the change was, and is tried once more
    <  done                         the change is acknowledged
    <  ended                        the child is gone, of itself or not
"""

import asyncio
import ctypes
import logging
import os
import sys
import threading
from pathlib import Path

import structlog

from mailserver.errors import Refusal
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.crash.changes import CHANGES, opened

PR_SET_PTRACER = 0x59616D61
ANYBODY = ctypes.c_ulong(-1)
LINE_OCTETS = 4096


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # stdout is taken
    while line := _read_line():
        change, data = line.split(" ", 1)
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)  # the tracer is no ancestor
            asyncio.run(_make(change, Path(data)))
            os._exit(0)
        os.waitpid(child, 0)
        _say("ended")


async def _make(change: str, data: Path) -> None:
    async with await opened(data, serving=False) as store:
        _say(f"ready {os.getpid()} {' '.join(map(str, await _threads(store)))}")
        _read_line()
        try:
            await CHANGES[change](store)
        except Refusal:
            _say("refused")
            await CHANGES[change](store)
        _say("done")


async def _threads(store: Store) -> list[int]:
    here = threading.get_native_id()
    files = await store.in_thread(threading.get_native_id)
    await store.read(Rx.one, "SELECT 1")
    return [here, files, await store.exclusively(lambda _: threading.get_native_id())]


def _read_line() -> str:
    """Unbuffered: parent and child share the pipe."""
    return os.read(0, LINE_OCTETS).decode().strip()


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
