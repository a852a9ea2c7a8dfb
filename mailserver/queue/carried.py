"""A consignment on its way, and what is known of its rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailserver.remote.consignment import Consignment
from mailserver.store.queue_record import Settled


@dataclass(slots=True, eq=False)
class Carried:
    consignment: Consignment
    known: set[int] = field(default_factory=set)  # rows whose results are written, or are being written
    unwritten: dict[int, Settled] = field(default_factory=dict)  # of those: what is not written yet
    writing: list[asyncio.Task[None]] = field(default_factory=list)  # what was known before the end

    @property
    def first(self) -> int:
        return self.consignment.entries[0].id

    def learn(self, settled: Sequence[Settled]) -> list[Settled]:
        """What is new of it; a row becomes what was known of it first."""
        new = [each for each in settled if each.entry_id not in self.known]
        self.known |= {each.entry_id for each in new}
        self.unwritten |= {each.entry_id: each for each in new}
        return new

    def written(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            del self.unwritten[each.entry_id]
