"""IDLE says now and then that it is there: routers forget a connection that is silent for minutes."""

from pathlib import Path

import pytest

from mailserver.imap.commands import idle
from tests.dialogues.imap_world import World, prepare


async def test_a_long_idle_is_kept_alive_and_ends_with_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "KEEPALIVE_SECONDS", 0.02)
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        client = world.connect(0)
        await client.line()
        await client.send(b'a LOGIN ann@example.test "correct horse"\r\n')
        assert (await client.line()).startswith(b"a OK")
        await client.send(b"b IDLE\r\n")
        assert await client.line() == b"+ idling"
        for _ in range(3):
            assert await client.line() == b"* OK Still here"
        await client.send(b"DONE\r\n")
        while (line := await client.line()) == b"* OK Still here":
            pass
        assert line == b"b OK IDLE completed"
        await client.hang_up()
