"""Who wants the same thing at the same time waits for one doing of it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Doing(Generic[V]):
    task: asyncio.Task[V]
    waiting: int = 0


class Shared(Generic[K, V]):
    def __init__(self) -> None:
        self._doings: dict[K, _Doing[V]] = {}

    async def do(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The result of `work`, or of the one that is being done for this key. It ends with the last who waits."""
        doing = self._doings.get(key)
        if doing is None:
            doing = self._doings[key] = _Doing(asyncio.get_running_loop().create_task(work()))
        doing.waiting += 1
        try:
            return await asyncio.shield(doing.task)
        finally:
            doing.waiting -= 1
            if doing.waiting == 0:
                doing.task.cancel()
                if self._doings.get(key) is doing:
                    del self._doings[key]

    async def close(self) -> None:
        """End what is being done; who waits for it is cancelled."""
        tasks = [doing.task for doing in self._doings.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
