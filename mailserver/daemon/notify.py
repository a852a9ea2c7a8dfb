"""What systemd wants to know of a service of Type=notify; without systemd nothing happens. sd_notify(3)"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping

BEATS_PER_TIMEOUT = 3  # of the watchdog


class Notifier:
    def __init__(self, environ: Mapping[str, str]) -> None:
        """Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._beat_seconds = _watchdog_seconds(environ) / BEATS_PER_TIMEOUT
        self._beating: asyncio.Task[None] | None = None

    def ready(self, status: str) -> None:
        """All listeners accept. From now on the loop itself feeds the watchdog: a blocked one starves it."""
        self._send("READY=1", f"STATUS={status}")
        if self._beat_seconds and self._beating is None:
            self._beating = asyncio.create_task(self._beat(), name="watchdog")

    def reloading(self) -> None:
        """To be followed by ready()."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    async def stopping(self) -> None:
        self._send("STOPPING=1")
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None

    async def _beat(self) -> None:
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._beat_seconds)

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),  # whoever asked for it is gone
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.sendto("\n".join(lines).encode(), self._address)


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """0 where nobody watches this process."""
    microseconds, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdigit()) or pid not in {"", str(os.getpid())}:
        return 0.0
    return int(microseconds) / 1_000_000
