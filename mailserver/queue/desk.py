"""Where what became of rows is written down: all that waits at a moment in one go.

While one transaction is on its way to the disk the results that come in wait together for the next one. A statement for
fifty rows costs little more than one for a single row, above all in turns of the interpreter's lock.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store import queue_taken
from mailserver.store.queue_record import Settled
from mailserver.store.store import Store

MAX_ROWS = 200  # in one transaction, or as many as one consignment has


@dataclass(frozen=True, slots=True)
class _Paper:
    worker: str
    settled: Sequence[Settled]
    done: "asyncio.Future[None]"


class Desk:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Paper] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, worker: str, settled: Sequence[Settled]) -> None:
        """Durable when this returns. Raises Refusal; then nothing of this was written."""
        paper = _Paper(worker, settled, asyncio.get_running_loop().create_future())
        self._waiting.append(paper)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="results")
        await paper.done

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._write_some(self._taken())
        finally:
            self._writing = None

    def _taken(self) -> list[_Paper]:
        """Of one worker, in their order."""
        rows = 0
        for count, paper in enumerate(self._waiting):
            rows += len(paper.settled)
            if count and (rows > MAX_ROWS or paper.worker != self._waiting[0].worker):
                break
        else:
            count = len(self._waiting)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _write_some(self, papers: Sequence[_Paper]) -> None:
        settled = [each for paper in papers for each in paper.settled]
        try:
            await self._store.write(queue_taken.record, papers[0].worker, settled)
        except Exception as fault:  # the root of everybody's wait: each hears of it, or tries alone
            if len(papers) == 1:
                _answer(papers[0], fault)
                return
            for paper in papers:  # what one of them can not have the others need not miss
                await self._write_some([paper])
        else:
            for paper in papers:
                _answer(paper, None)


def _answer(paper: _Paper, fault: Exception | None) -> None:
    if paper.done.done():  # whoever waited was cancelled; it is written all the same
        return
    if fault is None:
        paper.done.set_result(None)
    else:
        paper.done.set_exception(fault)
