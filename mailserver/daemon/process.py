"""What the process itself needs before it serves: files private, descriptors enough, no memory images."""

import asyncio
import gc
import os
import resource
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

UMASK = 0o077
WANTED_DESCRIPTORS = 65_536
NEEDED_DESCRIPTORS = 1024
LAG_SECONDS = 0.2  # of the event loop that is worth a line in the log
BEAT_SECONDS = 0.25

T = TypeVar("T")

_log = structlog.get_logger("daemon")


def prepare() -> None:
    os.umask(UMASK)
    _limit(resource.RLIMIT_CORE, 0)  # a memory image would hold passwords and mail
    descriptors = raise_descriptors()
    if descriptors < NEEDED_DESCRIPTORS:
        _log.warning("few file descriptors: raise LimitNOFILE", descriptors=descriptors, needed=NEEDED_DESCRIPTORS)
    if os.geteuid() == 0 and os.environ.get("NOTIFY_SOCKET"):
        _log.warning("running as root: give the unit User=mailserver and CAP_NET_BIND_SERVICE")


def raise_descriptors() -> int:
    """One for each connection and more: the soft limit up to the hard one. Returns what is there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return wanted if _limit(resource.RLIMIT_NOFILE, wanted) else soft


def _limit(which: int, soft: int) -> bool:
    try:
        resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))
    except (OSError, ValueError):  # a system call filter; then the unit has set the limits
        return False
    return True


def settle_memory() -> None:
    """Once everything is loaded: what is there now stays, and no later collection walks over it.

    Each full one would stop all sessions for some 30 milliseconds.
    """
    gc.collect()
    gc.freeze()


def run(main: Coroutine[Any, Any, T]) -> T:
    """On uvloop where it is: an idle TLS connection takes a tenth of the memory."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def watch_lag() -> None:
    """Log when the loop was held up: somebody computes or waits on it."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(BEAT_SECONDS)
        lag = time.monotonic() - before - BEAT_SECONDS
        if lag > LAG_SECONDS:
            _log.warning("event loop was blocked", milliseconds=round(lag * 1000))
