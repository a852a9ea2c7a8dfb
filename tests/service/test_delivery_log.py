"""The delivery log has every outcome, in both directions, with the reply code and the words."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mailserver.auth.passwords import Passwords
from mailserver.config.tree import Config
from mailserver.daemon.outbound import Ground
from mailserver.daemon.run import Daemon
from mailserver.queue.seams import Carrier
from mailserver.remote.consignment import Consignment, Gates, Result, Taken, Verdict, unheard
from mailserver.store import delivery_log, domains, queue, queue_record, users
from mailserver.store.attempts import Attempt
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from tests.clients import Refused, SmtpClient
from tests.service.test_watching import ANN, PASSWORD, config_of

ANSWERS = {
    "good": (Verdict.DELIVERED, 250, "2.0.0", "taken"),
    "late": (Verdict.DEFERRED, 451, "4.3.0", "busy"),
    "gone": (Verdict.FAILED, 550, "5.1.1", "nobody here"),
}
MESSAGE = b"From: <ann@example.test>\r\nMessage-ID: <1@example.test>\r\nSubject: x\r\n\r\ntext\r\n"


class Scripted:
    """Answers by the recipient's name."""

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        return [self._result(entry) for entry in consignment.entries]

    def _result(self, entry: queue.Entry) -> Result:
        verdict, code, status, text = ANSWERS[entry.recipient.partition("@")[0]]
        return Result(entry.id, verdict, Attempt(1000, 10, "mx.else.test", "192.0.2.1", None, code, status, text))


async def scripted(ground: Ground, gates: Gates, config: Config) -> Carrier:
    return Scripted()


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    daemon = Daemon(config_of(tmp_path), carrier=scripted)
    await daemon.start()
    passwords = Passwords(daemon.config.auth)
    await daemon.store.write(domains.add, "example.test")
    await daemon.store.write(users.add, ANN, await passwords.hash(PASSWORD))
    passwords.close()
    yield daemon
    await daemon.stop()


async def logged(daemon: Daemon, recipient: str) -> Delivery:
    """The newest line about this recipient, once there is one."""
    async with asyncio.timeout(10):
        while True:
            for line in await daemon.store.read(delivery_log.list, 100):
                if line.recipient == recipient:
                    return line
            await asyncio.sleep(0.01)


async def submit(daemon: Daemon, recipients: list[str], sender: str = ANN) -> None:
    async with await SmtpClient.connect(daemon.ports["submission"]) as client:
        await client.command(b"AUTH PLAIN " + _plain(ANN, PASSWORD))
        await client.send(sender, recipients, MESSAGE)


def _plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


async def test_mail_from_outside_that_was_delivered(daemon: Daemon) -> None:
    async with await SmtpClient.connect(daemon.ports["smtp"]) as peer:
        await peer.send("a@peer.test", [ANN], MESSAGE)
    line = await logged(daemon, ANN)
    assert (line.outcome, line.direction, line.smtp_code) == (Outcome.DELIVERED, Direction.INBOUND, 250)
    assert (line.message_id, line.sender) == ("1@example.test", "a@peer.test")


async def test_mail_from_outside_that_was_refused_or_put_off(daemon: Daemon) -> None:
    async with await SmtpClient.connect(daemon.ports["smtp"]) as peer:
        await daemon.store.write(users.set_quota, ANN, 1)
        await peer.command(b"MAIL FROM:<a@peer.test> SIZE=1000")
        for address in ("nobody@example.test", ANN):
            with pytest.raises(Refused):
                await peer.command(f"RCPT TO:<{address}>".encode())
    line = await logged(daemon, "nobody@example.test")
    assert (line.outcome, line.direction, line.smtp_code) == (Outcome.REJECTED, Direction.INBOUND, 550)
    assert line.error_message == "5.1.1 No such user here"
    line = await logged(daemon, ANN)
    assert (line.outcome, line.direction, line.smtp_code) == (Outcome.DEFERRED, Direction.INBOUND, 452)
    assert "4.2.2" in (line.error_message or "")


async def test_a_submission_that_was_refused(daemon: Daemon) -> None:
    with pytest.raises(Refused, match=r"^553 5"):
        await submit(daemon, ["x@else.test"], sender="ben@example.test")
    line = await logged(daemon, "")
    assert (line.outcome, line.direction, line.smtp_code) == (Outcome.REJECTED, Direction.OUTBOUND, 553)
    assert line.sender == "ben@example.test"


async def test_what_other_servers_said_of_what_we_sent(daemon: Daemon) -> None:
    await submit(daemon, ["good@else.test", "late@else.test", "gone@else.test"])
    for name, outcome, code, text in (
        ("good", Outcome.DELIVERED, 250, None),
        ("late", Outcome.DEFERRED, 451, "busy"),
        ("gone", Outcome.BOUNCED, 550, "nobody here"),
    ):
        line = await logged(daemon, f"{name}@else.test")
        assert (line.outcome, line.direction, line.smtp_code, line.error_message) == (
            outcome,
            Direction.OUTBOUND,
            code,
            text,
        )
        assert (line.message_id, line.sender) == ("1@example.test", ANN)


async def test_what_was_given_up(daemon: Daemon) -> None:
    await submit(daemon, ["late@else.test"])
    await logged(daemon, "late@else.test")
    [entry] = await daemon.store.read(queue.list, queue.Status.PENDING)
    given_up = Settled(entry.id, Event.EXPIRE, text="Not delivered within 5 days; last: busy")
    await daemon.store.write(queue_record.record, "anybody", [given_up])
    line = await logged(daemon, "late@else.test")
    assert (line.outcome, line.direction) == (Outcome.BOUNCED, Direction.OUTBOUND)
    assert line.error_message == "Not delivered within 5 days; last: busy"
