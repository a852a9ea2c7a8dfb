"""Thirty megabytes in, put together and decoded, by a server that holds no more than pieces of them."""

import asyncio
import base64
import re
from collections.abc import Awaitable
from pathlib import Path

from tests.clients import ImapClient
from tests.daemon import Demo, running_demo

OCTETS = 24_000_000  # of the attachment; 33 MB as base64
GROWTH_OCTETS = 16_000_000  # of the server's memory
PIECE = 1 << 20
HEAD = b"Subject: big\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"


async def growth(demo: Demo, work: Awaitable[None]) -> int:
    """How many octets the server had more while this went on."""
    before = peak = demo.rss_octets()
    task = asyncio.ensure_future(work)
    while not task.done():
        peak = max(peak, demo.rss_octets())
        await asyncio.sleep(0.005)
    await task
    return peak - before


async def tagged(client: ImapClient, tag: bytes) -> bytes:
    while not (line := await client.line()).startswith(tag + b" "):
        pass
    assert line.startswith(tag + b" OK"), line
    return line


async def append(client: ImapClient, body: bytes) -> None:
    """base64 lines, encoded as they go."""
    line = 57 * 1000
    encoded = sum(-(-len(body[at : at + line]) // 57) * 2 + -(-len(body[at : at + line]) // 3) * 4
                  for at in range(0, len(body), line))  # fmt: skip
    client.writer.write(b"a APPEND Large ~{%d+}\r\n%b" % (len(HEAD) + encoded, HEAD))
    for at in range(0, len(body), line):
        client.writer.write(base64.encodebytes(body[at : at + line]).replace(b"\n", b"\r\n")[: line * 2])
        await client.writer.drain()
    client.writer.write(b"\r\n")
    await tagged(client, b"a")


async def fetch(client: ImapClient, body: bytes) -> None:
    """The decoded part, compared piece by piece."""
    client.writer.write(b"b FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])\r\n")
    head = await client.reader.readline()
    assert re.fullmatch(rb"\* 1 FETCH \(BINARY\.SIZE\[1\] %d BINARY\[1\] ~\{%d\}\r\n" % (len(body), len(body)), head)
    for at in range(0, len(body), PIECE):
        piece = body[at : at + PIECE]
        assert await client.reader.readexactly(len(piece)) == piece
    await tagged(client, b"b")


async def catenate(client: ImapClient) -> None:
    client.writer.write(b"c REPLACE 1 Large CATENATE (URL /;UID=1/;SECTION=HEADER URL /;UID=1/;SECTION=1)\r\n")
    await tagged(client, b"c")


def test_large_messages_are_never_held(tmp_path: Path) -> None:
    body = bytes(range(256)) * (OCTETS // 256)
    with running_demo(tmp_path / "var", "--relaxed", "--plain-auth") as demo:
        asyncio.run(walk(demo, body))


async def walk(demo: Demo, body: bytes) -> None:
    user = demo.users[1]
    async with await ImapClient.login(demo.port("imap"), user.email, user.password) as client:
        client.reader._limit = PIECE  # type: ignore[attr-defined]
        await client.command("CREATE Large")
        await client.command("SELECT Large")
        assert await growth(demo, append(client, body)) < GROWTH_OCTETS
        await client.command("NOOP")
        assert await growth(demo, fetch(client, body)) < GROWTH_OCTETS
        assert await growth(demo, catenate(client)) < GROWTH_OCTETS
        assert await growth(demo, fetch(client, body)) < GROWTH_OCTETS
