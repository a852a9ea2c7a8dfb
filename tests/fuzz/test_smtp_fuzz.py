"""Octets that nobody meant well: every session ends or answers, tells nothing of its inside, and stores only wholes."""

import asyncio
import random
import re

import pytest

from mailserver.config.tree import SmtpConfig
from tests.dialogues.smtp_world import Running, running, until

PIECES = [
    b"EHLO c\r\n", b"HELO c\r\n", b"MAIL FROM:<a@b.example>\r\n", b"MAIL FROM:<>", b" SIZE=9", b" BODY=8BITMIME\r\n",
    b"RCPT TO:<ann@example.test>\r\n", b"RCPT TO:<", b"RCPT TO:<bug@example.test>\r\n", b"DATA\r\n", b"\r\n.\r\n",
    b"BDAT 5 LAST\r\n", b"BDAT 5\r\n", b"BDAT 99999\r\n", b"hello", b"RSET\r\n", b"NOOP\r\n", b"VRFY x\r\n", b"\r\n",
    b"AUTH PLAIN AGFubkBleGFtcGxlLnRlc3QAY29ycmVjdCBob3JzZQ==\r\n", b"AUTH LOGIN\r\n", b"*\r\n", b"QUIT\r\n", b"\n",
    b"\r", b"\0", b".", b"\xff\xfe", b"@", b">", b"=", b"x" * 3000, b"STARTTLS\r\n",
    b"Subject: bug\r\n", b"<", b'"', b"[",
]  # fmt: skip
REPLY = re.compile(rb"(?:[2-5][0-9][0-9][ -][ -~]*\r\n)*")
CONFIG = SmtpConfig(tarpit_seconds=0, allow_plain_auth=True, max_message_octets=100_000)
ROUNDS = 60


async def talk(world: Running, pieces: list[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    except OSError:  # the door, while we were still talking
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("face", ["mx", "submission"])
@pytest.mark.parametrize("seed", range(4))
async def test_noise_gets_replies_or_the_door(face: str, seed: int) -> None:
    chance = random.Random(seed)
    async with running(face, None, CONFIG) as world:
        for _ in range(ROUNDS):
            start = [b"EHLO c\r\n"] if chance.random() < 0.7 else []
            pieces = start + [chance.choice(PIECES) for _ in range(chance.randrange(1, 40))]
            said = await talk(world, pieces)
            assert REPLY.fullmatch(said), (pieces, said)
            assert b"secret" not in said
        await until(lambda: world.server.connections == 0)
    for _, content in world.services.accepted:
        assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
