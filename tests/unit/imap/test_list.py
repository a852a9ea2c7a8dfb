"""LIST over many names: others get their turn in between."""

import asyncio

import pytest

from mailserver.imap.commands.list import CHUNK, FEW_CHARACTERS, _matching

NAMES = [f"Folder {number}" for number in range(10 * CHUNK)]


@pytest.mark.parametrize(
    ("patterns", "turns"),
    [(["*"], 10), (["Folder 7%", "x"], 10), (["*" + "x" * 9 * FEW_CHARACTERS, "*7"], 100)],
    ids=["all", "two", "long"],
)
async def test_others_get_their_turn_while_names_are_matched(patterns: list[str], turns: int) -> None:
    had = 0

    async def other() -> None:
        nonlocal had
        while True:
            had += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(other())
        found = await _matching(NAMES, patterns)
        task.cancel()
    assert had >= turns
    endings = {pattern.strip("*%") for pattern in patterns}
    assert found
    assert all(any(ending in name for ending in endings) for name in found)
