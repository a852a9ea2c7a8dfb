"""Writes down which mail hosts are slowed down or left alone, and why: `mailserver queue stats` is another process."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.store import lanes
from mailserver.store.lanes import Lane
from mailserver.store.store import Store

LOOK_SECONDS = 5.0  # how old a note may be

_log = structlog.get_logger("queue")


class LaneState(Protocol):
    """A lane as the queue shows it."""

    @property
    def host(self) -> str: ...

    @property
    def circuit(self) -> str: ...

    @property
    def pace(self) -> int: ...

    @property
    def reason(self) -> str: ...


async def note_lanes(store: Store, clock: Clock, state: Callable[[], Sequence[LaneState]]) -> None:
    """Until cancelled; what an earlier run noted goes first."""
    noted: set[Lane] | None = None
    while True:
        now = {Lane(each.host, each.circuit, each.pace, each.reason) for each in state() if each.reason}
        if now != noted:
            try:
                await store.write(lanes.replace, sorted(now, key=lambda lane: lane.host))
                noted = now
            except Refusal as fault:  # a full or failing disk now may be well the next time
                _log.warning("lanes not noted", error=fault.text)
        await clock.sleep(LOOK_SECONDS)
