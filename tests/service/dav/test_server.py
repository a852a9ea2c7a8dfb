"""The DAV application behind the real server: two writers, and a client that does not read."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.groupware import members
from mailserver.store import users
from mailserver.store.collections import Family
from mailserver.store.database import Rx
from mailserver.web.mounts import Mounts
from tests.dialogues.dav_player import EVENT
from tests.dialogues.dav_world import ANN, PASSWORD, World, prepare

LOGIN = "Basic " + base64.b64encode(f"{ANN}:{PASSWORD}".encode()).decode()
PATH = f"/dav/calendars/{ANN}/calendar/a.ics"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        yield world


def request(method: str, path: str, body: str = "", *headers: str) -> bytes:
    octets = body.replace("\n", "\r\n").encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {LOGIN}", f"Content-Length: {len(octets)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + octets


def _etag(rx: Rx) -> str:
    viewer = users.get(rx, ANN).id
    return members.get(rx, viewer, Family.CALENDARS, "calendar", "a.ics")[0].etag


async def status(world: World, octets: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(octets)
    line = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    return int(line.split()[1])


async def test_of_many_who_change_the_same_object_at_once_one_does(world: World) -> None:
    first = EVENT.replace("{uid}", "1")
    assert await status(world, request("PUT", PATH, first)) == 201
    etag = await world.store.read(_etag)
    writers = [request("PUT", PATH, first.replace("Event 1", f"By {n}"), f'If-Match: "{etag}"') for n in range(8)]
    got = await asyncio.gather(*(status(world, each) for each in writers))
    assert sorted(got) == [204] + [412] * 7


async def test_of_many_who_make_the_same_object_at_once_one_does(world: World) -> None:
    body = EVENT.replace("{uid}", "1")
    makers = [request("PUT", PATH, body.replace("Event", f"{n}"), "If-None-Match: *") for n in range(8)]
    got = await asyncio.gather(*(status(world, each) for each in makers))
    assert sorted(got) == [201] + [412] * 7


async def test_a_client_that_does_not_read_holds_no_more_than_buffers(world: World) -> None:
    """What is streamed is made as it is read: the pieces that were asked for are few, however long one waits."""
    asked = 0

    async def app(scope: object, receive: object, send) -> None:  # type: ignore[no-untyped-def]
        nonlocal asked
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2000):
            asked += 1
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    world.mounts.open("/dav", app)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
    writer.write(request("GET", "/dav/"))
    before = -1
    while asked != before:
        before = asked
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
    assert 0 < asked < 500
    writer.transport.abort()
    del reader


def test_mounts_are_the_whole_path_or_all_below_it() -> None:
    mounts = Mounts(("/dav", "/principals", "/"))
    found = {path: mounts.find(path) for path in ("/", "/dav", "/dav/", "/dav/a/b", "/david", "/principals/", "/x", "")}
    assert found == {
        "/": "/",
        "/dav": "/dav",
        "/dav/": "/dav",
        "/dav/a/b": "/dav",
        "/david": None,
        "/principals/": "/principals",
        "/x": None,
        "": None,
    }


async def test_a_closed_mount_says_when_to_come_again(world: World) -> None:
    world.mounts.close()
    assert await status(world, request("GET", "/dav/")) == 503
