"""Octets that nobody meant well: every session answers or ends, and without a QUIT nothing is deleted."""

import asyncio
import random
import re
from pathlib import Path

import pytest

from tests.dialogues.imap_player import Scene
from tests.dialogues.imap_world import Client, prepare
from tests.dialogues.pop3_player import Pop3Player

PIECES = [
    b"USER ann@example.test\r\n", b"PASS correct horse\r\n", b"PASS wrong\r\n", b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n",
    b"AUTH PLAIN AGFubkBleGFtcGxlLnRlc3QAY29ycmVjdCBob3JzZQ==\r\n", b"*\r\n", b"=\r\n", b"CAPA\r\n", b"STLS\r\n",
    b"UTF8\r\n", b"STAT\r\n", b"LIST\r\n", b"LIST 2\r\n", b"UIDL\r\n", b"UIDL 9\r\n", b"RETR 1\r\n", b"RETR 0\r\n",
    b"TOP 1 0\r\n", b"TOP 2 99999\r\n", b"DELE 1\r\n", b"DELE 2\r\n", b"RSET\r\n", b"NOOP\r\n", b"\r\n", b"\n", b"\r",
    b"\0", b".", b"\xff\xfe", b" ", b"-1", b"x" * 300, b"x" * 13_000, b"QUI", b"RETR ", b"18446744073709551616",
    b"QUIT x\r\n",
]  # fmt: skip
# Status lines, and what multi-line replies are made of: capabilities, numbers, the message, the end.
REPLY = re.compile(rb"(?:(?:\+OK|-ERR)(?: [ -~]*)?|\+ [A-Za-z0-9+/=]*|\.|[A-Z][ -~]*|[0-9]+ [0-9.]+|body [0-9]+|)\r\n")
ROUNDS = 25


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("prepared") / "data"
    asyncio.run(prepare(data))
    return data


class Noise(Pop3Player):
    """A player whose scene is chance."""

    chance = random.Random(0)

    async def _play(self, scene: Scene) -> None:
        await self._world.deliver("INBOX", 3)
        for round_ in range(ROUNDS):
            pieces = [self.chance.choice(PIECES) for _ in range(self.chance.randrange(1, 40))]
            if self.chance.random() < 0.7:
                pieces = [b"USER ann@example.test\r\nPASS correct horse\r\n", *pieces]
            said = await self._talk(str(round_), pieces)
            assert all(REPLY.fullmatch(line) for line in said), (pieces, said)
            status = await self._world.mailboxes.status(self._world.user_id, "INBOX")
            assert status.messages == 3, pieces
            assert len(self._around.maildrops) == 0, pieces

    async def _talk(self, who: str, pieces: list[bytes]) -> list[bytes]:
        """What the server said until it hung up or had no more to say."""
        self._fresh = True
        client: Client = await self._client(who)
        for piece in pieces:
            if not client._pipe.is_closing():
                await client.send(piece)
        for _ in range(200):
            await asyncio.sleep(0)
        await client.hang_up()
        return client.rest().splitlines(keepends=True)


@pytest.mark.parametrize("seed", range(6))
async def test_noise_gets_replies_or_the_door_and_deletes_nothing(seed: int, prepared: Path, tmp_path: Path) -> None:
    player = Noise(prepared, tmp_path / "data", [1, 7, 0][seed % 3])
    player.chance = random.Random(seed)
    await player.play(Scene("noise", 0))
