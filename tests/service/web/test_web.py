"""HTTP beside the mail ports: health, readiness in words, metrics for who may see them; nothing a stranger can hold."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import ListenerConfig, TlsMode, WebConfig
from mailserver.daemon.web import read_token
from mailserver.errors import BadValue
from mailserver.metrics import Metrics
from mailserver.web.app import application
from mailserver.web.server import WebServer

CONFIG = WebConfig(max_connections=20)
TOKEN = "a token that nobody guesses".replace(" ", "-")


@dataclass
class Shown:
    """A condition that the test sets."""

    reasons: list[str] = field(default_factory=list)
    depth: int | None = 3

    async def obstacles(self) -> Sequence[str]:
        return self.reasons

    async def keys_missing(self) -> int | None:
        return 1

    async def queue_depth(self) -> int | None:
        return self.depth

    def uptime_seconds(self) -> float:
        return 12.5


@dataclass
class World:
    shown: Shown
    metrics: Metrics
    server: WebServer
    port: int
    token: str | None = None

    async def get(self, path: str, **headers: str) -> "Answer":
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return await self.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]))

    async def send(self, request: str) -> "Answer":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request.encode())
        try:
            return Answer.of(await asyncio.wait_for(reader.read(), 10))
        finally:
            writer.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @staticmethod
    def of(octets: bytes) -> "Answer":
        head, _, body = octets.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), {name.lower(): value for name, value in fields.items()}, body)


async def serve(check_seconds: float = 10.0) -> World:
    shown, metrics = Shown(), Metrics()
    world: World
    app = application(shown, metrics, lambda: world.token)
    server = WebServer(app, CONFIG, SystemClock(), metrics, check_seconds=check_seconds)
    [listener] = await server.start(ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",)))
    world = World(shown, metrics, server, listener.sockets[0].getsockname()[1])
    return world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = await serve()
    yield world
    await world.server.stop(1)


@pytest.mark.parametrize("path", ["/health", "/healthz"])
async def test_it_is_alive_while_it_answers_whatever_it_can_not_do(world: World, path: str) -> None:
    world.shown.reasons = ["The server's disk is full; try again later"]
    answer = await world.get(path)
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "alive"})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


async def test_it_is_ready_or_says_why_not(world: World) -> None:
    answer = await world.get("/ready")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ready"})
    world.shown.reasons = ["The server's disk is full; try again later"]
    answer = await world.get("/ready")
    assert answer.status == 503
    assert json.loads(answer.body) == {
        "status": "not ready",
        "reasons": ["The server's disk is full; try again later"],
    }


async def test_metrics_are_of_this_moment(world: World) -> None:
    answer = await world.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.body.decode().splitlines()
    assert "mailserver_queue_depth 3.0" in lines
    assert "mailserver_dkim_keys_missing 1.0" in lines
    assert "mailserver_uptime_seconds 12.5" in lines
    assert 'mailserver_active_connections{protocol="http"} 1.0' in lines
    world.shown.depth = 4
    assert "mailserver_queue_depth 4.0" in (await world.get("/metrics")).body.decode().splitlines()
    assert 'mailserver_connections_total{protocol="http"} 3.0' in (await world.get("/metrics")).body.decode()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_a_stranger_behind_a_proxy_is_not_loopback(world: World, header: str) -> None:
    answer = await world.get("/metrics", **{header: "203.0.113.9"})
    assert answer.status == 403
    assert b"loopback only" in answer.body
    world.token = TOKEN
    answer = await world.get("/metrics", **{header: "203.0.113.9"})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert b"mailserver_" not in answer.body


async def test_the_token_opens_metrics_to_others(world: World) -> None:
    world.token = TOKEN
    for given, status in ((TOKEN, 200), (f" {TOKEN}", 200), (TOKEN + "x", 401), ("", 401), ("ü", 401)):
        answer = await world.get("/metrics", Via="1.1 proxy", Authorization=f"Bearer {given}")
        assert answer.status == status, given
    assert (await world.get("/metrics", Via="1.1 proxy", Authorization=f"Basic {TOKEN}")).status == 401


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 405),
        ("HEAD /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        ("nonsense\r\n\r\n", 400),
        ("GET /" + "x" * 9000, 414),  # nor of this
        ("GET /ready HTTP/1.1\r\nHost: x\r\n" + "X: x\r\n" * 101 + "\r\n", 431),
        ("FROB /ready HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("CONNECT x:25 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("GET /ready HTTP/1.1\r\nHost: x\r\nX: " + "x" * 40_000, 431),  # its end is not waited for
    ],
)
async def test_other_requests_get_their_status(world: World, request_: str, status: int) -> None:
    assert (await world.send(request_)).status == status


async def test_who_does_not_come_to_the_point_is_cut_off() -> None:
    world = await serve(check_seconds=0.1)
    try:
        for request in ("", "GET /ready HTTP/1.1\r\n", "POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(request.encode())
            with pytest.raises(ConnectionResetError):
                while await asyncio.wait_for(reader.read(1000), 10):
                    pass
                raise ConnectionResetError  # an orderly end is as good
            writer.close()
    finally:
        await world.server.stop(1)


async def test_one_connection_too_many_is_told_so(world: World) -> None:
    held = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(CONFIG.max_connections)]
    answer = await world.get("/health")
    assert answer.status == 503
    for _, writer in held:
        writer.close()


async def test_stopping_ends_what_is_open_and_frees_the_port(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await asyncio.wait_for(world.server.stop(1), 10)
    await asyncio.wait_for(reader.read(), 10)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", world.port)
    await world.server.stop(1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"short", "at least 16"),
        (b"two words are not one token", "at least 16"),
        ("ein-geheimnis-für-alle".encode(), "at least 16"),
        (b"\xff" * 20, "not text"),
        (None, "no such file"),
    ],
)
def test_a_token_that_can_not_be_used_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadValue, match=reason):
        read_token(file)


def test_a_token_is_the_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    assert read_token(tmp_path / "token") == TOKEN
    assert read_token(None) is None
