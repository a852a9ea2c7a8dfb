"""Mail from anybody: what is stored, what is refused, and that a refusal leaves nothing behind."""

import asyncio
import dataclasses
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailserver.config.tree import DeliveryConfig, QueueConfig, SmtpConfig
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.deliver import LocalDelivery
from mailserver.errors import (
    BadAddress,
    InsufficientStorage,
    MailboxDisabled,
    MailLoop,
    NoSuchUser,
    NotPermitted,
    OverQuota,
    Refusal,
    RelayDenied,
    TooBig,
)
from mailserver.mail.editing import HeaderBlock, is_named
from mailserver.mail.transaction import Envelope, EnvelopeRecipient
from mailserver.store import aliases, delivery_log, mailboxes, queue, users
from mailserver.store.events import Event, MessagesAdded
from mailserver.store.reserve import Reserve
from tests.service.delivery.house import ANN, BOB, HOST, PEER, House, fields

MESSAGE = b"From: x@far.example\r\nSubject: hello\r\nMessage-ID: <1@far.example>\r\n\r\nA line.\r\n.\r\n"


async def test_a_message_is_stored_as_it_came_below_its_trace_fields(house: House) -> None:
    name = await house.receive(MESSAGE, [ANN])
    (stored,) = await house.inbox(ANN)
    assert stored.endswith(MESSAGE)
    assert fields(stored)[:3] == [
        b"Return-Path: <x@far.example>",
        b"Delivered-To: ann@example.test",
        b"Received: from client.far.example ([192.0.2.7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)"
        b" by mail.example.test with ESMTPS id " + name.encode() + b" for <ann@example.test>;"
        b" Sun, 01 Mar 2026 12:00:00 +0000",
    ]
    (entry,) = await house.store.read(delivery_log.list)
    assert (entry.message_id, entry.sender, entry.recipient) == ("1@far.example", "x@far.example", ANN)
    assert (entry.outcome, entry.direction, entry.smtp_code) == ("delivered", "inbound", 250)


async def test_several_recipients_share_one_file_and_learn_nothing_of_each_other(house: House) -> None:
    heard: list[Event] = []
    house.store.subscribe(heard.append)
    await house.receive(MESSAGE, [ANN, BOB, "ann+list@example.test"], sender="")
    (at_ann,), (at_bob,) = await house.inbox(ANN), await house.inbox(BOB)  # once each
    assert at_ann == at_bob
    assert fields(at_ann)[0] == b"Return-Path: <>"
    assert b"Delivered-To" not in at_ann
    assert b" for <" not in at_ann
    links = [os.stat(path).st_nlink for path in house.store.maildir.root.rglob("cur/*")]
    assert links == [2, 2]
    assert sum(isinstance(event, MessagesAdded) for event in heard) == 2


async def test_what_claims_to_come_from_us_is_taken_out(house: House) -> None:
    forged = (
        b"Return-Path: <ceo@bank.example>\r\n"
        b"Authentication-Results: mail.example.test; dkim=pass\r\n"
        b"AUTHENTICATION-RESULTS: Mail.Example.TEST 1;\r\n\tspf=pass\r\n"
        b"Authentication-Results: (comment) mail.example.test; dmarc=pass\r\n"
        b"Authentication-Results: mx.far.example; spf=pass\r\n"
        b"Delivered-To: somebody@far.example\r\n"
    )
    await house.receive(forged + MESSAGE, [ANN])
    (stored,) = await house.inbox(ANN)
    results = [field for field in fields(stored) if field.lower().startswith(b"authentication-results")]
    assert results == [b"Authentication-Results: mx.far.example; spf=pass"]
    assert [f for f in fields(stored) if f.startswith(b"Return-Path")] == [b"Return-Path: <x@far.example>"]
    assert b"Delivered-To: somebody@far.example\r\n" in stored


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (b"no header at all\r\nsecond line\r\n", b"no header at all\r\nsecond line\r\n"),
        (b"Subject: only a header\r\n", b""),
        (b"\r\nonly a body\r\n", b"only a body\r\n"),
        (b"Subject: odd\r\nnot a field\r\n\r\nbody\r\n", b"body\r\n"),
    ],
)
async def test_odd_messages_keep_their_body(house: House, message: bytes, body: bytes) -> None:
    await house.receive(message, [ANN])
    (stored,) = await house.inbox(ANN)
    assert stored.partition(b"\r\n\r\n")[2] == body


async def test_a_large_message_is_stored_whole(house: House) -> None:
    large = MESSAGE + b"x" * 76 + b"\r\n"
    large += (b"y" * 998 + b"\r\n") * 1000
    await house.receive(large, [ANN, "away@example.test"])
    (stored,) = await house.inbox(ANN)
    assert stored.endswith(large)
    (spooled,) = house.spool()
    assert spooled.read_bytes().endswith(large)


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("nobody@example.test", NoSuchUser),
        ("off@example.test", MailboxDisabled),
        ("ann@far.example", RelayDenied),
        ("ann@[127.0.0.1]", RelayDenied),
        ('"ann@example.test"@far.example', RelayDenied),
        ("ann%far.example@example.test", NoSuchUser),
        ("@example.test", BadAddress),
    ],
)
async def test_who_is_not_here_is_refused_at_rcpt(house: House, address: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        await house.delivery.resolve(address, None, "x@far.example")


async def test_a_full_mailbox_refuses_at_rcpt_by_the_announced_size(house: House) -> None:
    await house.store.write(users.set_quota, ANN, 1000)
    await house.delivery.resolve(ANN, 1000, "x@far.example")
    await house.delivery.resolve(ANN, None, "x@far.example")
    with pytest.raises(OverQuota):
        await house.delivery.resolve(ANN, 1001, "x@far.example")
    await house.delivery.resolve("team@example.test", 1001, "x@far.example")  # the others have room


async def test_a_mailbox_with_as_many_messages_as_it_may_hold_refuses(house: House) -> None:
    await house.store.write(users.set_quota_messages, ANN, 1)
    await house.delivery.resolve(ANN, None, "x@far.example")
    await house.receive(MESSAGE, [ANN])
    for address in (ANN, ANN.upper()):
        with pytest.raises(OverQuota):
            await house.delivery.resolve(address, None, "x@far.example")
    await house.delivery.resolve("team@example.test", None, "x@far.example")  # the others have room
    await house.store.write(users.set_quota_messages, ANN, 2)
    await house.receive(MESSAGE, [ANN])
    assert len(await house.inbox(ANN)) == 2


async def test_a_message_nobody_has_room_for_leaves_nothing(house: House) -> None:
    for address in (ANN, BOB):
        await house.store.write(users.set_quota, address, len(MESSAGE))  # too small with the trace fields
    with pytest.raises(OverQuota):
        await house.receive(MESSAGE, [ANN, BOB])
    assert await house.inbox(ANN) == await house.inbox(BOB) == []
    assert house.staging() == []
    assert await house.store.read(delivery_log.list) == []


async def test_who_was_accepted_at_rcpt_gets_it_where_another_has_room(house: House) -> None:
    await house.store.write(users.set_quota, ANN, len(MESSAGE))
    await house.receive(MESSAGE, [ANN, BOB])
    assert len(await house.inbox(ANN)) == len(await house.inbox(BOB)) == 1
    with pytest.raises(OverQuota):
        await house.delivery.resolve(ANN, None, "x@far.example")


async def test_the_quota_is_what_the_files_take(house: House) -> None:
    await house.receive(MESSAGE, [ANN])
    ann = await house.store.read(users.get, ANN)
    (stored,) = await house.inbox(ANN)
    assert ann.used_bytes == len(stored)
    assert await house.store.write(users.recount, ANN) == 0


async def test_too_many_hops_are_a_loop(house: House) -> None:
    hop = b"Received: from a by b; Sun, 01 Mar 2026 12:00:00 +0000\r\n"
    await house.receive(hop * 50 + MESSAGE, [ANN])
    with pytest.raises(MailLoop):
        await house.receive(hop * 51 + MESSAGE, [ANN])
    assert house.staging() == []


async def test_a_header_too_large_to_be_looked_at_is_refused(house: House) -> None:
    with pytest.raises(TooBig):
        await house.receive(b"X-Filler: " + b"x" * 300_000 + b"\r\n" + MESSAGE, [ANN])


async def test_an_alias_forwards_with_the_sender_and_our_trace(house: House) -> None:
    await house.receive(b"Return-Path: <y@far.example>\r\n" + MESSAGE, ["team@example.test", "away@example.test"])
    assert len(await house.inbox(ANN)) == len(await house.inbox(BOB)) == 1
    (entry,) = await house.queue()  # the address elsewhere once
    assert (entry.sender, entry.recipient, entry.user_id) == ("x@far.example", "friend@far.example", None)
    (spooled,) = house.spool()
    sent = spooled.read_bytes()
    assert fields(sent)[0].startswith(b"Received: from client.far.example")
    assert sent.endswith(MESSAGE)
    assert b"Return-Path" not in sent


async def test_a_full_disk_is_told_at_mail(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reserve, "has_room", lambda _: False)
    with pytest.raises(InsufficientStorage):
        await house.delivery.check_sender("x@far.example", PEER)
    with pytest.raises(InsufficientStorage):
        await house.submission.check_sender(house.ann, ANN)


async def test_a_sender_that_can_not_stand_in_a_header_is_refused(house: House) -> None:
    with pytest.raises(BadAddress):
        await house.delivery.check_sender('"a<b"@far.example', PEER)


async def test_a_stage_may_add_to_the_header_or_refuse(house: House) -> None:
    async def note(arriving: Arriving) -> Arriving:
        assert arriving.envelope.peer is PEER
        line = b"Authentication-Results: mail.example.test; none\r\n"
        return dataclasses.replace(arriving, header=arriving.header.with_first([line]))

    async def refuse(arriving: Arriving) -> Arriving:
        raise NotPermitted

    def build(*stages: Callable[[Arriving], Awaitable[Arriving]]) -> None:
        house.delivery = LocalDelivery(
            house.store, house.clock, HOST, SmtpConfig(), DeliveryConfig(), QueueConfig(), stages
        )

    build(note)
    await house.receive(b"Authentication-Results: mail.example.test; dmarc=pass\r\n" + MESSAGE, [ANN])
    (stored,) = await house.inbox(ANN)
    assert fields(stored)[3] == b"Authentication-Results: mail.example.test; none"
    assert b"dmarc=pass" not in stored
    build(note, refuse)
    with pytest.raises(NotPermitted):
        await house.receive(MESSAGE, [ANN])
    assert len(await house.inbox(ANN)) == 1


async def test_an_account_purged_since_rcpt_is_asked_for_again(house: House) -> None:
    resolved = await house.delivery.resolve(ANN, None, "x@far.example")
    await house.store.write(users.remove, ANN)
    await house.store.write(users.purge, 2**60)
    async with house.store.incoming() as incoming:
        await incoming.write(MESSAGE)
        with pytest.raises(Refusal) as refused:
            await house.delivery.accept(Envelope("", (EnvelopeRecipient(ANN, resolved),), PEER), incoming)
    assert refused.value.smtp.startswith("4")


async def test_disabling_an_alias_stops_its_mail(house: House) -> None:
    await house.store.write(aliases.set_active, "away@example.test", False)
    with pytest.raises(MailboxDisabled):
        await house.receive(MESSAGE, ["away@example.test"])
    assert await house.store.read(queue.list) == []


async def test_uids_ascend_in_the_order_of_acceptance(house: House) -> None:
    for number in range(5):
        await house.receive(b"Subject: %d\r\n\r\nx\r\n" % number, [ANN])
    subjects = [f for stored in await house.inbox(ANN) for f in fields(stored) if f.startswith(b"Subject")]
    assert subjects == [b"Subject: %d" % number for number in range(5)]
    assert (await house.store.read(mailboxes.get, house.ann.user_id, "INBOX")).uidnext == 6


async def test_a_change_during_the_look_at_an_address_is_not_overlooked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = house.store.read

    async def disabled_meanwhile(*arguments: Any) -> Any:
        found = await read(*arguments)
        await house.store.write(users.set_active, ANN, False)
        return found

    with monkeypatch.context() as late:
        late.setattr(house.store, "read", disabled_meanwhile)
        await house.delivery.resolve(ANN, None, "x@far.example")
    with pytest.raises(MailboxDisabled):
        await house.delivery.resolve(ANN, None, "x@far.example")


async def test_a_large_header_is_kept_and_does_not_hold_up_the_others(house: House) -> None:
    message = b"X: y\r\n" * 40_000 + b"\r\nbody\r\n"
    started = time.perf_counter()
    HeaderBlock.parse(message).without(is_named(b"none")).render()
    alone = time.perf_counter() - started
    longest, over = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not over:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await house.receive(message, [ANN])
    over = True
    await watching
    assert longest < alone
    (stored,) = await house.inbox(ANN)
    assert stored.endswith(b"+0000\r\n" + message)
