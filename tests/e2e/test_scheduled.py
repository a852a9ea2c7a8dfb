"""Mail for later, handed in by one foreign client and found, taken back and cancelled by another."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import wait_until
from tests.e2e.served import ANN, BEN, PASSWORD, Served, furnish, served

MESSAGE = f"From: {ANN}\r\nTo: {BEN}\r\nSubject: for later\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("scheduled")
    furnish(folder)
    with served(folder) as running:
        yield running


@pytest.fixture
def imap(running: Served) -> Iterator[IMAPClient]:
    with IMAPClient("127.0.0.1", running.ports["imap"], ssl=False, timeout=20) as client:
        client.login(ANN, PASSWORD)
        yield client


def hand_in(running: Served, *options: str) -> None:
    with smtplib.SMTP("127.0.0.1", running.ports["submission"], timeout=20) as client:
        client.ehlo()
        assert client.has_extn("futurerelease")
        client.login(ANN, PASSWORD)
        client.sendmail(ANN, [BEN], MESSAGE, mail_options=[*options])


def waiting(imap: IMAPClient) -> list[int]:
    """UIDs in the outbox, once it is there."""
    if not imap.folder_exists("Outbox"):
        return []
    imap.select_folder("Outbox")
    return list(imap.search())


def test_scheduled_mail_is_in_the_outbox_and_can_be_taken_back(running: Served, imap: IMAPClient) -> None:
    hand_in(running, "HOLDFOR=3600")
    wait_until(lambda: waiting(imap))
    [uid] = waiting(imap)
    header = imap.fetch([uid], ["BODY.PEEK[HEADER]"])[uid][b"BODY[HEADER]"]
    assert b"X-Queue-Status: scheduled" in header
    assert f"<{BEN}>; scheduled".encode() in header
    imap.move([uid], "Drafts")
    assert waiting(imap) == []
    imap.select_folder("Drafts")
    [draft] = imap.search()
    fetched = imap.fetch([draft], ["FLAGS", "BODY.PEEK[]"])[draft]
    assert b"\\Draft" in fetched[b"FLAGS"]
    assert b"X-Queue" not in fetched[b"BODY[]"]
    assert b"Received" not in fetched[b"BODY[]"]
    imap.select_folder("Sent")
    assert imap.search() == []


def test_a_deleted_one_is_cancelled(running: Served, imap: IMAPClient) -> None:
    hand_in(running, "HOLDFOR=60")
    wait_until(lambda: waiting(imap))
    imap.delete_messages(waiting(imap))
    imap.expunge()
    assert waiting(imap) == []


def test_it_is_delivered_at_its_time(running: Served) -> None:
    hand_in(running, "HOLDFOR=3")
    with IMAPClient("127.0.0.1", running.ports["imap"], ssl=False, timeout=20) as ben:
        ben.login(BEN, PASSWORD)
        ben.select_folder("INBOX")
        assert ben.search() == []
        wait_until(lambda: ben.noop() and ben.search(), 30)
        [uid] = ben.search()
        message = ben.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
    assert message.startswith(b"Return-Path: <ann@example.test>\r\nDelivered-To: ben@example.test\r\n")
    with IMAPClient("127.0.0.1", running.ports["imap"], ssl=False, timeout=20) as ann:
        ann.login(ANN, PASSWORD)
        ann.select_folder("Sent")
        assert len(ann.search(["SUBJECT", "for later"])) == 1
        wait_until(lambda: waiting(ann) == [])


def test_too_far_ahead_is_refused_in_words(running: Served) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        hand_in(running, "HOLDFOR=999999999")
    assert refused.value.smtp_code == 501
    assert b"Mail is held at most" in bytes(refused.value.smtp_error)
