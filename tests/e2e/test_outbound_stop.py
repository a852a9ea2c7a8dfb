"""The daemon is stopped, and ordered about, while it sends: what the other side has is never sent to it again."""

import asyncio
import smtplib
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import wait_until
from tests.e2e import served
from tests.e2e.served import ANN, PASSWORD, Served
from tests.sinks import HANG, Sink, Step, Visit
from tests.zone import Zone

TO = [f"p{number}@far.test" for number in range(3)]


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone({"far.test": {"MX": "10 mx.far.test."}}) as zone:
        yield zone


def settings(zone: Zone, sink: Sink) -> dict[str, object]:
    zone.set("mx.far.test", "A", sink.address)
    return {
        "dns__servers": f'["{zone.server}"]',
        "outbound__port": sink.port,
        "outbound__ipv6": "false",
        "outbound_tls__mta_sts": "false",
        "server__shutdown_seconds": 1,
    }


def submit(server: Served) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["submission"]) as smtp:
        smtp.login(ANN, PASSWORD)
        assert smtp.sendmail(ANN, TO, f"From: {ANN}\r\nSubject: stop\r\n\r\nx\r\n") == {}


def rows(folder: Path) -> list[tuple[str, str | None, int]]:
    with closing(sqlite3.connect(f"file:{folder}/data/mail.db?mode=ro", uri=True)) as database:
        return database.execute(
            "SELECT recipient, ended_as, in_doubt FROM outbound_queue ORDER BY recipient"
        ).fetchall()


def order(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*served.command(folder), "queue", *words], capture_output=True, text=True, check=False)


async def test_a_stop_in_the_middle_of_data_sends_again_only_what_is_in_doubt(tmp_path: Path, zone: Zone) -> None:
    is_kind = False

    def at_dot(visit: Visit) -> Step:
        return HANG if len(sink.contents) == 2 and not is_kind else None

    served.furnish(tmp_path)
    async with Sink(extensions=("DSN", "LIMITS RCPTMAX=1"), at={"DOT": at_dot}) as sink:
        with served.served(tmp_path, **settings(zone, sink)) as server:
            await asyncio.to_thread(submit, server)
            await sink.until(lambda: len(sink.contents) == 2)
            for words in (["hold", "2"], ["cancel", "2"], ["retry", "2"]):
                refused = await asyncio.to_thread(order, tmp_path, *words)
                assert refused.returncode != 0
                assert "Queue entry 2 is being sent at this moment" in refused.stderr
            assert await asyncio.to_thread(server.stop) == 0
        assert rows(tmp_path) == [(TO[0], "delivered", 0), (TO[1], None, 1), (TO[2], None, 1)]
        is_kind = True
        with served.served(tmp_path, **settings(zone, sink)):
            await sink.until(lambda: len(sink.messages) == 3)
            await asyncio.to_thread(wait_until, lambda: all(ended for _, ended, _ in rows(tmp_path)))
    assert sorted(recipient for message in sink.messages for recipient in message.recipients) == TO
    assert [recipient for message in sink.contents for recipient in message.recipients].count(TO[0]) == 1
    assert [*(tmp_path / "data" / "spool").iterdir()] == []


async def test_what_was_taken_back_while_its_host_was_away_never_leaves(tmp_path: Path, zone: Zone) -> None:
    served.furnish(tmp_path)
    async with Sink(at={"RCPT": {TO[0]: None, TO[1]: "450 4.2.1 later", TO[2]: "450 4.2.1 later"}}) as sink:
        with served.served(tmp_path, **settings(zone, sink)) as server:
            await asyncio.to_thread(submit, server)
            await sink.arrived(1)
            await asyncio.to_thread(wait_until, lambda: rows(tmp_path)[0][1] is not None)
            assert (await asyncio.to_thread(order, tmp_path, "cancel", "2")).returncode == 0
            assert (await asyncio.to_thread(order, tmp_path, "hold", "3")).returncode == 0
            sink.at = {}
            assert (await asyncio.to_thread(order, tmp_path, "flush")).returncode == 0
            assert len(sink.messages) == 1
            assert (await asyncio.to_thread(order, tmp_path, "release", "3")).returncode == 0
            assert (await asyncio.to_thread(order, tmp_path, "flush")).returncode == 0
            await sink.arrived(2)
            await asyncio.to_thread(wait_until, lambda: all(ended for _, ended, _ in rows(tmp_path)))
    assert [message.recipients for message in sink.messages] == [(TO[0],), (TO[2],)]
    assert [ended for _, ended, _ in rows(tmp_path)] == ["delivered", "cancelled", "delivered"]


async def test_killed_between_two_transactions_it_sends_the_first_again_to_nobody(tmp_path: Path, zone: Zone) -> None:
    is_kind = False

    def at_dot(visit: Visit) -> Step:
        return HANG if len(sink.contents) == 2 and not is_kind else None

    served.furnish(tmp_path)
    async with Sink(extensions=("DSN", "LIMITS RCPTMAX=1"), at={"DOT": at_dot}) as sink:
        with served.served(tmp_path, **settings(zone, sink)) as server:
            await asyncio.to_thread(submit, server)
            await sink.until(lambda: len(sink.contents) == 2)
            await asyncio.to_thread(wait_until, lambda: rows(tmp_path)[0][1] == "delivered")
            server.process.kill()
            await asyncio.to_thread(server.process.wait)
        is_kind = True
        with served.served(tmp_path, **settings(zone, sink)):
            await sink.until(lambda: len(sink.messages) == 3)
            await asyncio.to_thread(wait_until, lambda: all(ended for _, ended, _ in rows(tmp_path)))
    assert rows(tmp_path) == [(TO[0], "delivered", 0), (TO[1], "delivered", 1), (TO[2], "delivered", 1)]
    assert sorted(recipient for message in sink.messages for recipient in message.recipients) == TO
    assert [recipient for message in sink.contents for recipient in message.recipients].count(TO[0]) == 1


async def test_a_bounce_that_comes_later_and_says_nothing_is_about_one_recipient(tmp_path: Path, zone: Zone) -> None:
    """As a server of 1995 writes it: no report, no address, no Message-ID, days after it took the message."""
    served.furnish(tmp_path)
    bounce = "From: MAILER-DAEMON@far.test\r\nSubject: Returned mail\r\n\r\n550 User unknown\r\n"
    async with Sink() as sink:
        with served.served(tmp_path, bounces__unique_senders="on", **settings(zone, sink)) as server:
            await asyncio.to_thread(submit, server)
            messages = {message.recipients: message.sender for message in await sink.arrived(3)}
            assert sorted(messages) == [(address,) for address in TO]
            await asyncio.to_thread(hand_in, server, "", messages[TO[1],], bounce)
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                await asyncio.to_thread(hand_in, server, "", messages[TO[2],].replace("ann@", "ben@"), bounce)
            assert b"This return address is not valid: not signed by this server" in str(refused.value).encode()
            with pytest.raises(smtplib.SMTPDataError) as told:
                await asyncio.to_thread(hand_in, server, TO[2], messages[TO[2],], f"From: {TO[2]}\r\n\r\nHi\r\n")
            assert (told.value.smtp_code, b"write to <ann@example.test>" in bytes(told.value.smtp_error)) == (550, True)
            shown = await asyncio.to_thread(command, tmp_path, "bounce", "show")
            assert await asyncio.to_thread(inbox, server) == 1
    assert TO[1] in shown.stdout and "550 User unknown" in shown.stdout
    assert TO[0] not in shown.stdout and TO[2] not in shown.stdout


def hand_in(server: Served, sender: str, recipient: str, message: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as smtp:
        smtp.sendmail(sender, [recipient], message)


def command(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*served.command(folder), *words], capture_output=True, text=True, check=True)


def inbox(server: Served) -> int:
    """How many messages Ann has."""
    with IMAPClient("127.0.0.1", server.ports["imap"], ssl=False) as client:
        client.login(ANN, PASSWORD)
        return int(client.select_folder("INBOX", readonly=True)[b"EXISTS"])
