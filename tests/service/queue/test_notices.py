"""Who is told what became of mail, that it is told once, and that it is true when it is told."""

import email
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.config.tree import BouncesConfig, DeliveryConfig, QueueConfig
from mailserver.errors import BadKey, InsufficientStorage
from mailserver.mail import dsn
from mailserver.mail.dsn import Notification, Random
from mailserver.mail.dsn_plain import MAX_NAMED, plainest
from mailserver.mail.marked_paths import Marks
from mailserver.mail.reports import Action, RecipientStatus, Report
from mailserver.mail.srs import Srs
from mailserver.mail.transaction import Ret
from mailserver.queue.notices import Notices
from mailserver.remote.consignment import Consignment
from mailserver.store import bounces, domains, mailboxes, messages, queue, queue_claim, spool, suppressions, users
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx, Tx
from mailserver.store.queue import Entry, Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.reserve import Reserve
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store
from tests.fakes import FakeClock

HOST, WORKER = "mail.example.test", "worker-1"
ANN = "ann@example.test"
MESSAGE = b"From: Ann <ann@example.test>\r\nSubject: lunch\r\nMessage-ID: <1@example.test>\r\n\r\nLunch?\r\n"
REFUSED = Attempt(1_772_366_400_000, 10, "mx.far.example", "192.0.2.1", None, 550, "5.1.1", "5.1.1 No such user")
RETURN_PATHS = ReturnPaths(Srs(b"k" * 32, 21), Marks(b"m" * 32, 21))


@dataclass
class Office:
    store: Store
    clock: FakeClock
    notices: Notices

    async def send(
        self,
        *to: str,
        sender: str = ANN,
        notify: str | None = None,
        ret: Ret | None = None,
        envid: str | None = None,
        orcpt: str | None = None,
        message: bytes = MESSAGE,
        require_tls: bool = False,
    ) -> list[Entry]:
        """In the queue, and leased."""
        spooled = spool.prepare(self.store, await self.store.stage_bytes(message))
        expires = int(self.clock.now().timestamp() * 1000) + 432_000_000
        outgoing = Outgoing(sender, spooled, expires, ret=ret, envid=envid, require_tls=require_tls)
        await self.store.write(queue.add, outgoing, [QueueRecipient(address, notify, orcpt) for address in to])
        return await self.store.write(queue_claim.claim, WORKER, 100, 600_000)

    async def settle(self, entries: Sequence[Entry], event: Event, attempt: Attempt | None = REFUSED) -> None:
        settled = [Settled(entry.id, event, attempt) for entry in entries]
        await self.notices.settle(WORKER, Consignment(tuple(entries), "far.example"), settled)

    async def inbox(self, address: str = ANN) -> list[Message]:
        return [email.message_from_bytes(octets) for octets in await self.store.read(self._inbox, address)]

    def _inbox(self, rx: Rx, address: str) -> list[bytes]:
        mailbox = mailboxes.get(rx, users.get(rx, address).id, "INBOX")
        folder = self.store.maildir.root / mailbox.folder / "cur"
        return [next(folder.glob(f"{m.key}:2,*")).read_bytes() for m in messages.list(rx, mailbox.id)]

    async def waiting(self) -> list[Entry]:
        return [entry for entry in await self.store.read(queue.list) if entry.ended_at is None]


def fill(tx: Tx) -> None:
    domains.add(tx, "example.test")
    users.add(tx, ANN, "$argon2id$unused")


@pytest.fixture
async def office(store: Store, clock: FakeClock) -> Office:
    await store.write(fill)
    notices = Notices(store, clock, HOST, RETURN_PATHS, QueueConfig(), DeliveryConfig(), BouncesConfig())
    return Office(store, clock, notices)


def lines(note: Message) -> list[dict[str, str]]:
    """The recipients' blocks of the status part."""
    parts = note.get_payload()
    assert isinstance(parts, list)
    blocks = parts[1].get_payload()
    assert isinstance(blocks, list)
    return [dict(block.items()) for block in blocks[1:]]


async def test_a_failure_is_in_the_senders_inbox_when_the_row_has_ended(office: Office) -> None:
    entries = await office.send("bob@far.example", orcpt="rfc822;Bob@far.example", envid="QQ3")
    await office.settle(entries, Event.BOUNCE)
    [row] = await office.store.read(queue.list)
    assert row.ended_as == "bounced"
    [note] = await office.inbox()
    assert note["Return-Path"] == "<>"
    assert note["In-Reply-To"] == "<1@example.test>"
    assert lines(note) == [
        {
            "Original-Recipient": "rfc822; Bob@far.example",
            "Final-Recipient": "rfc822; bob@far.example",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.far.example",
            "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
            "Last-Attempt-Date": "Sun, 01 Mar 2026 12:00:00 +0000",
        }
    ]
    assert await office.waiting() == []
    assert list(office.store.maildir.staging.iterdir()) == []


# NOTIFY, what happens → the action told, None: nothing. RFC 3461 §4.1, §5.2
TOLD: list[tuple[str | None, Event, str | None]] = [
    (None, Event.BOUNCE, "failed"),
    (None, Event.EXPIRE, "failed"),
    (None, Event.WARN, "delayed"),
    (None, Event.RELAY, None),
    (None, Event.DELIVER, None),
    ("NEVER", Event.BOUNCE, None),
    ("NEVER", Event.EXPIRE, None),
    ("NEVER", Event.WARN, None),
    ("NEVER", Event.RELAY, None),
    ("FAILURE", Event.BOUNCE, "failed"),
    ("FAILURE", Event.EXPIRE, "failed"),
    ("FAILURE", Event.WARN, None),
    ("FAILURE", Event.RELAY, None),
    ("DELAY", Event.BOUNCE, None),
    ("DELAY", Event.WARN, "delayed"),
    ("SUCCESS", Event.BOUNCE, None),
    ("SUCCESS", Event.RELAY, "relayed"),
    ("SUCCESS", Event.DELIVER, None),  # the next hop was asked to tell
    ("SUCCESS,FAILURE", Event.BOUNCE, "failed"),
    ("SUCCESS,FAILURE,DELAY", Event.WARN, "delayed"),
    ("SUCCESS,FAILURE,DELAY", Event.RELAY, "relayed"),
]


@pytest.mark.parametrize(("notify", "event", "action"), TOLD)
async def test_the_senders_wishes_are_kept(
    office: Office, notify: str | None, event: Event, action: str | None
) -> None:
    entries = await office.send("bob@far.example", notify=notify)
    if event is Event.WARN:  # happens to rows that wait
        await office.settle(entries, Event.DEFER)
        entries = await office.waiting()
    await office.settle(entries, event, None if event is Event.WARN else REFUSED)
    told = [lines(note)[0]["Action"] for note in await office.inbox()]
    assert told == ([action] if action else [])
    [row] = await office.store.read(queue.list)
    assert (row.delay_told_at is not None) == (event is Event.WARN)


async def test_what_waited_for_a_mailbox_here_is_told_as_delivered(office: Office) -> None:
    entries = await office.send(ANN, notify="SUCCESS")
    await office.settle(entries, Event.DELIVER, Attempt(0, 1, HOST, None, None, 250, "2.1.5", "Delivered"))
    [note] = await office.inbox()
    assert (lines(note)[0]["Action"], lines(note)[0]["Status"]) == ("delivered", "2.0.0")


async def test_recipients_that_fail_together_are_told_of_together(office: Office) -> None:
    entries = await office.send("bob@far.example", "eve@far.example", "joe@far.example")
    settled = [
        Settled(entries[0].id, Event.BOUNCE, REFUSED),
        Settled(entries[1].id, Event.DELIVER, REFUSED),
        Settled(entries[2].id, Event.BOUNCE, REFUSED),
    ]
    await office.notices.settle(WORKER, Consignment(tuple(entries), "far.example"), settled)
    [note] = await office.inbox()
    assert [line["Final-Recipient"] for line in lines(note)] == ["rfc822; bob@far.example", "rfc822; joe@far.example"]


async def test_a_notification_is_never_about_a_notification(office: Office) -> None:
    entries = await office.send("bob@far.example", sender="")
    await office.settle(entries, Event.BOUNCE)
    assert (await office.inbox(), await office.waiting()) == ([], [])


async def test_a_sender_elsewhere_is_told_by_the_queue(office: Office) -> None:
    entries = await office.send("bob@far.example", sender="x@other.example")
    await office.settle(entries, Event.BOUNCE)
    [row] = await office.waiting()
    assert (row.sender, row.recipient, row.notify, row.status) == ("", "x@other.example", "NEVER", "pending")
    [file] = office.store.maildir.spool.iterdir()
    note = email.message_from_bytes(file.read_bytes())
    assert note["To"] == "<x@other.example>"
    assert lines(note)[0]["Final-Recipient"] == "rfc822; bob@far.example"


async def test_what_we_forwarded_is_told_to_its_first_sender(office: Office) -> None:
    rewritten = RETURN_PATHS.direct("x@other.example", "example.test", int(office.clock.now().timestamp() * 1000))
    assert rewritten is not None
    await office.settle(await office.send("bob@far.example", sender=rewritten), Event.BOUNCE)
    [row] = await office.waiting()
    assert row.recipient == "x@other.example"


async def test_who_is_gone_is_not_told_and_the_row_ends_all_the_same(office: Office) -> None:
    entries = await office.send("bob@far.example", sender="gone@example.test")
    await office.settle(entries, Event.BOUNCE)
    assert await office.waiting() == []
    [row] = await office.store.read(queue.list)
    assert row.ended_as == "bounced"


async def test_a_full_mailbox_hears_of_it(office: Office) -> None:
    await office.store.write(users.set_quota, ANN, 1)
    await office.settle(await office.send("bob@far.example"), Event.BOUNCE)
    assert len(await office.inbox()) == 1


@pytest.mark.parametrize(("ret", "whole"), [(None, True), (Ret.FULL, True), (Ret.HDRS, False)])
async def test_as_much_comes_back_as_the_sender_wants(office: Office, ret: Ret | None, whole: bool) -> None:
    await office.settle(await office.send("bob@far.example", ret=ret), Event.BOUNCE)
    [note] = await office.inbox()
    assert (b"Lunch?" in note.as_bytes()) == whole
    assert b"Subject: lunch" in note.as_bytes()


async def test_of_mail_that_needed_tls_only_the_header_comes_back(office: Office) -> None:
    """RFC 8689 §5: whatever RET says."""
    await office.settle(await office.send("bob@far.example", ret=Ret.FULL, require_tls=True), Event.BOUNCE)
    [note] = await office.inbox()
    assert b"Lunch?" not in note.as_bytes()
    assert b"Subject: lunch" in note.as_bytes()


async def test_a_damaged_spool_file_does_not_come_back_as_the_message(office: Office) -> None:
    entries = await office.send("bob@far.example")
    [file] = office.store.maildir.spool.iterdir()
    os.truncate(file, 60)
    await office.settle(entries, Event.BOUNCE)
    [note] = await office.inbox()
    assert b"Subject: lunch" not in note.as_bytes()


async def test_mail_that_needs_tls_does_not_come_back_in_clear(office: Office) -> None:
    """RFC 8689 §5: as if RET=HDRS was said, and under REQUIRETLS."""
    entries = await office.send("bob@far.example", sender="x@other.example", ret=Ret.FULL, require_tls=True)
    await office.settle(entries, Event.BOUNCE)
    [row] = await office.waiting()
    assert (row.recipient, row.require_tls) == ("x@other.example", True)
    [file] = office.store.maildir.spool.iterdir()
    assert b"Subject: lunch" in file.read_bytes()
    assert b"Lunch?" not in file.read_bytes()


async def test_utf8_addresses_are_told_of_in_utf8(office: Office) -> None:
    await office.settle(await office.send("δοκιμή@far.example", sender="x@other.example"), Event.BOUNCE)
    [row] = await office.waiting()
    assert row.smtputf8 and row.body == "8BITMIME"
    [file] = office.store.maildir.spool.iterdir()
    assert "Final-Recipient: utf-8; δοκιμή@far.example\r\n".encode() in file.read_bytes()


async def test_an_expired_row_says_so_with_the_last_reason(office: Office) -> None:
    entries = await office.send("bob@far.example")
    refused = Attempt(1_772_366_400_000, 10, None, None, None, None, None, "connection refused")
    await office.settle(entries, Event.DEFER, refused)
    await office.settle(await office.waiting(), Event.EXPIRE, None)
    [note] = await office.inbox()
    assert (lines(note)[0]["Status"], lines(note)[0]["Diagnostic-Code"]) == (
        "4.4.7",
        "X-Mailserver; connection refused",
    )


async def test_a_row_taken_back_meanwhile_is_not_told_of(office: Office) -> None:
    entries = await office.send("bob@far.example", "eve@far.example")
    await office.store.write(queue.remove, entries[0].id)
    await office.settle(entries, Event.BOUNCE)
    [note] = await office.inbox()
    assert [line["Final-Recipient"] for line in lines(note)] == ["rfc822; eve@far.example"]
    assert list(office.store.maildir.staging.iterdir()) == []


async def test_rows_of_another_worker_are_told_by_it(office: Office) -> None:
    entries = await office.send("bob@far.example")
    settled = [Settled(entries[0].id, Event.BOUNCE, REFUSED)]
    await office.notices.settle("worker-2", Consignment(tuple(entries), "far.example"), settled)
    assert await office.inbox() == []
    [row] = await office.waiting()
    assert row.locked_by == WORKER


async def test_a_full_disk_leaves_row_and_sender_as_they_were(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = await office.send("bob@far.example")
    with monkeypatch.context() as full:
        full.setattr(Reserve, "has_room", lambda _: False)
        with pytest.raises(InsufficientStorage):
            await office.settle(entries, Event.BOUNCE)
    assert (await office.inbox(), len(await office.waiting())) == ([], 1)
    await office.settle(entries, Event.BOUNCE)
    assert len(await office.inbox()) == 1


async def test_a_missing_spool_file_is_no_reason_to_keep_silent(office: Office) -> None:
    entries = await office.send("bob@far.example")
    [file] = office.store.maildir.spool.iterdir()
    file.unlink()
    await office.settle(entries, Event.BOUNCE)
    assert len(await office.inbox()) == 1


async def test_hard_bounces_add_up_to_a_suppression(office: Office) -> None:
    now = int(office.clock.now().timestamp() * 1000)
    for number in range(3):
        assert await office.store.read(suppressions.find, "bob@far.example", now) is None
        message = MESSAGE.replace(b"<1@", b"<%d@" % number)
        await office.settle(await office.send("Bob@far.example", message=message), Event.BOUNCE)
    found = await office.store.read(suppressions.find, "bob@far.example", now)
    assert found is not None
    assert (found.bounce_count, found.reason) == (3, "550 5.1.1 No such user")
    assert found.until == now + 14 * 86_400_000
    assert [row.is_hard for row in await office.store.read(bounces.list, "bob@far.example")] == [True] * 3


@pytest.mark.parametrize("status", ["5.7.1", "5.2.2", "5.3.4", "5.1.8"])
async def test_what_is_not_about_the_address_does_not_count(office: Office, status: str) -> None:
    refused = Attempt(0, 1, "mx.far.example", None, None, 550, status, "no")
    for number in range(4):
        message = MESSAGE.replace(b"<1@", b"<%d@" % number)
        await office.settle(await office.send("bob@far.example", message=message), Event.BOUNCE, refused)
    assert await office.store.read(suppressions.list, 0) == []
    assert len(await office.store.read(bounces.list)) == 4


async def test_where_an_alias_forwards_to_is_not_told(office: Office) -> None:
    said = Attempt(0, 10, "mx.far.example", "192.0.2.1", None, 550, "5.1.1", "5.1.1 <Private@far.example> is unknown")
    entries = await office.send("private@far.example", orcpt="rfc822;club@example.test")
    await office.settle(entries, Event.BOUNCE, said)
    [report] = await office.inbox()
    assert "private" not in report.as_string().lower()
    assert "Final-Recipient: rfc822; club@example.test" in report.as_string()
    assert "<club@example.test> is unknown" in report.as_string()


class Pen:
    def __init__(self, is_broken: bool = False) -> None:
        self._is_broken = is_broken

    async def sign_as_written(
        self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int | None = None
    ) -> bytes:
        if self._is_broken:
            raise BadKey
        assert header.endswith(b"\r\n") and b"MAILER-DAEMON@" in header and b"".join(body)
        return b"DKIM-Signature: ours\r\n"


@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_notification_that_leaves_is_signed_where_it_can_be(office: Office, is_broken: bool) -> None:
    office.notices = Notices(
        office.store,
        office.clock,
        HOST,
        RETURN_PATHS,
        QueueConfig(),
        DeliveryConfig(),
        BouncesConfig(),
        signer=Pen(is_broken),
    )
    await office.settle(await office.send("bob@far.example", sender="x@other.example"), Event.BOUNCE)
    [row] = await office.waiting()
    await office.store.settle()
    octets = (office.store.maildir.spool / row.message_path).read_bytes()
    assert octets.startswith(b"DKIM-Signature: ours\r\n") is not is_broken


@pytest.mark.parametrize("breaks_without_too", [False, True])
async def test_what_can_not_be_composed_holds_nothing_up(
    store: Store, clock: FakeClock, breaks_without_too: bool
) -> None:
    def fragile(report: Report, original: bytes, size: int, now: int, random: Random) -> Notification:
        if original or breaks_without_too:
            raise ZeroDivisionError("something nobody thought of")
        return dsn.compose(report, original, size, now, random)

    await store.write(fill)
    limits = QueueConfig(), DeliveryConfig(), BouncesConfig()
    notices = Notices(store, clock, HOST, RETURN_PATHS, *limits, compose=fragile)
    office = Office(store, clock, notices)
    bob = "b\xf6b@far.example" if breaks_without_too else "bob@far.example"
    await office.settle(await office.send(bob, "eve@far.example"), Event.BOUNCE)
    assert [row.ended_as for row in await store.read(queue.list)] == ["bounced", "bounced"]
    [note] = await office.inbox()
    text = note.as_string()
    assert "Lunch?" not in text and "eve@far.example" in text
    if breaks_without_too:
        assert (note.get_content_type(), note["Auto-Submitted"]) == ("text/plain", "auto-replied")
        assert "<b?b@far.example>: failed (5.1.1)\r\n<eve@far.example>: failed (5.1.1)" in note.get_payload()
    else:
        assert [each["Action"] for each in lines(note)] == ["failed", "failed"]


@given(st.text(max_size=400), st.text(max_size=400), st.integers(1, 300))
def test_the_plainest_notification_can_always_be_made(address: str, status: str, count: int) -> None:
    recipients = (RecipientStatus(address, Action.FAILED, status),) * count
    note = plainest(Report(address, address, recipients, 0), 0, bytes)
    assert note.octets.isascii() and not (note.smtputf8 or note.is_8bit)
    assert max(map(len, note.octets.split(b"\r\n"))) <= 998
    parsed = email.message_from_bytes(note.octets)
    assert parsed["Subject"] and parsed["From"] and parsed.defects == []
    assert note.octets.count(b": failed (") == min(count, MAX_NAMED)
