"""Callers that are cancelled, as sessions are whose line dropped, leave nothing open and nothing behind."""

import asyncio
import threading
from pathlib import Path

import pytest

from mailserver.store.store import Store


async def test_a_cancelled_caller_goes_when_the_thread_is_done(store: Store) -> None:
    entered, free, done = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        entered.set()
        free.wait(20)
        done.append("work")

    waiting = asyncio.create_task(store.in_thread(work))
    while not entered.is_set():
        await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.sleep(0.01)
    assert not waiting.done(), "what the thread still uses would be closed under it"
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["work"]


async def test_a_message_that_nobody_waits_for_is_not_left_staged(store: Store) -> None:
    entered, free = threading.Event(), threading.Event()
    stage = store._staging.stage_bytes

    def slowly(message: bytes) -> object:
        entered.set()
        free.wait(20)
        return stage(message)

    store._staging.stage_bytes = slowly  # type: ignore[assignment, method-assign]
    staging = asyncio.create_task(store.stage_bytes(b"Subject: x\r\n\r\n"))
    while not entered.is_set():
        await asyncio.sleep(0.001)
    staging.cancel()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await staging
    assert [file for file in Path(store.maildir.staging).iterdir() if file.is_file()] == []
