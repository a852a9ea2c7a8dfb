"""A connection under peers that read slowly, send too fast or never finish, on asyncio and on uvloop."""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop

from mailserver.serving.connection import READ_HIGH_WATER, Connection, ConnectionLost
from mailserver.serving.deflate import Garbled
from mailserver.tls import self_signed
from mailserver.tls.contexts import server_context

Scene = Callable[[Connection, socket.socket], Awaitable[None]]


def play(scene: Scene, new_loop: Callable[[], asyncio.AbstractEventLoop], stall_seconds: float = 60.0) -> None:
    async def run() -> None:
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        connection = Connection(stall_seconds)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
        try:
            await asyncio.wait_for(scene(connection, peer), 20)
        finally:
            connection.abort()
            peer.close()
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=new_loop, debug=True) as runner:
        runner.run(run())


loops = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@loops
def test_what_is_written_goes_out_when_the_session_waits(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.write(b"one ")
        connection.write(b"two")
        waiting = asyncio.create_task(connection.receive(5))
        assert await loop.sock_recv(peer, 100) == b"one two"
        await loop.sock_sendall(peer, b"answer")
        assert await waiting == b"answer"
        peer.shutdown(socket.SHUT_WR)
        assert await connection.receive(5) == b""
        connection.write(b"half open")
        await connection.drain()
        assert await loop.sock_recv(peer, 100) == b"half open"

    play(scene, new_loop)


@loops
def test_silence_ends_after_its_time_and_waking_before_it(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, _: socket.socket) -> None:
        with pytest.raises(TimeoutError):
            await connection.receive(0.01)
        asyncio.get_running_loop().call_soon(connection.wake)
        assert await connection.receive(5) is None
        connection.wake()
        assert await connection.receive(5) is None

    play(scene, new_loop)


@loops
def test_a_peer_that_reads_nothing_is_dropped(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, _: socket.socket) -> None:
        with pytest.raises(ConnectionLost):
            while True:
                connection.write(bytes(100_000))
                await connection.drain()

    play(scene, new_loop, stall_seconds=0.1)


@loops
def test_a_peer_that_reads_slowly_is_waited_for(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        async def read_slowly() -> int:
            octets = 0
            while octets < 5_000_000:
                octets += len(await asyncio.get_running_loop().sock_recv(peer, 50_000))
                await asyncio.sleep(0.001)
            return octets

        reading = asyncio.create_task(read_slowly())
        for _ in range(50):
            connection.write(bytes(100_000))
            await connection.drain()
        assert await reading == 5_000_000

    play(scene, new_loop, stall_seconds=2.0)


@loops
def test_a_peer_that_sends_too_fast_is_not_read_from(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(peer, bytes(8_000_000)))
        await asyncio.sleep(0.1)
        assert not sending.done()
        received = 0
        while received < 8_000_000:
            data = await connection.receive(5)
            assert data
            assert len(data) <= 3 * READ_HIGH_WATER
            received += len(data)
        await sending

    play(scene, new_loop)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> self_signed.SelfSigned:
    folder: Path = tmp_path_factory.mktemp("tls")
    return self_signed.ensure(folder, ["localhost"], datetime.now(UTC))  # OpenSSL looks at the machine's clock


@loops
def test_clear_text_before_the_handshake_is_thrown_away(
    certificate: self_signed.SelfSigned, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(peer, b"a STARTTLS\r\n")
        assert await connection.receive(5) == b"a STARTTLS\r\n"
        await loop.sock_sendall(peer, b"b INJECTED\r\n")
        await asyncio.sleep(0.05)
        connection.write(b"a OK\r\n")
        securing = asyncio.create_task(connection.start_tls(server_context(certificate.certificate, certificate.key)))
        assert await loop.sock_recv(peer, 100) == b"a OK\r\n"
        context = ssl.create_default_context(cafile=str(certificate.ca))
        reader, writer = await asyncio.open_connection(sock=peer.dup(), ssl=context, server_hostname="localhost")
        await securing
        assert connection.secure
        writer.write(b"c NOOP\r\n")
        assert await connection.receive(5) == b"c NOOP\r\n"
        connection.write(b"c OK\r\n")
        connection.close()
        assert await reader.read() == b"c OK\r\n"
        writer.close()

    play(scene, new_loop)


@loops
def test_a_handshake_that_fails_is_a_lost_connection(
    certificate: self_signed.SelfSigned, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        securing = asyncio.create_task(connection.start_tls(server_context(certificate.certificate, certificate.key)))
        await asyncio.sleep(0.01)  # what comes before the handshake begins is thrown away
        await asyncio.get_running_loop().sock_sendall(peer, b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionLost):
            await securing
        with pytest.raises(ConnectionLost):
            await connection.receive(5)

    play(scene, new_loop)


# ---- COMPRESS ----


def deflated(data: bytes, level: int = 9) -> bytes:
    packer = zlib.compressobj(level, wbits=-15)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


@loops
def test_compression_begins_behind_what_was_written_and_with_what_was_pipelined(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        pipelined = deflated(b"b NOOP\r\nc NOOP\r\n")
        connection.write(b"a OK\r\n")
        connection.compress(pipelined[:5])
        connection.write(b"* 1 EXISTS\r\n")
        await loop.sock_sendall(peer, pipelined[5:])
        received = b""
        while len(received) < 16:
            data = await connection.receive(5)
            assert data is not None
            received += data
        assert received == b"b NOOP\r\nc NOOP\r\n"
        answer = await loop.sock_recv(peer, 100)
        assert answer.startswith(b"a OK\r\n")
        assert zlib.decompressobj(-15).decompress(answer[6:]) == b"* 1 EXISTS\r\n"

    play(scene, new_loop)


@loops
def test_a_bomb_comes_out_in_pieces_while_the_socket_is_left_alone(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        bomb = deflated(bytes(64_000_000)) + deflated(b"")  # 62 kB
        assert len(bomb) < READ_HIGH_WATER
        connection.compress(b"")
        await asyncio.get_running_loop().sock_sendall(peer, bomb[:-10])
        received = 0
        while received < 60_000_000:
            data = await connection.receive(5)
            assert data
            assert len(data) <= READ_HIGH_WATER
            received += len(data)
            assert connection.held <= 2 * READ_HIGH_WATER

    play(scene, new_loop)


@loops
def test_others_get_their_turn_while_a_bomb_is_inflated(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.compress(deflated(bytes(16_000_000)))
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        loop.call_soon(turn)
        for _ in range(50):  # each is there at once, nothing is waited for
            data = await connection.receive(5)
            assert data is not None
            assert len(data) == READ_HIGH_WATER
        assert turns >= 50

    play(scene, new_loop)


@loops
def test_what_is_no_deflate_is_an_error_and_the_end_is_an_end(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.compress(b"")
        await loop.sock_sendall(peer, deflated(b"x" * 1000)[:-6])  # cut in the middle of a block
        peer.shutdown(socket.SHUT_WR)
        received = b""
        while (data := await connection.receive(5)) != b"":
            assert data
            received += data
        assert set(received) <= set(b"x")

    play(scene, new_loop)

    async def broken(connection: Connection, peer: socket.socket) -> None:
        connection.compress(b"")
        await asyncio.get_running_loop().sock_sendall(peer, b"\x07garbage")
        with pytest.raises(Garbled):
            await connection.receive(5)

    play(broken, new_loop)

    async def ended(connection: Connection, peer: socket.socket) -> None:
        packer = zlib.compressobj(wbits=-15)
        connection.compress(b"")
        await asyncio.get_running_loop().sock_sendall(peer, packer.compress(b"a NOOP") + packer.flush() + b"more")
        assert await connection.receive(5) == b"a NOOP"
        with pytest.raises(Garbled):
            await connection.receive(5)

    play(ended, new_loop)


@loops
def test_ten_megabytes_go_out_deflated_to_a_slow_reader(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(connection: Connection, peer: socket.socket) -> None:
        connection.compress(b"")
        line = b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n" * 2000
        inflater = zlib.decompressobj(-15)

        async def read() -> int:
            octets = 0
            while octets < 160 * len(line):
                octets += len(inflater.decompress(await asyncio.get_running_loop().sock_recv(peer, 5000)))
                await asyncio.sleep(0)
            return octets

        reading = asyncio.create_task(read())
        for _ in range(160):
            connection.write(line)
            await connection.drain()
        assert await reading == 160 * len(line)

    play(scene, new_loop)
