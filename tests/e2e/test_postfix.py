"""Postfix as the other side: it delivers to our port 25, and its bounces reach our users."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from imapclient import IMAPClient

from mailserver.tls import self_signed
from tests import postfix
from tests.daemon import Demo, wait_until
from tests.postfix import Postfix

RELAYED = 20


@pytest.fixture(scope="module")
def peer(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postfix]:
    files = self_signed.ensure(tmp_path_factory.mktemp("peer"), [postfix.HOST], datetime.now(UTC))
    users = {"paul@peer.test": "paul/", "pia@peer.test": "pia/"}
    with postfix.running(users, {"example.test": demo.port("smtp")}, files, Path(demo.facts["ca"])) as peer:
        yield peer


def submit(peer: Postfix, message: bytes, recipients: list[str], options: list[str] | None = None) -> None:
    """As a user of Postfix's site would, from its own network."""
    with smtplib.SMTP("127.0.0.1", peer.port) as smtp:
        assert smtp.sendmail("paul@peer.test", recipients, message, options or []) == {}


def letter(subject: str, text: str = "hello\n") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "paul@peer.test", "ann@example.test", subject
    message.set_content(text)
    return message.as_bytes(policy=policy.SMTP)


def messages(client: IMAPClient, count: int) -> list[bytes]:
    """INBOX, when so many are there."""

    def there() -> bool:
        client.select_folder("INBOX")
        return len(client.search()) >= count

    wait_until(there, 30)
    fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
    return [fetched[uid][b"BODY[]"] for uid in sorted(fetched)]


def test_postfix_delivers_over_verified_tls_and_in_groups(peer: Postfix, client: IMAPClient) -> None:
    before = len(peer.log())
    submit(peer, letter("one for two"), ["ann@example.test", "ben@example.test"])
    [received] = messages(client, 1)
    wait_until(lambda: peer.waiting() == "")
    log = peer.log()[before:]
    assert "Verified TLS connection established to 127.0.0.1[127.0.0.1]" in log
    assert "TLSv1.3" in log
    assert "Using ESMTP PIPELINING" in log
    sent = [line for line in log.splitlines() if "status=sent" in line]
    assert len(sent) == 2
    assert all("250 2.0.0 Ok: queued as" in line for line in sent)
    parsed = message_from_bytes(received, policy=policy.default)
    assert parsed["Return-Path"] == "<paul@peer.test>"
    assert f"from {postfix.HOST} (" in parsed.get_all("Received")[0]
    assert "with ESMTPS" in parsed.get_all("Received")[0]


def test_twenty_messages_are_relayed_whole(peer: Postfix, client: IMAPClient) -> None:
    texts = [f"number {number}\n" + ".\n..\nFrom here\n" * number for number in range(RELAYED)]
    for number, text in enumerate(texts):
        submit(peer, letter(f"relayed {number}", text), ["ann@example.test"])
    received = [message_from_bytes(each, policy=policy.default) for each in messages(client, RELAYED)]
    assert {each["Subject"]: each.get_content() for each in received} == {
        f"relayed {number}": text.replace("\n", "\r\n") for number, text in enumerate(texts)
    }


def test_what_we_refuse_comes_back_as_a_report_with_our_words(peer: Postfix, client: IMAPClient) -> None:
    with smtplib.SMTP("127.0.0.1", peer.port) as smtp:
        refused = smtp.sendmail("ann@example.test", ["nobody@example.test"], letter("to nobody"))
        assert refused == {}
    [report] = [message_from_bytes(each, policy=policy.default) for each in messages(client, 1)]
    assert report["Return-Path"] == "<>"
    assert report.get_content_type() == "multipart/report"
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    fields = {name: value for block in status.get_payload() for name, value in block.items()}
    assert fields["Final-Recipient"] == "rfc822; nobody@example.test"
    assert fields["Status"] == "5.1.1"
    assert "550 5.1.1" in fields["Diagnostic-Code"]


def test_eight_bit_mail_and_utf8_addresses_pass_unchanged(peer: Postfix, client: IMAPClient) -> None:
    body = "From: paul@peer.test\r\nSubject: grün\r\n\r\nsüß und schön\r\n".encode()
    with smtplib.SMTP("127.0.0.1", peer.port) as smtp:
        smtp.ehlo()
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        smtp.sendmail("jürgen@peer.test", ["ann+grüße@example.test"], body, options)
    [received] = messages(client, 1)
    assert received.endswith(body.partition(b"\r\n\r\n")[2])
    assert "Return-Path: <jürgen@peer.test>".encode() in received
    assert b"with UTF8SMTPS" in received
