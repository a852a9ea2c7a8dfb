"""Invitations, cancellations and answers that come by mail, as the clients of the world write them."""

import base64
import quopri
from dataclasses import dataclass, field

import pytest

from mailserver.auth.account import Account
from mailserver.config.tree import DeliveryConfig, DkimConfig, Invitations, QueueConfig, SchedulingConfig, SmtpConfig
from mailserver.daemon.invitation_stage import InvitationStage
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.dmarc import DmarcPolicy, Wish
from mailserver.delivery.evidence import Evidence
from mailserver.delivery.spf import SpfResult
from mailserver.delivery.submission import Submission
from mailserver.dkim.results import ChainResult, ChainStatus
from mailserver.dkim.sign import Signer
from mailserver.groupware.scheduling.mail_in import MailIn
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Peer
from mailserver.store import mailboxes, messages, scheduling_settings
from mailserver.store.database import Rx
from mailserver.store.scheduling_settings import AutoReply, Settings
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.scheduling.house import HOSTNAME, House
from tests.unit.ical.itip_samples import ANNA, BEN, BOTH, CLEO, SECOND, WEEKLY, attending, calendar, event

BOSS = "boss@far.example"
BY_BOSS = f"ORGANIZER;CN=Boss:mailto:{BOSS}\n"
PEER = Peer("192.0.2.7", "mx.far.example", True)
REQUEST = calendar(event(attending(BEN, more=";RSVP=TRUE"), organizer=BY_BOSS), method="REQUEST")
KEY = "20260317T090000Z"


@dataclass
class Examiner:
    """Says what a check of the sender would."""

    wish: Wish = Wish.NONE
    spf: SpfResult = SpfResult.NONE

    async def examine(self, arriving: Arriving) -> Evidence:
        domain = arriving.envelope.reverse_path.rpartition("@")[2]
        return Evidence(self.spf, (), ChainResult(ChainStatus.NONE), DmarcPolicy(self.wish, False, domain, domain))


@dataclass
class Door:
    """Port 25 of the house."""

    house: House
    clock: FakeClock
    examiner: Examiner
    known: frozenset[str] = frozenset()
    config: SchedulingConfig = field(default_factory=SchedulingConfig)

    async def receive(self, message: bytes, to: str = BEN, sender: str = BOSS) -> None:
        store = self.house.store
        mail_in = MailIn(store, self.house.scheduling, lambda rx, user_id, who: who in self.known, self.config)
        stage = InvitationStage(store, mail_in, self.examiner)
        delivery = LocalDelivery(
            store, self.clock, HOSTNAME, SmtpConfig(), DeliveryConfig(), QueueConfig(), stages=(stage,)
        )
        rcpt = EnvelopeRecipient(to, await delivery.resolve(to, None, sender))
        async with store.incoming() as incoming:
            await incoming.write(message)
            await delivery.accept(Envelope(sender, (rcpt,), PEER), incoming)


@pytest.fixture
def door(house: House, clock: FakeClock) -> Door:
    return Door(house, clock, Examiner())


async def mails(store: Store, user_id: int) -> int:
    def count(rx: Rx) -> int:
        return len(messages.list(rx, mailboxes.get(rx, user_id, "INBOX").id))

    return await store.read(count)


def top(author: str = BOSS) -> bytes:
    return f"From: The Boss <{author}>\r\nTo: {BEN}\r\nSubject: Planning\r\nMIME-Version: 1.0\r\n".encode()


def google(data: bytes, method: str, author: str = BOSS) -> bytes:
    """Google: alternative with the calendar in 7bit or base64, then a file."""
    field = f'text/calendar; charset="UTF-8"; method={method}'.encode()
    return b"".join(
        [
            top(author),
            b"Sender: Google Calendar <calendar-notification@far.example>\r\n",
            b'Content-Type: multipart/mixed; boundary="o"\r\n\r\n--o\r\n',
            b'Content-Type: multipart/alternative; boundary="i"\r\n\r\n--i\r\n',
            b"Content-Type: text/plain\r\n\r\nYou are invited\r\n--i\r\n",
            b"Content-Type: " + field + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            base64.encodebytes(data).replace(b"\n", b"\r\n"),
            b"--i--\r\n--o\r\n",
            b'Content-Type: application/ics; name="invite.ics"\r\n',
            b'Content-Disposition: attachment; filename="invite.ics"\r\n',
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            base64.encodebytes(data).replace(b"\n", b"\r\n"),
            b"--o--\r\n",
        ]
    )


def outlook(data: bytes, method: str, author: str = BOSS) -> bytes:
    """Exchange: quoted-printable beside the text, METHOD in quotes, Windows names of zones, X-MICROSOFT-…"""
    data = data.replace(b"SUMMARY:", b"X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\nSUMMARY;LANGUAGE=en-US:")
    return b"".join(
        [
            top(author),
            b'Content-Type: multipart/alternative; boundary="_000_"\r\n\r\n--_000_\r\n',
            b"Content-Type: text/html\r\n\r\n<p>hello</p>\r\n--_000_\r\n",
            f'Content-Type: text/calendar; charset="utf-8"; method="{method}"\r\n'.encode(),
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            quopri.encodestring(data),
            b"\r\n--_000_--\r\n",
        ]
    )


def apple(data: bytes, method: str, author: str = BOSS) -> bytes:
    """Apple Mail: the calendar alone, its method only within."""
    del method
    return top(author) + b"Content-Type: text/calendar; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + data


def attached(data: bytes, method: str, author: str = BOSS) -> bytes:
    """A phone: a file that nobody says is a calendar."""
    del method
    return b"".join(
        [
            top(author),
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\n',
            b'Content-Type: application/octet-stream; name="meeting.ics"\r\nContent-Transfer-Encoding: base64\r\n\r\n',
            base64.encodebytes(data),
            b"\r\n--b--\r\n",
        ]
    )


SHAPES = [google, outlook, apple, attached]


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_invitation_by_mail_is_in_the_calendar_and_in_the_mailbox(door: Door, shape) -> None:  # type: ignore[no-untyped-def]
    await door.receive(shape(REQUEST, "REQUEST"))
    assert await door.house.answer(BEN, BEN) == "NEEDS-ACTION"
    assert b"METHOD" not in await door.house.data(BEN)
    assert await door.house.inbox(BEN) == ["REQUEST"]
    assert await mails(door.house.store, door.house.ids[BEN]) == 1


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_by_mail_is_in_the_organizers_event(door: Door, shape) -> None:  # type: ignore[no-untyped-def]
    await door.house.put(ANNA, calendar(event(BOTH[0], attending(CLEO), attending(BEN))))
    reply = calendar(event(attending(CLEO, "ACCEPTED"), stamp="20260302T080000Z"), method="REPLY")
    await door.receive(shape(reply, "REPLY", CLEO), ANNA, CLEO)
    assert await door.house.answer(ANNA, CLEO) == "ACCEPTED"
    assert await door.house.answer(BEN, CLEO) == "ACCEPTED"
    assert b"SCHEDULE-STATUS=2.0" in await door.house.data(ANNA)
    assert await mails(door.house.store, door.house.ids[ANNA]) == 1


async def test_an_answer_for_one_instance_by_mail(door: Door) -> None:
    await door.house.put(ANNA, calendar(event(BOTH[0], attending(CLEO), more=WEEKLY)))
    one = event(attending(CLEO, "DECLINED"), more=f"RECURRENCE-ID{SECOND}\n", stamp="20260302T080000Z")
    await door.receive(google(calendar(one, method="REPLY"), "REPLY", CLEO), ANNA, CLEO)
    assert await door.house.answer(ANNA, CLEO, KEY) == "DECLINED"
    assert await door.house.answer(ANNA, CLEO) == "NEEDS-ACTION"


async def test_an_older_answer_that_comes_later_changes_nothing(door: Door) -> None:
    await door.house.put(ANNA, calendar(event(BOTH[0], attending(CLEO))))
    for answer, stamp in (("DECLINED", "20260302T090000Z"), ("ACCEPTED", "20260302T080000Z")):
        reply = calendar(event(attending(CLEO, answer), stamp=stamp), method="REPLY")
        await door.receive(google(reply, "REPLY", CLEO), ANNA, CLEO)
    assert await door.house.answer(ANNA, CLEO) == "DECLINED"


async def test_an_update_and_a_cancellation_by_mail(door: Door) -> None:
    await door.receive(google(REQUEST, "REQUEST"))
    update = event(attending(BEN), organizer=BY_BOSS, sequence=1, summary="Moved")
    await door.receive(google(calendar(update, method="REQUEST"), "REQUEST"))
    assert b"SUMMARY:Moved" in await door.house.data(BEN)
    await door.receive(google(REQUEST, "REQUEST"))
    assert b"SUMMARY:Moved" in await door.house.data(BEN)
    await door.receive(google(calendar(event(organizer=BY_BOSS, sequence=2), method="CANCEL"), "CANCEL"))
    assert b"STATUS:CANCELLED" in await door.house.data(BEN)


async def test_the_users_answer_to_an_invitation_by_mail_leaves_as_mail(door: Door) -> None:
    await door.receive(google(REQUEST, "REQUEST"))
    member, data = await door.house.member(BEN), await door.house.data(BEN)
    accepted = data.replace(b"PARTSTAT=NEEDS-ACTION", b"PARTSTAT=ACCEPTED")
    await door.house.put(BEN, accepted, member.href)
    [reply] = await door.house.mail()
    assert (reply.method, reply.sender, reply.recipient, reply.is_automatic) == ("REPLY", BEN, BOSS, False)


ALIEN = "eve@evil.example"


@pytest.mark.parametrize(
    "message",
    [
        google(REQUEST, "REQUEST", ALIEN),  # somebody else's name on it
        google(calendar(event(attending(CLEO), organizer=BY_BOSS), method="REQUEST"), "REQUEST"),  # not invited
        google(calendar(event(attending(BEN), organizer=BY_BOSS), method="COUNTER"), "COUNTER"),
        google(calendar(event(attending(BEN), organizer=BY_BOSS), method="PUBLISH"), "PUBLISH"),
        outlook(REQUEST, "CANCEL"),  # method within and without differ
        google(b"BEGIN:VCALENDAR\r\nthis is no calendar", "REQUEST"),
        google(REQUEST.replace(b"UID:", b"X-UID:"), "REQUEST"),
        google(calendar(event(attending(ANNA), attending(BEN)), method="REQUEST"), "REQUEST", ANNA),  # as one of ours
        b"".join([top(), b"Content-Type: message/rfc822\r\n\r\n", apple(REQUEST, "REQUEST")]),
        top() + b"Content-Type: text/plain\r\n\r\n" + REQUEST,
    ],
)
async def test_what_is_not_believed_or_not_understood_is_mail_and_nothing_else(door: Door, message: bytes) -> None:
    await door.receive(message)
    assert await door.house.copies(BEN) == []
    assert await mails(door.house.store, door.house.ids[BEN]) == 1


@pytest.mark.parametrize(
    ("wish", "spf", "expected"),
    [
        (Wish.NONE, SpfResult.FAIL, 1),
        (Wish.REJECT, SpfResult.FAIL, 0),
        (Wish.QUARANTINE, SpfResult.NONE, 0),
        (Wish.REJECT, SpfResult.PASS, 1),
    ],
)
async def test_a_domain_with_a_policy_has_to_be_the_sender(
    house: House, clock: FakeClock, wish: Wish, spf: SpfResult, expected: int
) -> None:
    await Door(house, clock, Examiner(wish, spf)).receive(google(REQUEST, "REQUEST"))
    assert len(await house.copies(BEN)) == expected


@pytest.mark.parametrize(
    ("config", "own", "known", "expected"),
    [
        (Invitations.ALL, None, False, 1),
        (Invitations.KNOWN, None, False, 0),
        (Invitations.KNOWN, None, True, 1),
        (Invitations.OFF, None, True, 0),
        (Invitations.OFF, Invitations.ALL, False, 1),
        (Invitations.ALL, Invitations.OFF, True, 0),
    ],
)
async def test_whose_invitations_go_into_the_calendar(
    house: House, clock: FakeClock, config: Invitations, own: Invitations | None, known: bool, expected: int
) -> None:
    await house.store.write(scheduling_settings.set, house.ids[BEN], Settings(own))
    people = frozenset({BOSS}) if known else frozenset()
    door = Door(house, clock, Examiner(), people, SchedulingConfig(invitations=config))
    await door.receive(google(REQUEST, "REQUEST"))
    assert len(await house.copies(BEN)) == expected


async def test_an_automatic_answer_leaves_as_mail_that_says_so(door: Door) -> None:
    await door.house.store.write(scheduling_settings.set, door.house.ids[BEN], Settings(auto_reply=AutoReply.AUTOMATIC))
    await door.receive(google(REQUEST, "REQUEST"))
    [reply] = await door.house.mail()
    assert (reply.method, reply.recipient, reply.is_automatic) == ("REPLY", BOSS, True)
    assert b"PARTSTAT=ACCEPTED" in reply.data
    assert await door.house.answer(BEN, BEN) == "ACCEPTED"
    await door.receive(google(REQUEST, "REQUEST"))
    assert len(await door.house.mail()) == 1


async def test_who_asks_again_is_told_again(door: Door) -> None:
    await door.house.put(ANNA, calendar(event(BOTH[0], attending(CLEO))))
    await door.receive(google(calendar(event(attending(CLEO)), method="REFRESH"), "REFRESH", CLEO), ANNA, CLEO)
    assert [(each.method, each.recipient) for each in await door.house.mail()] == [("REQUEST", CLEO)] * 2


async def test_who_asks_without_end_is_told_once_an_hour(door: Door, clock: FakeClock) -> None:
    """Each answer is a mail of the organizer's, and counts to what he may send."""
    await door.house.put(ANNA, calendar(event(BOTH[0], attending(CLEO))))
    for _ in range(3):
        await door.receive(google(calendar(event(attending(CLEO)), method="REFRESH"), "REFRESH", CLEO), ANNA, CLEO)
    assert len(await door.house.mail()) == 2
    await clock.advance(3600)
    await door.receive(google(calendar(event(attending(CLEO)), method="REFRESH"), "REFRESH", CLEO), ANNA, CLEO)
    assert len(await door.house.mail()) == 3


async def test_a_check_that_takes_too_long_does_not_keep_the_mail(house: House, clock: FakeClock) -> None:
    import asyncio

    class Slow(Examiner):
        async def examine(self, arriving: Arriving) -> Evidence:
            await asyncio.Event().wait()
            return await super().examine(arriving)

    await Door(house, clock, Slow()).receive(google(REQUEST, "REQUEST"))
    assert await house.copies(BEN) == []
    assert await mails(house.store, house.ids[BEN]) == 1


async def test_a_fault_of_ours_does_not_keep_the_mail(house: House, clock: FakeClock) -> None:
    class Broken(Examiner):
        async def examine(self, arriving: Arriving) -> Evidence:
            raise LookupError(arriving.id)

    await Door(house, clock, Broken()).receive(google(REQUEST, "REQUEST"))
    assert await mails(house.store, house.ids[BEN]) == 1


async def test_a_program_of_ours_that_knows_only_mail_answers_by_mail(house: House, clock: FakeClock) -> None:
    """Outlook over IMAP: Ben's answer goes through submission, from himself to Anna."""
    await house.put(ANNA, calendar(event(*BOTH)))
    mail_in = MailIn(house.store, house.scheduling, lambda rx, user_id, who: False, SchedulingConfig())
    stage = InvitationStage(house.store, mail_in, None)
    signer = Signer(house.store, clock, DkimConfig())
    configs = SmtpConfig(), DeliveryConfig(), QueueConfig()
    submission = Submission(house.store, clock, HOSTNAME, *configs, signer, stages=(stage,))
    ben = Account(house.ids[BEN], BEN, "Ben", False)
    reply = calendar(event(attending(BEN, "ACCEPTED"), stamp="20260302T080000Z"), method="REPLY")
    rcpt = EnvelopeRecipient(ANNA, await submission.resolve(ben, ANNA, None))
    async with house.store.incoming() as incoming:
        await incoming.write(outlook(reply, "REPLY", BEN))
        await submission.accept(ben, Envelope(BEN, (rcpt,), PEER), incoming)
    assert await house.answer(ANNA, BEN) == "ACCEPTED"
    assert await mails(house.store, house.ids[ANNA]) == 1
