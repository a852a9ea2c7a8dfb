"""A process that makes one change after another, each in a child of its own that may be killed on the way.

>  deliver /tmp/data            the name of a change and a data folder
<  ready 17 17 18 19            the child's process id and its threads
>  go
<  sent                         the other side of a queue attempt has the message
<  refused                      the change was, and is tried once more
<  done                         the change is acknowledged
<  failed                       what should not have been raised was
<  ended                        the child is gone, of itself or not
"""

import asyncio
import ctypes
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import structlog

from mailserver.errors import Refusal
from mailserver.store import disk_jobs
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.crash.changes import CHANGES, opened
from tests.fakes import FakeClock

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
            _live(change, Path(data))
        os.waitpid(child, 0)
        _say("ended")


def _live(change: str, data: Path) -> NoReturn:
    try:
        asyncio.run(_make(change, data))
    except BaseException:
        traceback.print_exc()
        _say("failed")
    finally:
        os._exit(0)


async def _make(change: str, data: Path) -> None:
    async with await opened(data, serving=False) as store:
        _say(f"ready {os.getpid()} {' '.join(map(str, await _threads(store)))}")
        _read_line()
        try:
            await CHANGES[change](store)
        except Refusal:
            _say("refused")
            assert isinstance(store.clock, FakeClock)
            await store.clock.advance(1)  # the disk is looked at again only then
            await CHANGES[change](store)
        _say("done")


async def _threads(store: Store) -> list[int]:
    """All of them, in the order in which they began, which is always the same."""
    staged = await store.stage_bytes(b"Subject: never shown\r\n\r\n")  # threads begin when they are needed
    await store.unstage(staged)
    await store.read(Rx.one, "SELECT 1")
    await store.write(lambda tx: tx.promise(disk_jobs.RemoveFiles("nobody", ())))
    await store.settle()
    return sorted(int(name) for name in os.listdir("/proc/self/task"))


def _read_line() -> str:
    """Unbuffered: parent and child share the pipe."""
    return os.read(0, LINE_OCTETS).decode().strip()


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
