"""Our queue delivers to Postfix: over TLS, in one transaction, with what senders asked for; refusals come back."""

import asyncio
import json
import smtplib
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from mailserver.tls import self_signed
from tests import postfix
from tests.e2e import served
from tests.e2e.served import ANN, PASSWORD, Served
from tests.postfix import Postfix
from tests.zone import Zone

WAIT_SECONDS = 30.0


class World:
    def __init__(self, server: Served, peer: Postfix, folder: Path) -> None:
        self.server, self.peer, self._folder = server, peer, folder

    async def submit(
        self, recipients: Sequence[str], message: bytes, mail: Sequence[str] = (), rcpt: Sequence[str] = ()
    ) -> None:
        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.server.ports["submission"]) as smtp:
                smtp.starttls(context=ssl._create_unverified_context())
                smtp.login(ANN, PASSWORD)
                assert smtp.sendmail(ANN, [*recipients], message, [*mail], [*rcpt]) == {}

        await asyncio.to_thread(send)

    async def delivered(self, user: str, count: int = 1) -> list[bytes]:
        await until(lambda: len(self.peer.mailbox(user)) >= count)
        return self.peer.mailbox(user)

    async def inbox(self, count: int) -> list[EmailMessage]:
        """Ann's, when so many messages are there."""

        def look() -> list[bytes]:
            context = ssl._create_unverified_context()
            with IMAPClient("127.0.0.1", self.server.ports["imaps"], ssl_context=context) as client:
                client.login(ANN, PASSWORD)
                client.select_folder("INBOX", readonly=True)
                fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
                return [fetched[uid][b"BODY[]"] for uid in sorted(fetched)]

        async with asyncio.timeout(WAIT_SECONDS):
            while len(found := await asyncio.to_thread(look)) < count:
                await asyncio.sleep(0.1)
        return [message_from_bytes(each, policy=policy.default) for each in found]  # type: ignore[misc]

    async def rows(self) -> list[dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *served.command(self._folder), "queue", "list", "--json", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return json.loads(out)  # type: ignore[no-any-return]


async def until(holds: Any) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.05)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    files = self_signed.ensure(tmp_path / "peer", [postfix.HOST], datetime.now(UTC))
    users = {f"{name}@{postfix.DOMAIN}": f"{name}/" for name in ("paul", "pia")}
    users[f"jörg@{postfix.DOMAIN}"] = "joerg/"
    await asyncio.to_thread(served.furnish, tmp_path)
    port = postfix.free_port()
    with postfix.running(users, {"example.test": port}, files, tmp_path / "tls" / "ca.pem") as peer:
        async with Zone({postfix.DOMAIN: {"MX": f"10 {postfix.HOST}."}, postfix.HOST: {"A": "127.0.0.1"}}) as zone:
            settings = {
                "dns__servers": f'["127.0.0.1:{zone.port}"]',
                "outbound__port": peer.port,
                "outbound__ipv6": "false",
                "listeners__smtp__port": port,
            }
            started = served.served(tmp_path, **settings)
            server = await asyncio.to_thread(started.__enter__)
            try:
                yield World(server, peer, tmp_path)
            finally:
                await asyncio.to_thread(started.__exit__, None, None, None)


def letter(text: str = "grün\r\n") -> bytes:
    head = f"From: {ANN}\r\nTo: paul@peer.test\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"
    return (head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text).encode()


async def test_one_transaction_for_all_and_a_report_for_who_is_unknown(world: World) -> None:
    recipients = ["paul@peer.test", "pia@peer.test", "nobody@peer.test"]
    await world.submit(recipients, letter("grün\r\n.\r\n..two\r\n"), ["BODY=8BITMIME"])
    [paul], [pia] = await world.delivered("paul"), await world.delivered("pia")
    assert paul.decode().endswith("\ngrün\n.\n..two\n")
    assert "with ESMTPS" in paul.decode()
    assert pia.partition(b"\n\n")[2] == paul.partition(b"\n\n")[2]
    log = world.peer.log()
    assert "TLS connection established from" in log
    assert "TLSv1.3" in log
    ids = {line.split(": ")[1] for line in log.splitlines() if "postfix/qmgr" in line and f"from=<{ANN}>" in line}
    assert len(ids) == 1, "one transaction"
    [report] = await world.inbox(1)
    assert report["Return-Path"] == "<>"
    assert report.get_content_type() == "multipart/report"
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    fields = {name: value for block in status.get_payload() for name, value in block.items()}  # type: ignore
    assert fields["Final-Recipient"] == "rfc822; nobody@peer.test"
    assert fields["Action"] == "failed"
    assert "User unknown in virtual mailbox table" in fields["Diagnostic-Code"]
    states = {row["recipient"]: row["state"] for row in await world.rows()}
    assert states == {"paul@peer.test": "delivered", "pia@peer.test": "delivered", "nobody@peer.test": "bounced"}


async def test_who_asked_for_a_report_of_success_gets_postfix_own(world: World) -> None:
    await world.submit(["paul@peer.test"], letter(), ["RET=HDRS", "ENVID=QQ314159"], ["NOTIFY=SUCCESS,FAILURE"])
    await world.delivered("paul")
    [report] = await world.inbox(1)
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    fields = {name: value for block in status.get_payload() for name, value in block.items()}  # type: ignore
    assert fields["Reporting-MTA"] == f"dns; {postfix.HOST}"
    assert fields["Original-Envelope-Id"] == "QQ314159"
    assert (fields["Final-Recipient"], fields["Action"]) == ("rfc822; paul@peer.test", "delivered")
    assert [row["state"] for row in await world.rows()] == ["delivered"]


async def test_an_address_in_utf8_is_delivered(world: World) -> None:
    await world.submit(["jörg@peer.test"], letter("schön\r\n"), ["SMTPUTF8", "BODY=8BITMIME"])
    [message] = await world.delivered("joerg")
    assert "schön" in message.decode()
    assert "with UTF8SMTPS" in message.decode()
