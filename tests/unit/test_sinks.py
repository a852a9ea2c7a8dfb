"""The tests' SMTP server does what its script says, to a client we did not write and on the bare wire."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from tests.authority import Authority, self_signed
from tests.sinks import DROP, HANG, RESET, After, Last, Sink, Slowly, Step, Visit

CA = Authority()
NAME = "mx.example.net"
CONTENT = b"Subject: hi\r\n\r\n.dotted\r\nbody\r\n"


class Peer:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, line: str) -> str:
        self.writer.write(line.encode() + b"\r\n")
        return await self.hear()

    async def hear(self) -> str:
        """One reply, its last line."""
        while (line := await self.reader.readline())[3:4] == b"-":
            pass
        return line.decode().rstrip()


@contextlib.asynccontextmanager
async def connected(sink: Sink) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(sink.address, sink.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def send(sink: Sink, *recipients: str, **options: object) -> None:
    client = aiosmtplib.SMTP(hostname=NAME, port=sink.port, start_tls=False, timeout=10, **options)
    client.hostname = sink.address
    async with client:
        await client.sendmail("ann@example.test", list(recipients), CONTENT, mail_options=["BODY=8BITMIME", "RET=HDRS"])


async def test_a_message_is_recorded_whole() -> None:
    async with Sink() as sink:
        await send(sink, "bob@x.test", "eve@x.test")
        [message] = await sink.arrived()
    assert message.sender == "ann@example.test"
    assert message.recipients == ("bob@x.test", "eve@x.test")
    assert message.content == CONTENT
    assert message.mail.parameters["BODY"] == "8BITMIME"
    assert message.mail.parameters["RET"] == "HDRS"
    assert message.source == "127.0.0.1"
    assert message.tls is None
    assert sink.visits[0].verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"]
    assert sink.now_open == 0


async def test_starttls_and_what_is_told_before_and_after_it() -> None:
    async with Sink(tls=CA.issue(NAME).server_context(), extensions_in_tls=("REQUIRETLS",)) as sink:
        client = aiosmtplib.SMTP(hostname=sink.address, port=sink.port, start_tls=False)
        async with client:
            await client.ehlo()
            assert client.supports_extension("starttls") and not client.supports_extension("requiretls")
            await client.starttls(tls_context=CA.trusting(), server_hostname=NAME)
            await client.ehlo()
            assert client.supports_extension("requiretls") and not client.supports_extension("starttls")
            await client.sendmail("ann@example.test", ["bob@x.test"], CONTENT)
        [message] = await sink.arrived()
    assert message.tls is not None
    assert (message.tls.version, message.tls.server_name) == ("TLSv1.3", NAME)


async def test_implicit_tls_with_a_login() -> None:
    async with Sink(
        tls=self_signed(NAME).server_context(), implicit_tls=True, logins={"ann": "secret"}, extensions=()
    ) as sink:
        async with aiosmtplib.SMTP(hostname=sink.address, port=sink.port, use_tls=True, validate_certs=False) as client:
            with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
                await client.mail("ann@example.test")
            assert refused.value.code == 530
            with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                await client.auth_plain("ann", "wrong")
            await client.auth_login("ann", "secret")
            await client.sendmail("ann@example.test", ["bob@x.test"], CONTENT)
        async with aiosmtplib.SMTP(hostname=sink.address, port=sink.port, use_tls=True, validate_certs=False) as client:
            await client.auth_plain("ann", "secret")
        [message] = await sink.arrived()
    assert message.login == "ann"
    assert [visit.login for visit in sink.visits] == ["ann", "ann"]


def decided(visit: Visit) -> Step:
    return f"250 you are {visit.helo}"


@pytest.mark.parametrize(
    ("at", "command", "reply"),
    [
        ({"EHLO": "550-no\n550 never"}, "EHLO a", "550 never"),
        ({"EHLO": "502 5.5.1 what"}, "EHLO a", "502 5.5.1 what"),
        ({"HELO": decided}, "HELO a", "250 you are a"),
        ({"NOOP": b"\xff\xfe no code\r\n"}, "NOOP", None),
        ({"NOOP": Slowly("250 at last", 0)}, "NOOP", "250 at last"),
        ({"NOOP": "250 " + "x" * 32_768}, "NOOP", "250 " + "x" * 32_768),
        ({}, "STARTTLS", "503 5.5.1 not now"),
        ({}, "BDAT 3", "502 5.5.1 unknown"),
        ({}, "RCPT TO:<bob@x.test>", "503 5.5.1 MAIL first"),
    ],
)
async def test_a_stage_answers_what_it_is_told(at: dict[str, Step], command: str, reply: str | None) -> None:
    async with Sink(at=at) as sink, connected(sink) as peer:
        assert (await peer.hear()).startswith("220 ")
        if reply is None:
            peer.writer.write(command.encode() + b"\r\n")
            assert await peer.reader.readline() == at["NOOP"]
        else:
            assert await peer.say(command) == reply


async def test_recipients_get_an_answer_each_and_a_list_is_used_up() -> None:
    async with Sink() as sink, connected(sink) as peer:
        sink.at["RCPT"] = {"bob@x.test": "550 5.1.1 who", "eve@x.test": ["450 4.2.1 later", "250 now"]}
        await peer.hear()
        await peer.say("EHLO a")
        assert await peer.say("DATA") == "554 5.5.1 no valid recipients"
        await peer.say("MAIL FROM:<>")
        assert await peer.say("RCPT TO:<bob@x.test>") == "550 5.1.1 who"
        assert await peer.say("RCPT TO:<eve@x.test>") == "450 4.2.1 later"
        assert await peer.say("RCPT TO:<eve@x.test> NOTIFY=NEVER") == "250 now"
        assert await peer.say("RCPT TO:<any@x.test>") == "250 2.1.5 recipient ok"
        assert await peer.say("DATA") == "354 go ahead"
        assert await peer.say("hello\r\n..\r\n.") == "250 2.0.0 taken"
        [message] = sink.messages
    assert message.sender == ""
    assert message.recipients == ("eve@x.test", "any@x.test")
    assert message.rcpts[0].parameters == {"NOTIFY": "NEVER"}
    assert message.content == b"hello\r\n.\r\n"


async def test_a_greeting_may_be_the_last_word() -> None:
    async with Sink(at={"CONNECT": Last("421 4.3.2 full")}) as sink, connected(sink) as peer:
        assert await peer.hear() == "421 4.3.2 full"
        assert await peer.reader.read() == b""


async def test_a_drop_after_the_dot_leaves_the_message_in_doubt() -> None:
    async with Sink(at={"DOT": DROP}) as sink, connected(sink) as peer:
        await peer.hear()
        await peer.say("EHLO a")
        await peer.say("MAIL FROM:<a@x.test>")
        await peer.say("RCPT TO:<b@x.test>")
        await peer.say("DATA")
        peer.writer.write(b"hello\r\n.\r\n")
        assert await peer.reader.read() == b""
        assert sink.messages == []
        assert [message.content for message in sink.contents] == [b"hello\r\n"]


async def test_a_drop_in_the_content_keeps_nothing() -> None:
    async with Sink(at={"CONTENT": DROP}) as sink, connected(sink) as peer:
        await peer.hear()
        for line in ("EHLO a", "MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>", "DATA"):
            await peer.say(line)
        peer.writer.write(b"hello")
        assert await peer.reader.read() == b""
        assert sink.contents == []


async def test_a_reset_is_a_reset() -> None:
    async with Sink(at={"NOOP": RESET}) as sink, connected(sink) as peer:
        await peer.hear()
        with pytest.raises(ConnectionResetError):
            assert await peer.say("NOOP") == "a reset before this"
        await sink.until(lambda: sink.visits[0].closed)


async def test_hanging_and_waiting_end_with_the_peer_and_the_event() -> None:
    event = asyncio.Event()
    async with Sink(at={"NOOP": After(event, "250 at last"), "RSET": HANG}) as sink:
        async with connected(sink) as peer, connected(sink) as other:
            assert sink.now_open <= 2
            await peer.hear()
            await other.hear()
            assert sink.now_open == sink.most_at_once == 2
            asking = asyncio.ensure_future(peer.say("NOOP"))
            await sink.until(lambda: sink.visits[0].verbs == ["NOOP"])
            assert not asking.done()
            event.set()
            assert await asking == "250 at last"
            other.writer.write(b"RSET\r\n")
            await sink.until(lambda: sink.visits[1].verbs == ["RSET"])
        await sink.until(lambda: sink.now_open == 0)
        assert sink.visits[1].replies[1:] == []


async def test_garbage_in_the_handshake_is_no_tls() -> None:
    async with Sink(tls=CA.issue(NAME).server_context(), at={"HANDSHAKE": b"ha ha ha ha ha\r\n"}) as sink:
        client = aiosmtplib.SMTP(hostname=sink.address, port=sink.port, start_tls=False)
        await client.connect()
        with pytest.raises(ssl.SSLError, match="wrong version number"):
            await client.starttls(tls_context=CA.trusting(), server_hostname=NAME)
        client.close()
        await sink.until(lambda: sink.visits[0].closed)
    assert sink.visits[0].tls is None


async def test_a_self_signed_certificate_is_refused_by_a_client_that_asks_for_more() -> None:
    async with Sink(tls=self_signed(NAME).server_context()) as sink:
        client = aiosmtplib.SMTP(hostname=sink.address, port=sink.port, start_tls=False)
        await client.connect()
        with pytest.raises(Exception, match="self-signed certificate"):
            await client.starttls(tls_context=CA.trusting(), server_hostname=NAME)
        client.close()
        await sink.until(lambda: sink.visits[0].closed)


async def test_two_hosts_share_a_port() -> None:
    async with Sink() as first, Sink(address="127.0.0.3", port=first.port) as second:
        await send(second, "bob@x.test")
        assert (len(first.visits), len(second.messages)) == (0, 1)
