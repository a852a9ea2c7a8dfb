"""Bounces to a reverse-path of its own: about one row whatever they say, for its sender, and for programs alone."""

from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import BouncesConfig, DeliveryConfig, DkimConfig, ForwardingConfig, QueueConfig, SmtpConfig
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.evidence import Examiner
from mailserver.delivery.forwarding import Forwarding
from mailserver.dkim.arc import Chains
from mailserver.dkim.sign import Signer
from mailserver.dkim.verify import Verifier
from mailserver.errors import BadReturnAddress, NoSuchUser
from mailserver.mail.marked_paths import Marks
from mailserver.mail.srs import Srs
from mailserver.queue.notices import Notices
from mailserver.store import bounces, queue, users
from mailserver.store.bounces import BounceRow
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.delivery.house import ANN, BOB, HOST, House, furnish
from tests.service.delivery.names import Names

FAR, FARTHER = "bob@far.example", "eve@far.example"
MARKS = Marks(b"m" * 32, 21)
LETTER = b"From: ann@example.test\r\nSubject: hello\r\nMessage-ID: <%d@example.test>\r\n\r\nbody\r\n"
# As a server of 1995 writes it: no report, no address, no Message-ID.
OLD = b"From: <MAILER-DAEMON@far.example>\r\nSubject: Returned mail\r\n\r\n550 User unknown\r\n"
MUTE = b"From: <MAILER-DAEMON@far.example>\r\nSubject: Returned mail\r\n\r\nIt could not be done.\r\n"
WAITS = b"From: <MAILER-DAEMON@far.example>\r\nSubject: Warning: not delivered\r\n\r\nWe will continue to try.\r\n"
ABSENT = b"From: bob@far.example\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away\r\n"
REPORT = (
    b"From: MAILER-DAEMON@far.example\r\nSubject: no\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; deep.example\r\n\r\n"
    b"Final-Recipient: rfc822; real@deep.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
)


@pytest.fixture
async def house(store: Store, clock: FakeClock) -> AsyncIterator[House]:
    house, names = await furnish(store, clock), Names({})
    signer = Signer(store, clock, DkimConfig())
    paths = ReturnPaths(Srs(b"k" * 32, 21), MARKS)
    examiner = Examiner(names, Verifier(names, clock, store.in_thread), Chains(names, clock, store.in_thread, signer))
    forwarding = Forwarding(store, clock, HOST, b"m" * 32, paths, examiner, signer, bytes, ForwardingConfig())
    notices = Notices(store, clock, HOST, paths, QueueConfig(), DeliveryConfig(), BouncesConfig())
    limits = SmtpConfig(), DeliveryConfig(), QueueConfig()
    house.delivery = LocalDelivery(store, clock, HOST, *limits, forwards=forwarding, notifier=notices, marks=MARKS)
    yield house
    signer.close()


async def left(house: House, number: int = 1, *to: str) -> list[str]:
    """A message went to these; its reverse-paths."""
    await house.submit(LETTER % number, to or (FAR,))
    about = [row for row in await house.queue() if row.message_id == f"{number}@example.test"]
    rows = sorted(about, key=lambda row: row.id)
    paths = [MARKS.marked(row.sender, row.id, (row.expires_at or 0) // 1000) for row in rows]
    return [path for path in paths if path is not None]


async def rows(house: House) -> list[BounceRow]:
    return await house.store.read(bounces.list)


async def test_a_bounce_that_names_nothing_is_known_and_reaches_the_sender(house: House) -> None:
    _, path = await left(house, 1, FARTHER, FAR)
    await house.receive(OLD, [path], sender="")
    [letter] = await house.inbox(ANN)
    assert letter.endswith(OLD)
    [row] = await rows(house)
    assert (row.address, row.message_id, row.source) == (FAR, "1@example.test", "report")
    assert (row.status, row.is_hard, row.text) == ("5.0.0", True, "550 User unknown")


async def test_where_the_recipient_sent_it_on_his_address_counts_and_the_other_is_told(house: House) -> None:
    [path] = await left(house)
    await house.receive(REPORT, [path], sender="")
    [row] = await rows(house)
    assert (row.address, row.status, row.text) == (FAR, "5.1.1", "real@deep.example: reported by another server")


async def test_without_any_code_it_is_written_down_and_counts_for_nothing(house: House) -> None:
    [path] = await left(house)
    await house.receive(MUTE, [path], sender="")
    assert [(row.address, row.is_hard) for row in await rows(house)] == [(FAR, False)]


@pytest.mark.parametrize("message", [WAITS, ABSENT])
async def test_what_is_no_failure_is_delivered_and_not_written_down(house: House, message: bytes) -> None:
    [path] = await left(house)
    await house.receive(message, [path], sender="")
    assert len(await house.inbox(ANN)) == 1
    assert await rows(house) == []


@pytest.mark.parametrize(
    ("message", "sender"), [(ABSENT, FAR), (OLD, "MAILER-DAEMON@far.example"), (REPORT, "postmaster@far.example")]
)
async def test_programs_need_no_null_reverse_path(house: House, message: bytes, sender: str) -> None:
    [path] = await left(house)
    await house.receive(message, [path], sender=sender)
    assert len(await house.inbox(ANN)) == 1


async def test_people_are_told_where_to_write(house: House) -> None:
    [path] = await left(house)
    with pytest.raises(BadReturnAddress) as refused:
        await house.receive(b"From: bob@far.example\r\nSubject: Re: hello\r\n\r\nHi\r\n", [path], sender=FAR)
    assert refused.value.smtp == "550 5.7.1"
    assert refused.value.text == (
        "This address takes nothing but notifications and automatic answers; write to <ann@example.test>"
    )
    assert await house.inbox(ANN) == []


async def test_a_forged_one_is_refused_in_words(house: House) -> None:
    [path] = await left(house)
    for forged in (path.replace("ann@", "bob@"), f"ref=aaaaaaaa{path[12:]}"):
        with pytest.raises(BadReturnAddress) as refused:
            await house.receive(OLD, [forged], sender="")
        assert refused.value.text == "This return address is not valid: not signed by this server"
    assert await rows(house) == [] == await house.inbox(BOB)


async def test_it_is_good_for_some_weeks_after_the_last_day(house: House) -> None:
    [path] = await left(house)
    await house.clock.advance((5 + 21) * 86_400)
    await house.receive(OLD, [path], sender="")
    await house.clock.advance(86_400)
    with pytest.raises(BadReturnAddress) as refused:
        await house.receive(OLD, [path], sender="")
    assert refused.value.text == "This return address is not valid: older than 21 days"


async def test_a_row_that_is_not_listed_any_more_is_known_by_what_the_report_names(house: House) -> None:
    [path] = await left(house)
    [entry] = await house.queue()
    await house.store.write(queue.remove, entry.id)
    await house.receive(OLD, [path], sender="")
    assert len(await house.inbox(ANN)) == 1
    assert await rows(house) == []


async def test_where_the_sender_is_gone_the_bounce_is_refused(house: House) -> None:
    [path] = await left(house)
    await house.store.write(users.remove, ANN)
    with pytest.raises(NoSuchUser):
        await house.receive(OLD, [path], sender="")
