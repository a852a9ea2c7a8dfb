"""The server on a real socket: large mailboxes and messages, ceilings, slow and vanished clients, the stop."""

import asyncio
import resource
import socket

import pytest

from mailserver.config.tree import Deletion, Pop3Config
from mailserver.store import auth_log
from mailserver.store.store import Store
from tests.dialogues.smtp_world import until
from tests.service.pop3.house import Client, House, running

CONFIG = Pop3Config(allow_plain_auth=True)
LARGE = 50_000_000  # octets of a message


async def test_ten_thousand_messages_are_listed_without_opening_a_file(store: Store) -> None:
    async with running(store, CONFIG) as house:
        await house.fill(10_000)
        await store.settle()
        for path in [*store.maildir.root.rglob("cur/*")]:
            path.unlink()
        async with house.client() as client:
            assert await client.ask(b"STAT") == b"+OK 10000 130000\r\n"
            assert await client.lines(b"LIST") == [b"%d 13\r\n" % number for number in range(1, 10_001)]
            unique = await client.lines(b"UIDL")
            assert len({line.split()[1] for line in unique}) == 10_000
            assert (await client.ask(b"RETR 5")).startswith(b"-ERR Message 5 was removed meanwhile")
            assert await client.ask(b"NOOP") == b"+OK\r\n"


async def test_ten_thousand_deletions_are_one_step(store: Store) -> None:
    async with running(store, CONFIG) as house:
        await house.fill(10_000)
        async with house.client() as client:
            await client.send(b"".join(b"DELE %d\r\n" % number for number in range(1, 10_000)) + b"QUIT\r\n")
            for _ in range(9_999):
                assert (await client.line()).startswith(b"+OK")
            assert await client.line() == b"+OK Bye, 1 messages left\r\n"
            assert await client.line() == b""
        assert (await house.mailboxes.status(house.user_id, "INBOX")).messages == 1
        assert (await house.mailboxes.status(house.user_id, "Trash")).messages == 9_999


async def test_a_large_message_goes_through_little_memory_to_a_slow_client(store: Store) -> None:
    async with running(store, CONFIG) as house:
        line = b"." + b"x" * 70 + b"\r\n"
        await house.put(b"A: 1\r\n\r\n" + line * (LARGE // len(line)))
        async with house.client() as client:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert (await client.ask(b"RETR 1")).startswith(b"+OK ")
            assert await client.line() == b"A: 1\r\n"
            await asyncio.sleep(0.1)  # the server runs into the full socket
            assert await client.line() == b"\r\n"
            for _ in range(LARGE // len(line)):
                assert await client.line() == b"." + line
            assert await client.line() == b".\r\n"
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10  # KiB, client included


async def test_the_stop_tells_who_waits_and_deletes_nothing(store: Store) -> None:
    async with running(store, CONFIG) as house:
        await house.fill(2)
        async with house.client() as client:
            await client.ask(b"DELE 1")
            await house.server.stop(5.0)
            assert await client.line() == b"-ERR [SYS/TEMP] Server is shutting down; nothing was deleted\r\n"
            assert await client.line() == b""
        assert (await house.mailboxes.status(house.user_id, "INBOX")).messages == 2
        assert house.server.connections == 0


async def test_ceilings_hold_and_are_raised_by_a_reload(store: Store) -> None:
    one = Pop3Config(allow_plain_auth=True, max_connections_per_address=1)
    async with running(store, one) as house, house.client():
        second = house.client()
        assert await second.connect() == b"-ERR [SYS/TEMP] Too many connections; try again later\r\n"
        assert await second.line() == b""
        second.close()
        house.server.reconfigure(CONFIG)
        assert await _greeting(house) == b"+OK POP3 server ready\r\n"


async def test_a_reload_decides_where_the_next_session_deletes_to(store: Store) -> None:
    async with running(store, CONFIG) as house:
        await house.fill(2)
        for deletions, in_trash in ((Deletion.EXPUNGE, 0), (Deletion.TRASH, 1)):
            house.server.reconfigure(Pop3Config(allow_plain_auth=True, deletions=deletions))
            async with house.client() as client:
                await client.ask(b"DELE 1")
                assert (await client.ask(b"QUIT")).startswith(b"+OK")
            assert (await house.mailboxes.status(house.user_id, "Trash")).messages == in_trash
            await until(lambda: house.server.connections == 0)


async def test_a_vanished_client_frees_its_maildrop(store: Store) -> None:
    async with running(store, CONFIG) as house:
        await house.fill(3)
        for said in (b"DELE 1\r\nRET", b"RETR 1\r\n" * 50, b"LIST\r\nQUI", b"TOP 1 0\r\nDELE 2\r\n"):
            async with house.client() as client:
                await client.send(said)
            await until(lambda: house.server.connections == 0)
        assert (await house.mailboxes.status(house.user_id, "INBOX")).messages == 3


async def test_two_logins_at_the_same_moment_give_one_session(store: Store) -> None:
    async with running(store, CONFIG) as house:
        clients = [house.client() for _ in range(8)]
        for client in clients:
            await client.connect()
        said = await asyncio.gather(*(client.log_in() for client in clients))
        assert sum(line.startswith(b"+OK") for line in said) == 1
        assert sum(line.startswith(b"-ERR [IN-USE]") for line in said) == 7
        for client in clients:
            client.close()


async def test_dead_peers_are_looked_for(store: Store) -> None:
    """Else a laptop that was shut in the middle of a session locks its owner out for ten minutes."""
    options: list[int] = []
    async with running(store, CONFIG) as house, house.client():
        [session] = house.server._connections.values()
        assert session is not None
        accepted = session.connection.transport.get_extra_info("socket")  # type: ignore[attr-defined]
        options += [accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
        options += [accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)]
    assert options == [1, 60]


async def test_every_login_is_in_the_log(store: Store) -> None:
    async with running(store, CONFIG) as house, house.client():
        stranger = house.client()
        await stranger.connect()
        await stranger.ask(b"USER nobody@example.test")
        assert (await stranger.ask(b"PASS x")).startswith(b"-ERR [AUTH]")
        stranger.close()
    rows = await store.read(auth_log.list)  # what was left of the log is written at the end
    assert [(row.protocol, row.username, row.success) for row in rows] == [
        ("pop3", "nobody@example.test", False),
        ("pop3", "ann@example.test", True),
    ]


@pytest.mark.parametrize("said", [b"", b"USER", b"AUTH PLAIN\r\n"])
async def test_an_early_end_is_no_fault(store: Store, said: bytes) -> None:
    async with running(store, CONFIG) as house:
        client = house.client()
        await client.connect()
        await client.send(said)
        client.close()
        await until(lambda: house.server.connections == 0)


async def _greeting(house: House) -> bytes:
    client = Client(house.port)
    try:
        return await client.connect()
    finally:
        client.close()
