"""What was appended is what is fetched, whole and in any window: long lines, bare dots, NUL, every octet there is."""

import random
from pathlib import Path

from tests.dialogues.imap_world import Client, World, prepare

WINDOWS = 200
LETTER = b"Subject: odd\r\n\r\n" + b"x" * 5000 + b"\r\n.\r\n..\r\n" + bytes(range(256)) * 4 + b"\nbare\rends\r\n"


async def read(client: Client, until: bytes) -> bytes:
    """All that is said up to the line that is `until`."""
    lines = [await client.line()]
    while lines[-1] != until:
        lines.append(await client.line())
    return b"".join(line + b"\r\n" for line in lines)


async def test_every_window_of_a_message_is_what_was_sent(tmp_path: Path) -> None:
    chance = random.Random(20260301)
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        client = world.connect(0)
        await client.line()
        await client.send(b'a LOGIN ann@example.test "correct horse"\r\n')
        assert (await client.line()).startswith(b"a OK")
        await client.send(b"b APPEND INBOX ~{%d+}\r\n%b\r\nc EXAMINE INBOX\r\n" % (len(LETTER), LETTER))
        while not (await client.line()).startswith(b"c OK"):
            pass
        await client.send(b"d FETCH 1 (RFC822.SIZE)\r\n")
        assert await client.line() == b"* 1 FETCH (RFC822.SIZE %d)" % len(LETTER)
        assert await client.line() == b"d OK FETCH completed"
        for _ in range(WINDOWS):
            start, length = chance.randrange(len(LETTER) + 100), chance.randint(1, len(LETTER))
            window = LETTER[start : start + length]
            await client.send(b"e FETCH 1 BODY.PEEK[]<%d.%d>\r\n" % (start, length))
            wanted = b"* 1 FETCH (BODY[]<%d> {%d}\r\n%b)\r\ne OK FETCH completed\r\n" % (start, len(window), window)
            assert await read(client, b"e OK FETCH completed") == wanted
        await client.hang_up()
