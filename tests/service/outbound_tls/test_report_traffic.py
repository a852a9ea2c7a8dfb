"""Reports on the roads of mail: ours into the queue or a mailbox, those of others out of arriving mail."""

import gzip
from pathlib import Path

import pytest

from mailserver.config.tree import DeliveryConfig, QueueConfig, SmtpConfig, TlsReportsConfig
from mailserver.daemon.report_stage import ReportStage
from mailserver.delivery.deliver import LocalDelivery
from mailserver.errors import NoSuchUser
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Peer
from mailserver.outbound_tls.report_mail import Letterhead, compose
from mailserver.outbound_tls.report_post import EXPIRE_HOURS, ReportPost
from mailserver.store import domains, mailboxes, messages, queue, tls_reports, users
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.unit.outbound_tls.test_tls_report import RFC_REPORT

HERE = "company-y.example"
ADDRESS = f"tls@{HERE}"
PEER = Peer("192.0.2.7", "mail.company-x.example", True)
HEAD = Letterhead("reports@company-x.example", "mail.company-x.example", HERE, 0, 86399, "id")
REPORT = compose(HEAD, ADDRESS, gzip.compress(RFC_REPORT.encode()), 0, bytes)


@pytest.fixture
async def account(store: Store) -> str:
    await store.write(domains.add, HERE)
    await store.write(users.add, ADDRESS, "$argon2id$unused")
    return ADDRESS


async def inbox(store: Store, address: str) -> list[bytes]:
    def read(rx: Rx) -> list[bytes]:
        found = mailboxes.get(rx, users.get(rx, address).id, "INBOX")
        folder: Path = store.maildir.root / found.folder / "cur"
        return [next(folder.glob(f"{m.key}:2,*")).read_bytes() for m in messages.list(rx, found.id)]

    return await store.read(read)


async def arrive(store: Store, clock: FakeClock, config: TlsReportsConfig, message: bytes) -> None:
    """As port 25 takes it, to the account."""
    stage = ReportStage(store, config)
    delivery = LocalDelivery(
        store, clock, f"mail.{HERE}", SmtpConfig(), DeliveryConfig(), QueueConfig(), stages=(stage,)
    )
    recipient = EnvelopeRecipient(ADDRESS.upper(), await delivery.resolve(ADDRESS, None))
    async with store.incoming() as incoming:
        await incoming.write(message)
        await delivery.accept(Envelope("reports@company-x.example", (recipient,), PEER), incoming)


async def test_mail_to_the_address_is_read_and_delivered(store: Store, clock: FakeClock, account: str) -> None:
    await arrive(store, clock, TlsReportsConfig(address=ADDRESS), REPORT)
    [found] = await store.read(tls_reports.list, 10)
    assert (found.organization, found.sender) == ("Company-X", "reports@company-x.example")
    [stored] = await inbox(store, account)
    assert stored.endswith(REPORT.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    "message", [b"Subject: hello\r\n\r\nhello\r\n", REPORT[:-400] + b"\r\n", REPORT + b"x" * 300_000]
)
async def test_mail_to_the_address_is_delivered_whatever_is_in_it(
    message: bytes, store: Store, clock: FakeClock, account: str
) -> None:
    await arrive(store, clock, TlsReportsConfig(address=ADDRESS), message)
    assert await store.read(tls_reports.list, 10) == []
    assert len(await inbox(store, account)) == 1


@pytest.mark.parametrize("address", ["", f"other@{HERE}"])
async def test_other_mail_is_not_looked_into(address: str, store: Store, clock: FakeClock, account: str) -> None:
    await arrive(store, clock, TlsReportsConfig(address=address), REPORT)
    assert await store.read(tls_reports.list, 10) == []
    assert len(await inbox(store, account)) == 1


async def sign(header: bytes, reverse_path: str, body: bytes) -> bytes:
    assert header.endswith(b"\r\n") and not header.endswith(b"\r\n\r\n") and body
    return f"DKIM-Signature: v=1; i={reverse_path}\r\n".encode()


async def test_a_report_of_ours_is_signed_and_queued_for_a_day(store: Store, clock: FakeClock) -> None:
    await ReportPost(store, clock, f"mail.{HERE}", sign).send(ADDRESS, "rua@far.example", REPORT)
    [entry] = await store.read(queue.list)
    assert (entry.sender, entry.recipient) == (ADDRESS, "rua@far.example")
    assert entry.tls_optional, "broken TLS is what it may be about"
    assert entry.expires_at == int(clock.now().timestamp() + EXPIRE_HOURS * 3600) * 1000
    spooled = (store.maildir.spool / entry.message_path).read_bytes()
    assert spooled == f"DKIM-Signature: v=1; i={ADDRESS}\r\n".encode() + REPORT


async def test_a_report_for_somebody_here_goes_into_the_mailbox(store: Store, clock: FakeClock, account: str) -> None:
    await ReportPost(store, clock, f"mail.{HERE}", sign).send("a@b.example", account, REPORT)
    [stored] = await inbox(store, account)
    assert stored.startswith(b"Return-Path: <a@b.example>\r\nDKIM-Signature: ") and stored.endswith(REPORT)
    assert await store.read(queue.list) == []


async def test_a_report_for_nobody_here_is_refused(store: Store, clock: FakeClock, account: str) -> None:
    with pytest.raises(NoSuchUser):
        await ReportPost(store, clock, f"mail.{HERE}", sign).send("a@b.example", f"nobody@{HERE}", REPORT)
