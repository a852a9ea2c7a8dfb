"""The outbox follows the queue, and what is done with its messages is done with the mail."""

import asyncio
from datetime import timedelta

import pytest

from mailserver.config.tree import SubmissionConfig
from mailserver.errors import CannotMailbox, WrongState
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mailboxes import transfers
from mailserver.mailboxes.outbox import PAUSE_SECONDS, YOUNG_SECONDS, Outbox
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import MessageGone, NewMessage
from mailserver.store import (
    mailboxes,
    messages,
    outbox,
    queue,
    queue_claim,
    queue_orders,
    queue_record,
    quota,
    subscriptions,
    users,
)
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.events import Event, MailboxesChanged, MessagesRemoved
from mailserver.store.mailboxes import Mailbox
from mailserver.store.messages import Message
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event as QueueEvent
from mailserver.store.queue_states import State
from mailserver.store.store import Store
from tests.fakes import START, FakeClock
from tests.service.delivery.house import ANN, BOB, House, furnish

MESSAGE = (
    b"Bcc: secret@far.example\r\nFrom: ann@example.test\r\nTo: friend@far.example\r\nSubject: hello\r\n\r\nbody\r\n"
)
FRIEND = "friend@far.example"
DELETED, FLAGGED = FlagSet.of(("\\Deleted",)), FlagSet.of(("\\Flagged",))


@pytest.fixture
async def house(store: Store, clock: FakeClock) -> House:
    return await furnish(store, clock)


@pytest.fixture
def box(house: House) -> Outbox:
    return Outbox(house.store, house.clock, "Outbox")


async def schedule(house: House, *to: str) -> str:
    return await house.submit(MESSAGE, to or (FRIEND,), hold_until=house.clock.now() + timedelta(hours=1))


async def mailbox(house: House) -> Mailbox:
    return await house.store.read(mailboxes.get, house.ann.user_id, "Outbox")


async def shown(house: House) -> list[Message]:
    return await house.store.read(messages.list, (await mailbox(house)).id)


async def text(house: House) -> bytes:
    [message] = await house.inbox(ANN, "Outbox")
    return message


async def defer(house: House, says: str = "451 4.7.1 Greylisted") -> None:
    """An attempt at everything that is due, put off by an hour."""
    now = int(house.clock.now().timestamp() * 1000)
    entries = await house.store.write(queue_claim.claim, "w", 100, 60_000)
    assert entries
    attempt = Attempt(now, 5, "mx.far.example", code=451, status="4.7.1", text=says)
    settled = [Settled(entry.id, QueueEvent.DEFER, attempt, now + 3_600_000) for entry in entries]
    await house.store.write(queue_record.record, "w", settled)


async def states(house: House) -> list[State]:
    return [row.state for row in sorted(await house.queue(), key=lambda row: row.id)]


async def test_scheduled_mail_is_shown_with_its_time(house: House, box: Outbox) -> None:
    name = await schedule(house, FRIEND, BOB)
    await box.catch_up()
    message = await text(house)
    assert message.startswith(b"X-Queue-Status: scheduled\r\nX-Queue-Id: " + name.encode())
    assert b"X-Queue-Next-Attempt: Sun, 01 Mar 2026 13:00:00 +0000\r\n" in message
    assert b"X-Queue-Recipient: <friend@far.example>; scheduled;" in message
    assert b"X-Queue-Recipient: <bob@example.test>; scheduled;" in message
    assert message.endswith(b"Subject: hello\r\n\r\nbody\r\n")
    [row] = await shown(house)
    assert row.flags.text == "\\Seen"
    assert "Outbox" in await house.store.read(subscriptions.list, house.ann.user_id)
    assert (await mailbox(house)).special_use is None


async def test_mail_that_leaves_at_once_is_never_shown(house: House, box: Outbox) -> None:
    await house.submit(MESSAGE, [FRIEND])
    seconds = await box.catch_up()
    assert seconds is not None
    assert 0 < seconds <= YOUNG_SECONDS + 1
    assert await house.store.read(outbox.list_mailboxes) == []
    await house.clock.advance(seconds)
    await box.catch_up()
    assert b"X-Queue-Status: waiting" in await text(house)


async def test_each_change_is_a_new_uid_and_nothing_else_is(house: House, box: Outbox) -> None:
    await schedule(house)
    await box.catch_up()
    [first] = await shown(house)
    await box.catch_up()
    assert await shown(house) == [first]
    await house.clock.advance(3600)
    await defer(house)
    await box.catch_up()
    [second] = await shown(house)
    assert second.uid > first.uid
    assert second.internal_date == first.internal_date
    message = await text(house)
    assert b"X-Queue-Status: delayed" in message
    assert b"X-Queue-Last-Error: " in message
    assert b"Greylisted" in message


async def test_what_an_operator_holds_is_shown_as_held_until_it_is_released(house: House, box: Outbox) -> None:
    await schedule(house)
    [row] = await house.queue()
    await house.store.write(queue_orders.hold, [row.id], "look first")
    await box.catch_up()
    message = await text(house)
    assert message.startswith(b"X-Queue-Status: held\r\n")
    assert b"X-Queue-Recipient: <friend@far.example>; held" in message
    await house.store.write(queue_orders.release, [row.id])
    await box.catch_up()
    assert (await text(house)).startswith(b"X-Queue-Status: scheduled\r\n")


async def test_what_is_being_sent_keeps_its_message(house: House, box: Outbox) -> None:
    await schedule(house)
    await house.clock.advance(3600)
    await box.catch_up()
    before = await shown(house)
    await house.store.write(queue_claim.claim, "w", 10, 60_000)
    await box.catch_up()
    assert await shown(house) == before


async def test_sent_mail_is_gone_when_all_have_it(house: House, box: Outbox) -> None:
    await schedule(house, FRIEND, "other@far.example")
    await house.clock.advance(3600)
    first, second = await house.store.write(queue_claim.claim, "w", 10, 60_000)
    await house.store.write(queue_record.record, "w", [Settled(first.id, QueueEvent.DELIVER)])
    await box.catch_up()
    assert b"<friend@far.example>; delivered" in await text(house)
    await house.store.write(queue_record.record, "w", [Settled(second.id, QueueEvent.BOUNCE, text="no such user")])
    await box.catch_up()
    assert await shown(house) == []


async def test_it_takes_nobodys_room(house: House, box: Outbox) -> None:
    await house.store.write(lambda tx: tx.run("UPDATE users SET sent_copies = 'off'"))
    await schedule(house)
    await box.catch_up()
    room = await house.store.read(quota.get, house.ann.user_id)
    assert (room.used_octets, room.messages) == (0, 0)
    assert await house.store.write(quota.recount, house.ann.user_id) == 0
    await house.store.write(queue_orders.cancel, [row.id for row in await house.queue()], "x")
    await box.catch_up()
    assert (await house.store.read(quota.get, house.ann.user_id)).used_octets == 0


async def test_expunge_cancels_for_everybody(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house, FRIEND, BOB)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    await service.set_flags(house.ann.user_id, index, [1], FlagMode.ADD, DELETED)
    assert await service.expunge(house.ann.user_id, index, None) == [1]
    await service.require_expunged(index, None)
    assert await states(house) == [State.CANCELLED, State.CANCELLED]
    assert await house.inbox(ANN, "Sent") == []  # it was not sent
    await box.catch_up()
    assert await shown(house) == []
    service.release(index)


async def test_what_is_being_sent_can_not_be_cancelled(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await schedule(house)
    await box.catch_up()
    await house.clock.advance(3600)
    [entry] = await house.store.write(queue_claim.claim, "w", 1, 60_000)
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    await service.set_flags(house.ann.user_id, index, [1, 2], FlagMode.ADD, DELETED)
    assert await service.expunge(house.ann.user_id, index, None) == [2]
    with pytest.raises(WrongState, match="being sent at this moment"):
        await service.require_expunged(index, None)
    assert await states(house) == [State.SENDING, State.CANCELLED]
    assert entry.id == min(row.id for row in await house.queue())
    with pytest.raises(WrongState, match="being sent at this moment"):
        await service.move(house.ann.user_id, index, [1], "Drafts")
    assert await house.inbox(ANN, "Drafts") == []
    service.release(index)


async def test_some_have_it_already_the_rest_is_cancelled_and_the_copy_stays(
    house: House, box: Outbox, service: Mailboxes
) -> None:
    await schedule(house, FRIEND, "other@far.example")
    await house.clock.advance(3600)
    first, second = await house.store.write(queue_claim.claim, "w", 10, 60_000)
    now = int(house.clock.now().timestamp() * 1000)
    results = [Settled(first.id, QueueEvent.DELIVER), Settled(second.id, QueueEvent.DEFER, None, now + 60_000)]
    await house.store.write(queue_record.record, "w", results)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    [row] = await shown(house)
    await service.move(house.ann.user_id, index, [row.uid], "Trash")
    assert await states(house) == [State.DELIVERED, State.CANCELLED]
    assert len(await house.inbox(ANN, "Sent")) == 1
    service.release(index)


async def test_move_to_drafts_takes_the_message_back_as_it_was(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    copied = await service.move(house.ann.user_id, index, [1], "Drafts")
    assert copied.source_uids == (1,)
    [draft] = await house.inbox(ANN, "Drafts")
    names = [line.partition(b":")[0] for line in draft.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    assert sorted(names) == [b"Bcc", b"Date", b"From", b"Message-ID", b"Subject", b"To"]
    assert draft.endswith(b"\r\n\r\nbody\r\n")
    drafts = await house.store.read(mailboxes.get, house.ann.user_id, "Drafts")
    [row] = await house.store.read(messages.list, drafts.id)
    assert set(row.flags.names) == {"\\Draft", "\\Seen"}
    assert await states(house) == [State.CANCELLED]
    assert await shown(house) == []
    assert await house.inbox(ANN, "Sent") == []
    with pytest.raises(MessageGone):
        await service.move(house.ann.user_id, index, [1], "Drafts")
    service.release(index)


async def test_copy_is_the_original_and_cancels_nothing(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    await service.copy(house.ann.user_id, index, [1], "Drafts")
    [draft] = await house.inbox(ANN, "Drafts")
    assert b"X-Queue" not in draft
    assert await states(house) == [State.PENDING]
    service.release(index)


async def test_elsewhere_it_can_not_be_moved(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    for target in ("Archive", "INBOX", "Outbox"):
        with pytest.raises(CannotMailbox, match="Drafts"):
            await service.move(house.ann.user_id, index, [1], target)
    assert await states(house) == [State.PENDING]
    assert house.staging() == []
    service.release(index)


async def test_a_flag_tries_delayed_mail_now(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await house.clock.advance(3600)
    await defer(house)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    [row] = await shown(house)
    assert await house.store.write(queue_claim.claim, "w", 10, 1000) == []
    await service.set_flags(house.ann.user_id, index, [row.uid], FlagMode.ADD, FLAGGED)
    assert len(await house.store.write(queue_claim.claim, "w", 10, 1000)) == 1
    await box.catch_up()
    assert [each.flags.text for each in await shown(house)] == ["\\Seen"]  # the flag was an order, and is carried out
    service.release(index)


async def test_a_flag_does_not_send_scheduled_mail_early(house: House, box: Outbox, service: Mailboxes) -> None:
    await schedule(house)
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    await service.set_flags(house.ann.user_id, index, [1], FlagMode.ADD, FLAGGED)
    assert await house.store.write(queue_claim.claim, "w", 10, 1000) == []
    service.release(index)


async def test_nothing_can_be_put_into_it_and_it_stays_what_it_is(
    house: House, box: Outbox, service: Mailboxes
) -> None:
    await schedule(house)
    await box.catch_up()
    ann = house.ann.user_id
    new = await house.store.stage_bytes(b"Subject: x\r\n\r\n")
    with pytest.raises(CannotMailbox, match="handed in to be sent"):
        await house.store.write(transfers.append, ann, "Outbox", new, FlagSet.of(()), None)
    await house.receive(b"Subject: y\r\n\r\n", [ANN])
    inbox, _ = await service.select(ann, "INBOX", claim_recent=False)
    for transfer in (service.copy, service.move):
        with pytest.raises(CannotMailbox):
            await transfer(ann, inbox, [1], "Outbox")
    index, _ = await service.select(ann, "Outbox", claim_recent=False)
    with pytest.raises(CannotMailbox):
        await service.replace(index, 1, ann, "Drafts", NewMessage(new, FlagSet.of(()), None))
    with pytest.raises(CannotMailbox):
        await service.rename(ann, "Outbox", "Other")
    with pytest.raises(CannotMailbox):
        await service.delete(ann, "Outbox")
    service.release(index)
    service.release(inbox)


async def test_a_mailbox_of_that_name_is_left_alone(house: House, box: Outbox, service: Mailboxes) -> None:
    await service.create(house.ann.user_id, "Outbox")
    await schedule(house)
    await box.catch_up()
    assert await house.inbox(ANN, "Outbox") == []
    assert len(await house.inbox(ANN, "Outbox 2")) == 1


async def test_switched_off_it_goes_and_the_mail_stays(house: House, box: Outbox) -> None:
    await schedule(house)
    await box.catch_up()
    box.reconfigure("")
    await box.catch_up()
    assert await house.store.read(outbox.list_mailboxes) == []
    assert "Outbox" not in [each.name for each in await house.store.read(mailboxes.list, house.ann.user_id)]
    assert await states(house) == [State.PENDING]


async def test_what_a_crash_left_behind_is_made_right(house: House, box: Outbox) -> None:
    await schedule(house)
    await box.catch_up()
    [row] = await shown(house)
    await house.store.write(messages.remove, row.mailbox_id, [row.uid])  # as if the file had been lost
    await Outbox(house.store, house.clock, "Outbox").catch_up()
    assert len(await shown(house)) == 1
    await house.store.write(queue_orders.cancel, [each.id for each in await house.queue()], "by the operator")
    await Outbox(house.store, house.clock, "Outbox").catch_up()
    assert await shown(house) == []
    assert await house.inbox(ANN, "Sent") == []


async def test_it_follows_by_itself(house: House, box: Outbox) -> None:
    shown_now, gone = asyncio.Event(), asyncio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, MailboxesChanged):
            shown_now.set()
        elif isinstance(event, MessagesRemoved):
            gone.set()

    house.submission.configure(SubmissionConfig(undo_seconds=60))
    unsubscribe = house.store.subscribe(hear)
    await house.submit(MESSAGE, [FRIEND])
    await box.start()
    async with asyncio.timeout(10):
        await shown_now.wait()
        assert b"X-Queue-Status: scheduled" in await text(house)
        await house.store.write(queue_orders.cancel, [row.id for row in await house.queue()], "by the operator")
        while not gone.is_set():  # it looks again after a pause, whenever that begins
            await house.clock.advance(PAUSE_SECONDS)
            await asyncio.sleep(0.001)
    await box.stop()
    unsubscribe()


async def test_files_of_replaced_messages_are_gone(house: House, box: Outbox) -> None:
    await schedule(house)
    await box.catch_up()
    await house.clock.advance(3600)
    await defer(house)
    await box.catch_up()
    await house.store.settle()
    folder = house.store.maildir.root / (await mailbox(house)).folder / "cur"
    assert len([*folder.iterdir()]) == 1
    assert house.staging() == []


async def test_that_some_had_it_long_ago_is_not_forgotten_while_it_waits_for_others(
    house: House, box: Outbox, service: Mailboxes
) -> None:
    await schedule(house, FRIEND, "other@far.example")
    await house.clock.advance(3600)
    first, second = await house.store.write(queue_claim.claim, "w", 10, 60_000)
    now = int(house.clock.now().timestamp() * 1000)
    results = [Settled(first.id, QueueEvent.DELIVER), Settled(second.id, QueueEvent.DEFER, None, now + 60_000)]
    await house.store.write(queue_record.record, "w", results)
    await house.store.write(queue_orders.hold, [second.id], "later")
    assert await house.store.write(queue.remove_finished, now + 1) == 0
    await box.catch_up()
    index, _ = await service.select(house.ann.user_id, "Outbox", claim_recent=False)
    [row] = await shown(house)
    await service.move(house.ann.user_id, index, [row.uid], "Trash")
    assert len(await house.inbox(ANN, "Sent")) == 1
    assert await house.store.write(queue.remove_finished, now + 1) == 2
    service.release(index)


async def test_the_copy_stays_where_rows_were_deleted_for_good(house: House, box: Outbox) -> None:
    await schedule(house)
    await box.catch_up()
    [row] = await house.queue()
    await house.store.write(queue.remove, row.id)
    await box.catch_up()
    assert await shown(house) == []
    assert len(await house.inbox(ANN, "Sent")) == 1


async def test_who_has_very_much_waiting_hides_nobody_elses(house: House) -> None:
    """And is shown the oldest of his own."""

    def wait(tx: Tx) -> None:
        at = (START + timedelta(days=1)).timestamp() * 1000
        rows = [(house.ann.user_id, f"ann-{number}", at) for number in range(outbox.MAX_WAITING + 5)]
        tx.many(
            """INSERT INTO outbound_queue
                   (sender, recipient, message_path, user_id, transaction_id, not_before, expires_at)
               VALUES ('a@example.test', 'x@far.example', 'none', ?, ?, ?, 1)""",
            [*rows, (users.get(tx, BOB).id, "bob-1", at)],
        )

    await house.store.write(wait)
    shown_of = await house.store.read(outbox.list_waiting, "2000-01-01 00:00:00")
    assert len(shown_of) == outbox.MAX_WAITING + 1
    assert (shown_of[0], shown_of[-1]) == ("ann-0", "bob-1")
