"""Time as an argument: what waits or dates takes a Clock, so that tests move it and nothing needs patching."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall clock, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; for intervals and deadlines."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real one; made in daemon.py and the CLI only."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
