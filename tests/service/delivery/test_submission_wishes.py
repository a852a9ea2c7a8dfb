"""What a submitted message takes along into the queue: for later, inside TLS, after the others, for which domain."""

from datetime import timedelta

import pytest

from mailserver.config.tree import SubmissionConfig
from mailserver.mail.transaction import Notify
from mailserver.store import domains, mailboxes, queue_claim, users
from mailserver.store.queue import Priority
from tests.service.delivery.house import ANN, BOB, House, fields

MESSAGE = b"From: ann@example.test\r\nSubject: hello\r\n\r\nbody\r\n"
FRIEND = "friend@far.example"


def epoch_ms(house: House, seconds: float = 0) -> int:
    return int((house.clock.now().timestamp() + seconds) * 1000)


async def test_a_message_for_later_waits_in_the_queue_for_everybody(house: House) -> None:
    until = house.clock.now() + timedelta(hours=1)
    name = await house.submit(MESSAGE, [BOB, FRIEND, "team@example.test", FRIEND], hold_until=until)
    rows = await house.queue()
    assert [row.recipient for row in rows] == [BOB, FRIEND, "team@example.test"]
    assert {row.not_before for row in rows} == {epoch_ms(house, 3600)}
    assert {row.next_attempt for row in rows} == {"2026-03-01 13:00:00"}
    assert {row.transaction_id for row in rows} == {name}
    assert await house.inbox(BOB) == []
    assert await house.store.write(queue_claim.claim, "w", 10, 1000) == []


async def test_the_days_of_a_message_for_later_count_from_then(house: House) -> None:
    await house.submit(MESSAGE, [FRIEND], hold_until=house.clock.now() + timedelta(days=30))
    [row] = await house.queue()
    assert row.expires_at == epoch_ms(house, 35 * 86_400)


async def test_while_mail_can_be_taken_back_it_waits_too(house: House) -> None:
    house.submission.configure(SubmissionConfig(undo_seconds=20))
    await house.submit(MESSAGE, [BOB])
    await house.submit(MESSAGE, [FRIEND], hold_until=house.clock.now() + timedelta(seconds=5))
    await house.submit(MESSAGE, [FRIEND], hold_until=house.clock.now() + timedelta(seconds=60))
    assert [row.not_before for row in await house.queue()] == [epoch_ms(house, after) for after in (20, 20, 60)]


async def test_at_once_is_at_once(house: House) -> None:
    await house.submit(MESSAGE, [BOB, FRIEND])
    [row] = await house.queue()
    assert (row.recipient, row.not_before, row.priority) == (FRIEND, None, Priority.INTERACTIVE)
    assert len(await house.inbox(BOB)) == 1


async def test_the_wishes_for_notifications_reach_each_row(house: House) -> None:
    await house.submit(MESSAGE, [FRIEND], hold_until=None)
    await house.submit(MESSAGE, [BOB], hold_until=house.clock.now() + timedelta(hours=1))
    for row in await house.queue():
        assert (row.envid, row.ret, row.notify) == ("QQ314159", "HDRS", str(Notify.FAILURE))
        assert row.orcpt == f"rfc822;{row.recipient}"


@pytest.mark.parametrize(
    ("header", "require_tls", "expected"),
    [
        (b"", False, (False, False)),
        (b"", True, (True, False)),
        (b"TLS-Required: No\r\n", False, (False, True)),
        (b"tls-required:  no \r\n", False, (False, True)),
        (b"TLS-Required: No\r\n", True, (True, False)),  # RFC 8689 §4.1: the stronger wish
        (b"TLS-Required: Yes\r\n", False, (False, False)),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", False, (False, False)),  # once, or it says nothing
    ],
)
async def test_what_is_wished_of_tls(
    house: House, header: bytes, require_tls: bool, expected: tuple[bool, bool]
) -> None:
    await house.submit(header + MESSAGE, [FRIEND], require_tls=require_tls)
    [row] = await house.queue()
    assert (row.require_tls, row.tls_optional) == expected
    [spooled] = house.spool()
    assert header in spooled.read_bytes()  # passed on


@pytest.mark.parametrize(
    ("header", "recipients", "priority"),
    [
        (b"", 2, Priority.INTERACTIVE),
        (b"", 3, Priority.BULK),
        (b"List-Id: <a.example>\r\n", 1, Priority.BULK),
        (b"Precedence: Bulk\r\n", 1, Priority.BULK),
        (b"Precedence: list\r\n", 1, Priority.BULK),
        (b"Precedence: first-class\r\n", 1, Priority.INTERACTIVE),
        (b"Auto-Submitted: auto-replied\r\n", 1, Priority.INTERACTIVE),
    ],
)
async def test_mail_of_lists_leaves_after_letters(
    house: House, header: bytes, recipients: int, priority: Priority
) -> None:
    house.submission.configure(SubmissionConfig(bulk_recipients=2))
    await house.submit(header + MESSAGE, [f"a{number}@far.example" for number in range(recipients)])
    assert {row.priority for row in await house.queue()} == {priority}


async def test_the_domain_is_that_of_from_then_of_the_reverse_path(house: House) -> None:
    ours = await house.store.read(domains.get, "example.test")
    await house.submit(MESSAGE, [FRIEND])
    await house.submit(b"Subject: receipt\r\n\r\n", [FRIEND], sender="")
    assert [row.domain_id for row in await house.queue()] == [ours.id, ours.id]


async def test_what_an_alias_forwards_has_its_wishes_too(house: House) -> None:
    name = await house.receive(b"List-Id: <a.example>\r\nTLS-Required: No\r\n\r\nx\r\n", ["away@example.test"])
    [row] = await house.queue()
    assert (row.transaction_id, row.priority, row.tls_optional) == (name, Priority.BULK, True)


# ---- copies in Sent ----


async def sent(house: House) -> list[bytes]:
    return await house.inbox(ANN, "Sent")


async def test_a_copy_is_in_sent_read_with_its_bcc(house: House) -> None:
    await house.submit(b"Bcc: secret@far.example\r\n" + MESSAGE, [FRIEND, "secret@far.example"])
    [copy] = await sent(house)
    assert b"Bcc: secret@far.example" in copy
    names = [field.partition(b":")[0] for field in fields(copy)]
    assert sorted(names) == [b"Bcc", b"Date", b"From", b"Message-ID", b"Subject"]
    ann = house.ann.user_id
    box = await house.store.read(mailboxes.get, ann, "Sent")
    from mailserver.store import messages

    assert [m.flags.text for m in await house.store.read(messages.list, box.id)] == ["\\Seen"]
    [spooled] = house.spool()
    assert b"Bcc" not in spooled.read_bytes()


@pytest.mark.parametrize(("mode", "count"), [("off", 0), ("on", 1), ("dedupe", 1)])
async def test_the_account_says_whether_there_are_copies(house: House, mode: str, count: int) -> None:
    await house.store.write(users.set_sent_copies, ANN, mode)
    await house.submit(MESSAGE, [FRIEND])
    assert len(await sent(house)) == count


async def test_a_full_account_sends_all_the_same(house: House) -> None:
    await house.store.write(users.set_quota, ANN, 1)
    await house.submit(MESSAGE, [FRIEND])
    assert await sent(house) == []
    assert len(await house.queue()) == 1
    assert house.staging() == []


async def test_sent_is_made_where_it_is_gone(house: House) -> None:
    await house.store.write(mailboxes.remove, house.ann.user_id, "Sent")
    await house.submit(MESSAGE, [FRIEND])
    assert len(await sent(house)) == 1


async def test_a_client_that_saved_first_gets_no_second_copy(house: House) -> None:
    message = b"Message-ID: <m1@example.test>\r\n" + MESSAGE
    staged = await house.store.stage_bytes(message)
    from mailserver.mail.flags import EMPTY
    from mailserver.store import messages

    box = await house.store.read(mailboxes.get, house.ann.user_id, "Sent")
    await house.store.write(messages.add, box.id, staged, EMPTY, 0)
    await house.submit(message, [FRIEND])
    assert len(await sent(house)) == 1
    await house.store.write(users.set_sent_copies, ANN, "on")
    await house.submit(message, [FRIEND])
    assert len(await sent(house)) == 2


async def test_where_an_alias_forwards_to_is_not_told_to_who_writes_to_it(house: House) -> None:
    await house.submit(MESSAGE, ["away@example.test", "other@far.example"])
    rows = {entry.recipient: entry for entry in await house.queue()}
    assert rows["friend@far.example"].user_id is None, "else it stands in the sender's outbox"
    assert rows["friend@far.example"].orcpt == "rfc822;away@example.test"
    assert rows["other@far.example"].user_id is not None


async def test_an_address_that_is_named_as_well_is_the_senders_own(house: House) -> None:
    await house.submit(MESSAGE, ["away@example.test", "friend@far.example"])
    [entry] = await house.queue()
    assert entry.user_id is not None
    assert "away" not in (entry.orcpt or "")
