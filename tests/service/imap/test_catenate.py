"""CATENATE and BINARY against the octets themselves: whatever is put together is what its pieces are, joined."""

import asyncio
import base64
import random
import re
from pathlib import Path

from tests.dialogues.imap_world import ADDRESS, PASSWORD, Client, World, prepare

SOURCES, MESSAGES, PARTS = 4, 60, 6


async def answer(client: Client, command: bytes) -> bytes:
    """All octets up to the tagged line, which must be OK."""
    await client.send(b"t " + command + b"\r\n")
    lines = []
    while not (line := await client.line()).startswith(b"t "):
        lines.append(line)
    assert line.startswith(b"t OK"), line
    return b"\r\n".join([*lines, line])


async def octets(client: Client, uid: int, item: bytes) -> bytes:
    text = await answer(client, b"UID FETCH %d (%b)" % (uid, item))
    found = re.search(rb"\{(\d+)\}\r\n", text)
    assert found is not None, text[:200]
    return text[found.end() : found.end() + int(found[1])]


async def logged_in(world: World) -> Client:
    client = world.connect(0)
    await client.line()
    await answer(client, f'LOGIN {ADDRESS} "{PASSWORD}"'.encode())
    return client


async def put(client: Client, mailbox: bytes, message: bytes) -> int:
    done = await answer(client, b"APPEND %b ~{%d+}\r\n%b" % (mailbox, len(message), message))
    return int(done.split(b"]")[0].split()[-1])


def source(chance: random.Random) -> tuple[bytes, dict[bytes, bytes]]:
    """A message, and its sections by name."""
    head = b"Subject: %d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" % chance.randrange(10**6)
    first, second = chance.randbytes(chance.randrange(3000)).hex().encode(), base64.encodebytes(chance.randbytes(900))
    second = second.replace(b"\n", b"\r\n")
    mime = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    text = b"--b\r\n\r\n%b\r\n--b\r\n%b%b\r\n--b--\r\n" % (first, mime, second)
    return head + text, {b"": head + text, b"HEADER": head, b"TEXT": text, b"1": first, b"2": second, b"2.MIME": mime}


async def test_a_catenated_message_is_its_parts_joined(tmp_path: Path) -> None:
    chance = random.Random(4469)
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        client = await logged_in(world)
        sources = []
        for _ in range(SOURCES):
            message, sections = source(chance)
            sources.append((await put(client, b"INBOX", message), sections))
        await answer(client, b"SELECT Archive")
        for _ in range(MESSAGES):
            parts, wanted = zip(*[part(chance, sources) for _ in range(chance.randint(1, PARTS))], strict=True)
            done = await answer(client, b"APPEND Archive CATENATE (%b)" % b" ".join(parts))
            uid = int(done.split(b"]")[0].split()[-1])
            assert await octets(client, uid, b"BODY.PEEK[]") == b"".join(wanted)
        await client.hang_up()


def part(chance: random.Random, sources: list[tuple[int, dict[bytes, bytes]]]) -> tuple[bytes, bytes]:
    """One cat-part, and the octets it stands for; never none, an empty message is refused."""
    if chance.random() < 0.4:
        text = b"x" + chance.randbytes(chance.randrange(200)).replace(b"\0", b"")
        return b"TEXT {%d+}\r\n%b" % (len(text), text), text
    uid, sections = chance.choice(sources)
    name = chance.choice(sorted(sections))
    url, wanted = b"/INBOX/;UID=%d" % uid + (b"/;SECTION=" + name if name else b""), sections[name]
    if chance.random() < 0.5 and wanted:
        start, length = chance.randrange(len(wanted)), chance.randint(1, 500)
        url, wanted = url + b"/;PARTIAL=%d.%d" % (start, length), wanted[start : start + length]
    if not wanted:
        return b"TEXT {1+}\r\n.", b"."
    literal = chance.random() < 0.3
    return b"URL " + (b"{%d+}\r\n%b" % (len(url), url) if literal else b'"%b"' % url), wanted


async def test_a_binary_part_is_what_was_encoded(tmp_path: Path) -> None:
    chance = random.Random(3516)
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        client = await logged_in(world)
        await answer(client, b"SELECT INBOX")
        for _ in range(20):
            raw = chance.randbytes(chance.randrange(400_000))
            encoded = base64.encodebytes(raw).replace(b"\n", b"\r\n")
            head = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            uid = await put(client, b"INBOX", head + encoded)
            assert await octets(client, uid, b"BINARY.PEEK[1]") == raw
            size = await answer(client, b"UID FETCH %d BINARY.SIZE[1]" % uid)
            assert b"BINARY.SIZE[1] %d)" % len(raw) in size
            start, length = chance.randrange(len(raw) + 10), chance.randint(1, len(raw) + 10)
            assert await octets(client, uid, b"BINARY.PEEK[1]<%d.%d>" % (start, length)) == raw[start:][:length]
        await client.hang_up()


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        client = await logged_in(world)
        small, large = b"Subject: s\r\n\r\n", b"Subject: l\r\n\r\n" + b"x" * 600_000
        await client.send(b"t APPEND INBOX" + b" {%d+}\r\n%b" % (len(small), small) * 40)
        await client.send(b" {%d+}\r\n%b" % (len(large), large[:500_000]))
        await client.hang_up()
        async with asyncio.timeout(10):
            while [*world.store.maildir.staging.iterdir()]:
                await asyncio.sleep(0.01)
        assert (await world.mailboxes.status(world.user_id, "INBOX")).messages == 0
