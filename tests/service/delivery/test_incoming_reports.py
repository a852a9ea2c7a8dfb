"""Notifications of other servers: delivered as any mail, believed only about what we sent, and what follows."""

from email.message import EmailMessage

import pytest

from mailserver.errors import RecipientSuppressed
from mailserver.mail import dsn
from mailserver.mail.reports import Action, RecipientStatus, Report
from mailserver.store import bounces, delivery_log, suppressions
from mailserver.store.bounces import BounceRow
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from tests.service.delivery.house import ANN, House

FAR = "Bob@far.example"


async def sent(house: House, number: int, recipient: str = FAR) -> bytes:
    """A message that left, and its header."""
    message_id = f"{number}@example.test"
    row = Delivery(message_id, ANN, recipient, Outcome.DELIVERED, Direction.OUTBOUND, 250)
    await house.store.write(delivery_log.add, row)
    return f"From: Ann <{ANN}>\r\nMessage-ID: <{message_id}>\r\n\r\n".encode()


def report(header: bytes, address: str = "bob@far.example", status: str = "5.1.1", orcpt: str | None = None) -> bytes:
    action = Action.FAILED if status.startswith("5") else Action.DELAYED
    recipient = RecipientStatus(address, action, status, orcpt, "mx.far.example", f"550 {status} No such user")
    whole = Report("mx.far.example", ANN, (recipient,), 1_772_366_400)
    return dsn.compose(whole, header, len(header), 1_772_366_400, bytes).octets


async def rows(house: House) -> list[BounceRow]:
    return await house.store.read(bounces.list)


async def test_a_bounce_of_ours_is_delivered_and_written_down(house: House) -> None:
    await house.receive(report(await sent(house, 1)), [ANN], sender="")
    assert len(await house.inbox(ANN)) == 1
    [row] = await rows(house)
    assert (row.address, row.status, row.is_hard, row.source) == ("bob@far.example", "5.1.1", True, "report")
    assert (row.text, row.message_id) == ("550 5.1.1 No such user", "1@example.test")


async def test_the_address_that_was_written_to_counts_not_where_it_led(house: House) -> None:
    header = await sent(house, 1, "alias@far.example")
    await house.receive(report(header, "real@deep.example", orcpt="rfc822;alias@far.example"), [ANN], sender="")
    assert [row.address for row in await rows(house)] == ["alias@far.example"]


@pytest.mark.parametrize(
    ("number", "address", "sender"),
    [
        (2, "bob@far.example", ""),  # a message that was never sent
        (1, "eve@far.example", ""),  # to somebody else
        (1, "bob@far.example", "bob@far.example"),  # from a person, not from a server
    ],
)
async def test_a_forged_bounce_changes_nothing(house: House, number: int, address: str, sender: str) -> None:
    header = (await sent(house, 1)).replace(b"<1@", b"<%d@" % number)
    await house.receive(report(header, address), [ANN], sender=sender)
    assert len(await house.inbox(ANN)) == 1
    assert await rows(house) == []


async def test_one_message_bounces_once(house: House) -> None:
    header = await sent(house, 1)
    for _ in range(5):
        await house.receive(report(header), [ANN], sender="")
    assert len(await rows(house)) == 1


async def test_a_delay_is_no_bounce(house: House) -> None:
    await house.receive(report(await sent(house, 1), status="4.4.1"), [ANN], sender="")
    assert await rows(house) == []


async def test_a_letter_without_sender_is_just_mail(house: House) -> None:
    letter = EmailMessage()
    letter["From"] = "x@far.example"
    letter.set_content("550 5.1.1 bob@far.example")
    await house.receive(letter.as_bytes().replace(b"\n", b"\r\n"), [ANN], sender="")
    assert len(await house.inbox(ANN)) == 1
    assert await rows(house) == []


async def test_who_bounces_too_often_is_refused_until_it_is_over(house: House) -> None:
    for number in range(3):
        await house.submission.resolve(house.ann, FAR, None)
        await house.receive(report(await sent(house, number)), [ANN], sender="")
    with pytest.raises(RecipientSuppressed) as refused:
        await house.submission.resolve(house.ann, FAR, None)
    assert refused.value.smtp == "550 5.7.1"
    assert refused.value.text == (
        "Suppressed until Sun, 15 Mar 2026 12:00:00 +0000, mail to it came back 3 times, at last with: 550 5.1.1 No "
        "such user; an operator releases it with 'mailserver bounce release ADDRESS'"
    )
    await house.submission.resolve(house.ann, "eve@far.example", None)
    await house.clock.advance(14 * 86_400 + 1)
    await house.submission.resolve(house.ann, FAR, None)


async def test_bounces_far_apart_do_not_add_up(house: House) -> None:
    for number in range(4):
        await house.receive(report(await sent(house, number)), [ANN], sender="")
        await house.clock.advance(16 * 86_400)
    await house.submission.resolve(house.ann, FAR, None)


async def test_an_operator_releases_and_the_count_begins_anew(house: House) -> None:
    for number in range(3):
        await house.receive(report(await sent(house, number)), [ANN], sender="")
    await house.store.write(suppressions.remove, "bob@far.example")
    await house.store.write(bounces.forgive, "bob@far.example")
    await house.receive(report(await sent(house, 9)), [ANN], sender="")
    await house.submission.resolve(house.ann, FAR, None)
    assert len(await rows(house)) == 4


async def test_what_came_back_is_forgotten_with_the_log(house: House) -> None:
    await house.receive(report(await sent(house, 1)), [ANN], sender="")
    now = int(house.clock.now().timestamp() * 1000)
    assert await house.store.write(bounces.remove_old, now) == 0
    assert await house.store.write(bounces.remove_old, now + 1) == 1
    assert await rows(house) == []
