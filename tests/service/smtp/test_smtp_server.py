"""What an SMTP server does beside the conversation: TLS, time, ceilings, lost connections, its own end."""

import asyncio
import resource
import smtplib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage

import pytest
import uvloop

from mailserver.config.tree import SmtpConfig, TlsMode
from mailserver.smtp.session import MAX_IDLE_COMMANDS, MAX_NOTED
from tests.dialogues.smtp_world import HOSTNAME, PASSWORD, Running, contexts, running, until
from tests.fakes import FakeClock

CONFIG = SmtpConfig(tarpit_seconds=0)
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return contexts(tmp_path_factory.mktemp("tls"))


class Client:
    """A few lines of SMTP, awaited."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, world: Running, **options: object) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", world.port, **options))  # type: ignore[arg-type]

    async def reply(self) -> str:
        """The last line of the next reply, "" when the connection is closed."""
        try:
            async with asyncio.timeout(10):
                while (line := await self._reader.readline())[3:4] == b"-":
                    continue
        except ConnectionResetError:
            return ""
        return line.decode().rstrip("\r\n")

    async def say(self, text: str) -> str:
        self._writer.write(text.encode() + b"\r\n")
        return await self.reply()

    async def greet(self) -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.say("EHLO c")).startswith("250 ")

    async def to_data(self) -> None:
        await self.greet()
        assert (await self.say("MAIL FROM:<a@b.example>")).startswith("250 ")
        assert (await self.say("RCPT TO:<ann@example.test>")).startswith("250 ")
        assert (await self.say("DATA")).startswith("354 ")

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def abort(self) -> None:
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def world(tls: Contexts) -> AsyncIterator[Running]:
    async with running("mx", tls[0], CONFIG) as world:
        yield world


def send_with_smtplib(port: int, context: ssl.SSLContext, implicit: bool) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.test", "bob@example.test", "smtplib"
    message.set_content("From our own library, with a long line.\n.\n" + "x" * 3000)
    kind = smtplib.SMTP_SSL if implicit else smtplib.SMTP
    options = {"context": context} if implicit else {}
    with kind("127.0.0.1", port, timeout=10, **options) as client:  # type: ignore[operator]
        if not implicit:
            client.starttls(context=context)
        client.login("ann@example.test", PASSWORD)
        assert client.send_message(message) == {}


@pytest.mark.parametrize("mode", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
async def test_a_foreign_client_submits_over_tls(tls: Contexts, mode: TlsMode) -> None:
    async with running("submission", tls[0], CONFIG, tls=mode) as world:
        await asyncio.to_thread(send_with_smtplib, world.port, tls[1], mode is TlsMode.IMPLICIT)
        envelope, content = world.services.accepted[0]
        assert envelope.protocol == "ESMTPSA"
        assert envelope.peer.tls is not None
        assert envelope.peer.tls.version.startswith("TLSv1.")
        assert b"\r\n.\r\n" in content


def test_everything_works_on_uvloop(tls: Contexts) -> None:
    async def main() -> None:
        for mode in TlsMode.IMPLICIT, TlsMode.STARTTLS:
            async with running("submission", tls[0], CONFIG, tls=mode) as world:
                await asyncio.to_thread(send_with_smtplib, world.port, tls[1], mode is TlsMode.IMPLICIT)
                assert len(world.services.accepted) == 1

    uvloop.run(main())


async def test_a_failed_handshake_ends_the_connection_only(tls: Contexts) -> None:
    async with running("submission", tls[0], CONFIG, tls=TlsMode.IMPLICIT) as world:
        client = await Client.connect(world)
        assert await client.say("EHLO in clear") == ""
        client.close()
        await until(lambda: world.server.connections == 0)
    async with running("mx", tls[0], CONFIG) as world:
        client = await Client.connect(world)
        await client.greet()
        assert (await client.say("STARTTLS")).startswith("220 ")
        assert await client.say("NOOP") == ""
        client.close()
        await until(lambda: world.server.connections == 0)


async def test_no_certificate_no_starttls_and_no_login() -> None:
    async with running("submission", None, CONFIG) as world:
        client = await Client.connect(world)
        assert (await client.reply()).startswith("220 ")
        assert (await client.say("EHLO c")).startswith("250 FUTURERELEASE 86400 ")
        assert (await client.say("STARTTLS")).startswith("502 5.5.1 ")
        assert (await client.say("AUTH PLAIN =")).startswith("538 5.7.11 ")
        client.close()


async def test_fifty_megabytes_take_no_memory(tls: Contexts) -> None:
    """The sink keeps nothing, so that what grows would be the session's."""
    config = replace(CONFIG, max_message_octets=100 << 20)
    async with running("mx", tls[0], config) as world:
        taken = 0

        class Sink:
            async def write(self, data: bytes) -> None:
                nonlocal taken
                taken += len(data)

            async def discard(self) -> None:
                """Nothing was kept."""

        world.services.incoming = Sink  # type: ignore[assignment,method-assign]
        world.services.store = _forget  # type: ignore[method-assign,assignment]
        client = await Client.connect(world)
        await client.to_data()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for piece in (b"x" * (1 << 20), b"y" * 76 + b"\r\n"):
            for _ in range((25 << 20) // len(piece)):
                client.write(piece)
                await client.drain()
        client.write(b"\r\n.\r\n")
        assert (await client.reply()).startswith("250 ")
        assert 50 << 20 <= taken + 1000 <= 51 << 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10  # KiB, client included
        client.close()


async def _forget(envelope: object, incoming: object) -> str:
    return "id"


async def test_whoever_hangs_up_while_we_store_has_sent_a_whole_message(world: Running) -> None:
    world.services.gate.clear()
    client = await Client.connect(world)
    await client.to_data()
    client.write(b"all of it\r\n.\r\n")
    await world.services.entered.wait()
    client.abort()
    await asyncio.sleep(0.05)
    world.services.gate.set()
    await until(lambda: world.server.connections == 0)
    assert [content for _, content in world.services.accepted] == [b"all of it\r\n"]


async def test_stop_finishes_what_was_begun_and_sends_the_idle_home(world: Running) -> None:
    world.services.gate.clear()
    idle, busy, slow = [await Client.connect(world) for _ in range(3)]
    await idle.greet()
    await busy.to_data()
    await slow.to_data()
    busy.write(b"whole\r\n.\r\n")
    await world.services.entered.wait()
    stopping = asyncio.create_task(world.server.stop(0.3))
    assert (await idle.reply()).startswith("421 4.3.2 ")
    with pytest.raises(ConnectionRefusedError):
        await Client.connect(world)
    world.services.gate.set()
    assert await busy.reply() == "250 2.0.0 Ok: queued as id1"
    assert (await busy.reply()).startswith("421 4.3.2 ")
    await stopping
    assert await slow.reply() == ""
    assert len(world.services.accepted) == 1
    for client in idle, busy, slow:
        client.close()


async def test_a_silent_client_hears_421(tls: Contexts) -> None:
    clock = FakeClock()
    async with running("mx", tls[0], CONFIG, clock=clock) as world:
        client = await Client.connect(world)
        await client.greet()
        await clock.advance(CONFIG.command_seconds - 2)
        assert (await client.say("NOOP")).startswith("250 ")
        await clock.advance(CONFIG.command_seconds + 2)
        assert (await client.reply()).startswith("421 4.4.2 ")
        assert await client.reply() == ""
        client.close()


async def test_a_client_that_feeds_drops_is_cut_off(tls: Contexts) -> None:
    clock = FakeClock()
    async with running("mx", tls[0], CONFIG, clock=clock) as world:
        client = await Client.connect(world)
        await client.to_data()
        for _ in range(9):
            await clock.advance(CONFIG.data_seconds / 10)
            client.write(b"x")
            await asyncio.sleep(0.01)
            assert world.server.connections == 1
        await clock.advance(CONFIG.data_seconds / 10 + 2)
        assert (await client.reply()).startswith("421 4.4.2 ")
        client.close()
        assert world.services.accepted == []


async def test_a_connection_has_an_end(tls: Contexts) -> None:
    clock = FakeClock()
    async with running("mx", tls[0], CONFIG, clock=clock) as world:
        client = await Client.connect(world)
        await client.greet()
        for _ in range(int(CONFIG.connection_seconds / 200) - 1):
            await clock.advance(200)
            assert (await client.say("NOOP")).startswith("250 ")
        await clock.advance(250)
        assert (await client.reply()).startswith("421 4.4.2 ")
        client.close()


async def test_whoever_guesses_names_waits(tls: Contexts) -> None:
    clock = FakeClock()
    async with running("mx", tls[0], replace(CONFIG, tarpit_seconds=3), clock=clock) as world:
        client = await Client.connect(world)
        await client.greet()
        await client.say("MAIL FROM:<a@b.example>")
        answer = asyncio.create_task(client.say("RCPT TO:<nobody@example.test>"))
        await asyncio.sleep(0.05)
        assert not answer.done()
        await clock.advance(3)
        assert (await answer).startswith("550 5.1.1 ")
        assert (await client.say("RCPT TO:<ann@example.test>")).startswith("250 ")  # at once
        client.close()


async def test_commands_that_move_no_mail_have_a_ceiling(world: Running) -> None:
    client = await Client.connect(world)
    await client.greet()
    client.write(b"NOOP\r\n" * (2 * MAX_IDLE_COMMANDS))
    replies = [await client.reply() for _ in range(MAX_IDLE_COMMANDS)]
    assert all(reply.startswith("250 ") for reply in replies[:-1])
    assert replies[-1].startswith("421 4.7.0 ")
    client.close()


async def test_connections_of_one_address_have_a_ceiling(tls: Contexts) -> None:
    async with running("mx", tls[0], replace(CONFIG, max_connections_per_address=2)) as world:
        first, second = await Client.connect(world), await Client.connect(world)
        assert (await first.reply()).startswith("220 ")
        assert (await second.reply()).startswith("220 ")
        third = await Client.connect(world)
        assert (await third.reply()).startswith("421 4.7.0 ")
        assert await third.reply() == ""
        await first.say("QUIT")
        await until(lambda: world.server.connections == 1)
        fourth = await Client.connect(world)
        assert (await fourth.reply()).startswith("220 ")
        for client in first, second, third, fourth:
            client.close()


async def test_three_hundred_silent_clients_hold_nobody_up(tls: Contexts) -> None:
    config = replace(CONFIG, max_connections_per_address=1000, max_connection_rate=1000)
    async with running("mx", tls[0], config) as world:
        silent = [await Client.connect(world) for _ in range(300)]
        async with asyncio.timeout(5):
            client = await Client.connect(world)
            await client.greet()
        for each in [*silent, client]:
            each.close()


async def test_a_disabled_account_is_sent_away(tls: Contexts) -> None:
    async with running("submission", None, replace(CONFIG, allow_plain_auth=True)) as world:
        client = await Client.connect(world)
        await client.greet()
        assert (await client.say("AUTH PLAIN AGFubkBleGFtcGxlLnRlc3QAY29ycmVjdCBob3JzZQ==")).startswith("235 ")
        world.services.live[7]()
        assert (await client.reply()).startswith("421 4.7.0 ")
        await until(lambda: world.server.connections == 0)
        assert world.services.live == {}
        client.close()


async def test_a_client_that_does_not_read_is_waited_for_and_cut_off(tls: Contexts) -> None:
    clock = FakeClock()
    config = replace(CONFIG, max_errors=10**6)
    async with running("mx", tls[0], config, clock=clock) as world:
        _, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            before = -1
            while writer.transport.get_write_buffer_size() > before:  # until the server stopped reading
                before = writer.transport.get_write_buffer_size()
                writer.write(b"X\r\n" * 20_000)
                await asyncio.sleep(0.02)
            for _ in range(3):
                await clock.advance(config.command_seconds + 2)
            await until(lambda: world.server.connections == 0)
        finally:
            writer.transport.abort()


async def test_data_sent_before_354_was_meant_for_somebody_else(world: Running) -> None:
    client = await Client.connect(world)
    await client.greet()
    client.write(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\nSubject: x\r\n.\r\n")
    assert (await client.reply()).startswith("250 ")
    assert (await client.reply()).startswith("250 ")
    assert (await client.reply()).startswith("554 5.5.0 ")
    assert await client.reply() == ""
    assert world.services.accepted == []
    client.close()


async def test_a_long_pipeline_keeps_its_order(tls: Contexts) -> None:
    """More than one read of everything behind a login: contents and commands stay in the order they were sent."""
    async with running("submission", None, replace(CONFIG, allow_plain_auth=True)) as world:
        client = await Client.connect(world)
        await client.greet()
        await client.say("AUTH PLAIN AGFubkBleGFtcGxlLnRlc3QAY29ycmVjdCBob3JzZQ==")
        start = b"MAIL FROM:<ann@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
        contents = [b"%d " % i + b"y" * (997 * i % 70_000) + b"\r\n" for i in range(60)]
        client.write(b"".join(start + content + b".\r\n" for content in contents) + b"QUIT\r\n")
        codes = [(await client.reply())[:3] for _ in range(4 * len(contents) + 1)]
        assert codes == ["250", "250", "354", "250"] * len(contents) + ["221"]
        assert [content for _, content in world.services.accepted] == contents
        client.close()


async def test_ten_thousand_recipients_do_not_hurt(world: Running) -> None:
    client = await Client.connect(world)
    await client.greet()
    await client.say("MAIL FROM:<a@b.example>")
    replies = []
    for block in range(100):
        client.write(b"".join(b"RCPT TO:<list%d@example.test>\r\n" % (block * 100 + i) for i in range(100)))
        replies += [(await client.reply())[:9] for _ in range(100)]
    assert replies == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 9900
    client.close()


async def test_the_greeting_names_the_host(world: Running) -> None:
    client = await Client.connect(world)
    assert (await client.reply()).startswith(f"220 {HOSTNAME} ESMTP")
    client.close()


async def test_a_stop_does_not_wait_for_a_password_that_never_comes(tls: Contexts) -> None:
    async with running("submission", tls[0], replace(CONFIG, allow_plain_auth=True)) as world:
        client = await Client.connect(world)
        await client.greet()
        assert (await client.say("AUTH LOGIN")).startswith("334 ")
        stopping = asyncio.create_task(world.server.stop(60))
        assert (await client.reply()).startswith("421 4.3.2")
        client.close()
        await asyncio.wait_for(stopping, 10)


async def test_what_is_refused_is_noted_with_its_envelope(tls: Contexts) -> None:
    async with running("mx", tls[0], replace(CONFIG, max_message_octets=2000)) as world:
        client = await Client.connect(world)
        await client.greet()
        await client.say("MAIL FROM:<a@b.example> SIZE=2001")
        await client.say("MAIL FROM:<blocked@example.org>")
        await client.say("MAIL FROM:<a@b.example>")
        for recipient in ("nobody@example.test", "full@example.test", "ann@example.test", "bob@example.test"):
            await client.say(f"RCPT TO:<{recipient}>")
        await client.say("DATA")
        assert (await client.say("x" * 2500 + "\r\n.")).startswith("552 5.3.4")
        await client.say("MAIL FROM:<>")
        await client.say("RCPT TO:<ann@example.test>")
        client.write(b"BDAT 5 LAST\r\na\nb\r\n")
        assert (await client.reply()).startswith("550 5.6.11")
        client.close()
        assert world.services.refusals.rows == [
            ("a@b.example", "", "552 5.3.4"),
            ("blocked@example.org", "", "553 5.7.1"),
            ("a@b.example", "nobody@example.test", "550 5.1.1"),
            ("a@b.example", "full@example.test", "452 4.2.2"),
            ("a@b.example", "ann@example.test,bob@example.test", "552 5.3.4"),
            ("", "ann@example.test", "550 5.6.11"),
        ]


async def test_one_connection_does_not_fill_the_log(tls: Contexts) -> None:
    async with running("mx", tls[0], CONFIG) as world:
        client = await Client.connect(world)
        await client.greet()
        await client.say("MAIL FROM:<a@b.example>")
        for _ in range(MAX_NOTED + 10):
            assert (await client.say("RCPT TO:<full@example.test>")).startswith("452 4.2.2")
        client.close()
        assert len(world.services.refusals.rows) == MAX_NOTED
