"""Mail from the queue for mailboxes here: scheduled mail at its time, domains that became ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

import pytest

from mailserver.config.tree import DeliveryConfig, QueueConfig
from mailserver.delivery.local_carrier import LocalCarrier
from mailserver.mail.reports import Action
from mailserver.mail.transaction import Notify
from mailserver.queue.told import line_for
from mailserver.remote.consignment import Consignment, Result, Taken, Verdict, unheard
from mailserver.store import aliases, domains, queue, queue_claim, queue_record, users
from mailserver.store.database import Rx, Tx
from mailserver.store.queue import Entry
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from tests.service.delivery.house import ANN, BOB, HOST, House, fields

MESSAGE = b"From: ann@example.test\r\nSubject: hello\r\n\r\nbody\r\n"
FRIEND = "friend@far.example"
HOUR = 3600


@dataclass
class Away:
    """The carrier for other servers: remembers, delivers nothing."""

    entries: list[Entry] = field(default_factory=list)

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        self.entries += consignment.entries
        return [Result(entry.id, Verdict.DEFERRED, None) for entry in consignment.entries]


@pytest.fixture
def away() -> Away:
    return Away()


@pytest.fixture
def carrier(house: House, away: Away) -> LocalCarrier:
    return LocalCarrier(house.store, house.clock, HOST, DeliveryConfig(), QueueConfig(), away)


async def schedule(house: House, to: Sequence[str], message: bytes = MESSAGE) -> str:
    return await house.submit(message, to, hold_until=house.clock.now() + timedelta(seconds=HOUR))


async def carry(house: House, carrier: LocalCarrier) -> dict[str, Result]:
    """What is due, by destination, as the dispatcher does it; by recipient. Rows stay claimed."""
    entries = await house.store.write(queue_claim.claim, "w", 100, 60_000)
    results: list[Result] = []
    for destination, those in groupby(sorted(entries, key=lambda e: e.destination), key=lambda e: e.destination):
        results += await carrier.carry(Consignment(tuple(those), destination))
    names = {entry.id: entry.recipient for entry in entries}
    assert sorted(result.entry_id for result in results) == sorted(names)
    return {names[result.entry_id]: result for result in results}


def reply(result: Result) -> tuple[int | None, str | None]:
    assert result.attempt is not None
    return result.attempt.code, result.attempt.status


async def test_scheduled_mail_is_in_the_inbox_at_its_time_and_not_before(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    await house.clock.advance(HOUR - 1)
    assert await carry(house, carrier) == {}
    await house.clock.advance(1)
    results = await carry(house, carrier)
    assert results[BOB].verdict is Verdict.DELIVERED
    assert reply(results[BOB]) == (250, "2.1.5")
    [message] = await house.inbox(BOB)
    assert message.endswith(b"\r\n\r\nbody\r\n")
    names = [line.partition(b":")[0] for line in fields(message)]
    assert names[:3] == [b"Return-Path", b"Delivered-To", b"Received"]
    assert b"Return-Path: <ann@example.test>" in message


async def test_a_crash_after_the_delivery_delivers_nothing_twice(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    await house.clock.advance(HOUR)
    await carry(house, carrier)
    await house.store.write(queue_claim.lose, "next start", alone=True)  # the row never heard of it
    await house.clock.advance(60)
    results = await carry(house, carrier)
    assert results[BOB].verdict is Verdict.DELIVERED
    assert len(await house.inbox(BOB)) == 1


async def test_rows_of_others_are_the_other_carriers(house: House, carrier: LocalCarrier, away: Away) -> None:
    await schedule(house, [FRIEND, BOB])
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert [entry.recipient for entry in away.entries] == [FRIEND]
    assert {name: result.verdict for name, result in results.items()} == {
        FRIEND: Verdict.DEFERRED,
        BOB: Verdict.DELIVERED,
    }


async def test_an_address_means_what_it_means_at_release(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, ["team@example.test", "away@example.test"])
    await house.store.write(aliases.remove, "away@example.test")
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert reply(results["away@example.test"]) == (550, "5.1.1")
    assert results["away@example.test"].verdict is Verdict.FAILED
    assert results["team@example.test"].verdict is Verdict.DELIVERED
    assert [len(await house.inbox(who)) for who in (ANN, BOB)] == [1, 1]
    forwarded = [row for row in await house.queue() if row.recipient == FRIEND]
    assert [(row.sender, row.not_before, row.user_id) for row in forwarded] == [(ANN, None, None)]


async def test_a_full_mailbox_is_tried_again(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB, ANN])
    await house.store.write(users.set_quota, BOB, 10)
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert (results[BOB].verdict, reply(results[BOB])) == (Verdict.DEFERRED, (452, "4.2.2"))
    assert results[ANN].verdict is Verdict.DELIVERED


async def test_a_disabled_account_is_a_failure_with_its_reason(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    await house.store.write(users.set_active, BOB, False)
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert (results[BOB].verdict, reply(results[BOB])) == (Verdict.FAILED, (550, "5.2.1"))


async def test_a_domain_that_became_ours_gets_its_mail(house: House, carrier: LocalCarrier, away: Away) -> None:
    await house.submit(MESSAGE, [FRIEND])

    def take_over(tx: Tx) -> None:
        domains.add(tx, "far.example")
        users.add(tx, FRIEND, "$argon2id$unused")

    await house.store.write(take_over)
    results = await carry(house, carrier)
    assert results[FRIEND].verdict is Verdict.DELIVERED
    assert away.entries == []
    assert len(await house.inbox(FRIEND)) == 1


def shape(message: bytes) -> list[bytes]:
    """All of it but who took it when, under which id."""
    head, _, body = message.partition(b"\r\n\r\n")
    return [line for line in fields(head + b"\r\n\r\n") if not line.startswith((b"Received:", b"Date:"))] + [body]


async def test_an_alias_forwards_scheduled_mail_as_it_does_any_other(house: House, carrier: LocalCarrier) -> None:
    """The sender is ours, so SPF holds without SRS; we are the first server, so there is nothing to seal."""
    message = b"Message-ID: <1@example.test>\r\n" + MESSAGE
    await house.submit(message, ["away@example.test", "team@example.test"])
    [soon] = [entry for entry in await house.queue() if entry.recipient == FRIEND]
    [file] = house.spool()
    at_once = file.read_bytes()
    await house.store.write(queue.remove, soon.id)
    await schedule(house, ["away@example.test", "team@example.test"], message)
    await house.clock.advance(HOUR)
    await carry(house, carrier)
    [late] = [entry for entry in await house.queue() if entry.recipient == FRIEND]
    [sent] = {path.read_bytes() for path in house.spool()}
    assert shape(sent) == shape(at_once)
    alike = ("sender", "notify", "orcpt", "envid", "ret", "body", "user_id", "domain_id", "priority", "smtputf8")
    assert [getattr(late, name) for name in alike] == [getattr(soon, name) for name in alike]
    assert late.sender == ANN


async def test_who_is_named_twice_gets_one_copy(house: House, carrier: LocalCarrier, away: Away) -> None:
    def second_domain(tx: Tx) -> None:
        domains.add(tx, "other.test")
        aliases.add(tx, "bob@other.test", [BOB])
        aliases.add(tx, "friend@other.test", [FRIEND])

    await house.store.write(second_domain)
    to = [FRIEND, "away@example.test", BOB, "bob@other.test", "friend@other.test", "team@example.test"]
    await schedule(house, to)
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert {each.verdict for name, each in results.items() if name != FRIEND} == {Verdict.DELIVERED}
    assert len(await house.inbox(BOB)) == len(await house.inbox(ANN)) == 1
    assert [entry.recipient for entry in await house.queue() if entry.recipient == FRIEND] == [FRIEND]
    assert [entry.recipient for entry in away.entries] == [FRIEND]


async def test_a_lost_spool_file_fails_in_words(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    for path in house.spool():
        path.unlink()
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    assert results[BOB].verdict is Verdict.FAILED
    assert results[BOB].attempt is not None
    assert results[BOB].attempt.text == "The spool file is missing"


async def test_a_hand_over_that_fails_leaves_the_row_for_later(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    await house.clock.advance(HOUR)
    inbox = await house.store.read(_inbox_id)

    def break_inbox(tx: Tx) -> None:
        tx.run("DELETE FROM mailboxes WHERE id = ?", inbox)

    await house.store.write(break_inbox)
    results = await carry(house, carrier)
    assert (results[BOB].verdict, reply(results[BOB])) == (Verdict.DEFERRED, (451, "4.3.0"))


def _inbox_id(rx: Rx) -> int:
    row = rx.one(
        "SELECT b.id FROM mailboxes b JOIN users u ON u.id = b.user_id WHERE u.username = 'bob' AND b.name = 'INBOX'"
    )
    assert row is not None
    return int(row[0])


async def test_the_row_ends_and_its_spool_file_goes(house: House, carrier: LocalCarrier) -> None:
    await schedule(house, [BOB])
    await house.clock.advance(HOUR)
    results = await carry(house, carrier)
    settled = [Settled(results[BOB].entry_id, Event.DELIVER, results[BOB].attempt)]
    await house.store.write(queue_record.record, "w", settled)
    await house.store.settle()
    assert house.spool() == []


@pytest.mark.parametrize(
    ("to", "action", "passed_on"),
    [
        (BOB, Action.DELIVERED, []),
        ("team@example.test", Action.EXPANDED, ["FAILURE"]),
        ("away@example.test", None, ["SUCCESS,FAILURE"]),  # told by the next server
    ],
)
async def test_success_is_told_once_whatever_the_address_stands_for(
    house: House, carrier: LocalCarrier, to: str, action: Action | None, passed_on: list[str]
) -> None:
    release = house.clock.now() + timedelta(seconds=HOUR)
    await house.submit(MESSAGE, [to], hold_until=release, notify=Notify.SUCCESS | Notify.FAILURE)
    await house.clock.advance(HOUR)
    [row] = await house.queue()
    result = (await carry(house, carrier))[to]
    line = line_for(row, Settled(row.id, Event.DELIVER, result.attempt), HOST)
    assert (line.action if line is not None else None) == action
    assert [row.notify for row in await house.queue() if row.recipient == FRIEND] == passed_on
