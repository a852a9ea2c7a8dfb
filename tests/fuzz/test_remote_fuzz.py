"""A server that says anything at all: the client ends with a verdict, in time, and holds little of it."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.config.tree import TlsMode
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.policy import HostPolicy, Level, TlsPolicies
from mailserver.remote.answers import Answers
from mailserver.remote.connections import Connections
from mailserver.remote.content import Facts
from mailserver.remote.deadlines import Deadlines
from mailserver.remote.envelope import Mail, Recipient, Unsendable
from mailserver.remote.replies import Meaning
from mailserver.remote.session import Refused, TalksToItself, TlsFailed
from mailserver.remote.spooled import Content, unsigned
from mailserver.remote.target import Login, Target
from mailserver.remote.transaction import hand_over
from mailserver.remote.wire import WireFailed
from tests.fakes import FakeClock

SHORT = Deadlines(*[0.2] * 12)
WORDS = [
    b"220 x\r\n", b"250 ok\r\n", b"250-x\r\n250-STARTTLS\r\n250 SIZE 5\r\n", b"250-a\r\n250-AUTH PLAIN\r\n250 DSN\r\n",
    b"354 go\r\n", b"334 \r\n", b"334 !\r\n", b"235 in\r\n", b"421 bye\r\n", b"450 x\r\n", b"550 5.1.1 x\r\n",
    b"999 x\r\n", b"25", b"0", b"\r\n", b"\n", b"-", b" ", b"\0", b"\xff", b"250-" + b"x" * 5000 + b"\r\n", b"y" * 9000,
]  # fmt: skip
Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(answers: list[bytes], at_once: bool) -> Served:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                writer.write(answer)
                await writer.drain()
                if not at_once and not await asyncio.wait_for(reader.read(4096), 0.1):
                    break
        except (OSError, TimeoutError):
            pass  # the client has heard enough
        finally:
            writer.transport.abort()

    return serve


async def conversation(answers: list[bytes], at_once: bool) -> Answers | str:
    server = await asyncio.start_server(saying(answers, at_once), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    policy = HostPolicy(Level.OPPORTUNISTIC, (), "test")
    target = Target("mx.test", "127.0.0.1", port, TlsMode.STARTTLS, policy, login=Login("ann", "x"), is_relay=True)
    connections = Connections(TlsPolicies(FakeClock(), Authorities(())), "client.test", SHORT)
    content = Content(None, b"Subject: x\r\n\r\nx\r\n", Facts(17, True, True), None, None)  # type: ignore[arg-type]
    found: Answers = {}
    try:
        session = await connections.open(target)
        try:
            await hand_over(session, Mail("a@b.test"), {1: Recipient("c@d.test")}, content, unsigned, found)
        finally:
            session.wire.abort()
    except (WireFailed, Refused, TlsFailed, TalksToItself, Unsendable) as fault:
        return str(fault)
    finally:
        await connections.close()
        server.close()
        await server.wait_closed()
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=60), max_size=12), st.booleans())
def test_any_octets_end_in_an_answer_or_in_words(answers: list[bytes], at_once: bool) -> None:
    outcome = asyncio.run(conversation(answers, at_once))
    if isinstance(outcome, str):
        assert outcome
    else:
        assert set(outcome) == {1}
        taken = [answer for answer in outcome.values() if answer.meaning is Meaning.OK]
        assert not taken or b"354 go\r\n" in answers, "nothing is taken for delivered that was not asked for"


def test_the_fuzzer_reaches_the_end_of_a_good_conversation() -> None:
    good = [b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"235 in\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n",
            b"250 2.0.0 taken\r\n"]  # fmt: skip
    outcome = asyncio.run(conversation(good, at_once=False))
    assert isinstance(outcome, dict)
    assert outcome[1].meaning is Meaning.OK
