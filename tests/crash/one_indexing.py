"""Brings the text index of a data folder up to date and kills itself on the way, in the middle of whatever it does.

    python -m tests.crash.one_indexing DATA STATEMENT

STATEMENT: the number of the index's SQL statement that is not reached any more, those inside of full text search
among them; 0: none. Prints how many there were.
"""

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.search import indexer
from mailserver.search.text_index import TextIndex
from mailserver.store import word_index
from mailserver.store.store import Store

BATCH = 7


def count_statements(last: int) -> "itertools.count[int]":
    """From now on those of every connection to an index."""
    connect, counter = word_index._connection, itertools.count(1)

    def traced(path: Path) -> Any:
        connection = connect(path)

        def meet(statement: str) -> None:
            if next(counter) == last:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(meet)
        return connection

    word_index._connection = traced
    return counter


async def main(data: Path, last: int) -> None:
    indexer.BATCH = BATCH
    async with await Store.open(data, SystemClock(), config=StoreConfig()) as store:
        counter = count_statements(last)
        texts = await TextIndex.open(store, store.clock, follow=False)
        await texts.indexer.check()
        await texts.indexer.settle()
        await texts.close()
        print(next(counter) - 1)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
