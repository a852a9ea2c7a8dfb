"""Mail of an account: who it may write as, what is added to the header, where it goes."""

import hashlib

import pytest

from mailserver.auth.account import Account
from mailserver.config.tree import DeliveryConfig, DkimConfig, QueueConfig, SmtpConfig, SubmissionConfig
from mailserver.delivery.ownership import MAX_SENDERS
from mailserver.delivery.submission import Submission
from mailserver.dkim.sign import Signer
from mailserver.errors import BadContent, LimitReached, Refusal, SenderNotOwned, SendingLimit
from mailserver.mail.transaction import Notify
from mailserver.store import aliases, domains, users
from mailserver.store.events import Event, QueueChanged
from tests.service.delivery.house import ANN, BOB, HOST, House, fields

MESSAGE = (
    b"From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nBcc: hidden@far.example\r\n\t(folded)\r\n"
    b"Date: Sun, 01 Mar 2026 11:59:00 +0000\r\nMessage-ID: <1@client>\r\nX-Mine: kept\r\nSubject: hello\r\n\r\nHi.\r\n"
)


async def test_local_recipients_get_it_at_once_and_remote_ones_are_queued(house: House) -> None:
    heard: list[Event] = []
    house.store.subscribe(heard.append)
    name = await house.submit(MESSAGE, [BOB, "x@far.example", "Y@other.example"])
    (stored,) = await house.inbox(BOB)
    entries = await house.queue()
    assert [entry.recipient for entry in entries] == ["x@far.example", "Y@other.example"]
    assert any(isinstance(event, QueueChanged) for event in heard)
    (spooled,) = house.spool()
    sent = spooled.read_bytes()
    assert spooled.name == hashlib.sha256(sent).hexdigest() == entries[0].message_path == entries[1].message_path
    assert fields(stored)[:2] == [b"Return-Path: <ann@example.test>", b"Delivered-To: bob@example.test"]
    assert fields(sent)[0].startswith(b"Received: from [192.168.1.5] ([IPv6:2001:db8::5])")
    assert b"with ESMTPSA id " + name.encode() in fields(sent)[0]
    for copy in (stored, sent):
        assert b"hidden" not in copy
        assert b"folded" not in copy
        assert b"X-Mine: kept\r\nSubject: hello\r\n\r\nHi.\r\n" in copy
        assert copy.count(b"Date:") == copy.count(b"Message-ID:") == 1
    assert house.staging() == []


async def test_the_queue_keeps_what_the_sender_asked_for(house: House) -> None:
    await house.submit(MESSAGE, ["x@far.example"])
    (entry,) = await house.queue()
    assert (entry.sender, entry.user_id, entry.status, entry.attempts) == (ANN, house.ann.user_id, "pending", 0)
    assert (entry.envid, entry.ret, entry.notify, entry.orcpt) == (
        "QQ314159",
        "HDRS",
        "FAILURE",
        "rfc822;x@far.example",
    )
    assert (entry.body, entry.smtputf8, entry.message_id) == ("7BIT", False, "1@client")
    assert entry.message_octets == house.spool()[0].stat().st_size
    assert entry.next_attempt == entry.created_at == "2026-03-01 12:00:00"
    assert entry.expires_at == int(house.clock.now().timestamp() * 1000) + 5 * 86_400_000


async def test_missing_fields_are_added(house: House) -> None:
    await house.submit(b"Subject: hello\r\n\r\nHi.\r\n", [BOB])
    (stored,) = await house.inbox(BOB)
    names = dict(field.split(b": ", 1) for field in fields(stored))
    assert names[b"Date"] == b"Sun, 01 Mar 2026 12:00:00 +0000"
    assert names[b"From"] == b"<ann@example.test>"
    assert names[b"Message-ID"].endswith(b"@mail.example.test>")
    await house.submit(b"Subject: hello\r\n\r\nHi.\r\n", [BOB])
    assert len({next(f for f in fields(m) if f.startswith(b"Message-ID")) for m in await house.inbox(BOB)}) == 2


@pytest.mark.parametrize(
    ("sender", "written", "refusal"),
    [
        (ANN, b"From: ann@example.test", None),
        (ANN, b'From: "Ann, at home" <ANN@Example.Test>', None),
        ("ann+shop@example.test", b"From: ann+shop@example.test", None),
        ("team@example.test", b"From: Team <team@example.test>", None),
        (ANN, b"From: ann@example.test, team@example.test\r\nSender: ann@example.test", None),
        ("", b"From: ann@example.test", None),  # a read receipt
        (BOB, b"From: ann@example.test", SenderNotOwned),
        ("x@far.example", b"From: ann@example.test", SenderNotOwned),
        ("away@example.test", b"From: ann@example.test", SenderNotOwned),  # an alias that leads elsewhere
        (ANN, b"From: bob@example.test", SenderNotOwned),
        (ANN, b"From: ann@example.test, bob@example.test", SenderNotOwned),
        (ANN, b"From: ann@example.test\r\nSender: bob@example.test", SenderNotOwned),
        (ANN, b"From : ceo@bank.example", SenderNotOwned),  # a space before the colon hides nothing
        (ANN, b"From: =?utf-8?q?ann=40example.test?= <ceo@bank.example>", SenderNotOwned),
        (ANN, b"From: ann@example.test\r\nFrom: ceo@bank.example", BadContent),
        (ANN, b"From: ann", BadContent),
        (ANN, b"From:", BadContent),
        (ANN, b"From: nobody in particular:;", BadContent),
    ],
)
async def test_only_the_owner_writes_as(
    house: House, sender: str, written: bytes, refusal: type[Refusal] | None
) -> None:
    message = written + b"\r\nSubject: x\r\n\r\nx\r\n"
    if refusal is None:
        await house.submit(message, [BOB, "x@far.example"], sender)
        assert len(await house.inbox(BOB)) == len(await house.queue()) == 1
        return
    with pytest.raises(refusal):
        await house.submit(message, [BOB, "x@far.example"], sender)
    assert await house.inbox(BOB) == []
    assert await house.queue() == []
    assert house.staging() == house.spool() == []


async def test_an_alias_taken_away_is_no_sender_any_more(house: House) -> None:
    await house.store.write(aliases.remove_target, "team@example.test", ANN)
    with pytest.raises(SenderNotOwned):
        await house.submission.check_sender(house.ann, "team@example.test")


async def test_so_many_recipients_within_an_hour(house: House) -> None:
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(4)])
    await house.clock.advance(1800)
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(5)])
    with pytest.raises(LimitReached):
        await house.submit(MESSAGE, [BOB, "x@far.example"])  # eleven
    assert await house.inbox(BOB) == []
    assert len(await house.queue()) == 9
    assert len(house.spool()) == 2
    await house.submit(MESSAGE, [BOB])
    with pytest.raises(LimitReached):
        await house.submission.check_sender(house.ann, ANN)  # said before anything is sent
    await house.clock.advance(1860)
    await house.submit(MESSAGE, [BOB, "x@far.example"])


async def test_a_limit_says_whose_it_is_and_when_there_is_room(house: House) -> None:
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(4)])
    await house.clock.advance(600)
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(5)])
    with pytest.raises(SendingLimit, match="try again at 13:10 UTC"):  # the four of 12:00 are not enough
        await house.submit(MESSAGE, [f"{n}@far.example" for n in range(6)])
    with pytest.raises(SendingLimit, match="send to fewer at once"):
        await house.submit(MESSAGE, [f"{n}@far.example" for n in range(11)])
    await house.submit(MESSAGE, [BOB])
    with pytest.raises(SendingLimit) as refused:
        await house.submission.check_sender(house.ann, ANN)
    assert refused.value.smtp == "450 4.7.1"
    assert refused.value.text == (
        "Too many recipients: ann@example.test may send to 10 recipients an hour; try again at 13:00 UTC"
    )


async def test_an_account_and_its_domain_have_limits_of_their_own(house: House) -> None:
    await house.store.write(users.set_submissions_per_hour, ANN, 0)
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(15)])
    await house.store.write(domains.set_submissions_per_hour, "example.test", 20)
    with pytest.raises(
        SendingLimit, match=r"all of example\.test may send to 20 recipients an hour; try again at 13:00"
    ):
        await house.submit(MESSAGE, [f"{n}@far.example" for n in range(6)])
    bob = Account((await house.store.read(users.get, BOB)).id, BOB, "", False)
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(5)])
    with pytest.raises(SendingLimit, match=r"all of example\.test"):
        await house.submission.check_sender(bob, BOB)  # together
    await house.store.write(domains.set_submissions_per_hour, "example.test", None)
    await house.submission.check_sender(bob, BOB)
    house.submission.configure(SubmissionConfig(domain_per_hour=20))
    with pytest.raises(SendingLimit, match=r"all of example\.test"):
        await house.submission.check_sender(bob, BOB)


async def test_a_limit_survives_a_restart(house: House) -> None:
    await house.submit(MESSAGE, [f"{n}@far.example" for n in range(10)])
    again = await furnish_again(house)
    with pytest.raises(SendingLimit):
        await again.check_sender(house.ann, ANN)


async def furnish_again(house: House) -> Submission:
    """A submission service that has seen nothing but the store."""
    config = SmtpConfig(submission_per_hour=10), DeliveryConfig(), QueueConfig()
    return Submission(house.store, house.clock, HOST, *config, Signer(house.store, house.clock, DkimConfig()))


async def test_a_forged_result_of_ours_is_taken_out_of_submitted_mail_too(house: House) -> None:
    await house.submit(b"Authentication-Results: mail.example.test; dkim=pass\r\n" + MESSAGE, [BOB])
    assert b"dkim=pass" not in (await house.inbox(BOB))[0]


async def test_a_crowd_of_senders_is_not_looked_up(house: House) -> None:
    crowd = b", ".join(b"ann+%d@example.test" % number for number in range(MAX_SENDERS))
    await house.submit(b"From: " + crowd + b"\r\nSender: ann@example.test\r\n\r\nx\r\n", [BOB])
    with pytest.raises(BadContent, match="at most 100 addresses"):
        await house.submit(b"From: " + crowd + b", ann@example.test\r\n\r\nx\r\n", [BOB])


async def test_behind_an_alias_for_several_success_is_not_asked_for_again(house: House) -> None:
    await house.submit(MESSAGE, ["team@example.test"], notify=Notify.SUCCESS | Notify.DELAY)
    await house.submit(MESSAGE, ["team@example.test"], notify=Notify.SUCCESS)
    await house.submit(MESSAGE, ["away@example.test"], notify=Notify.SUCCESS)
    assert [row.notify for row in await house.queue()] == ["DELAY", "NEVER", "SUCCESS"]
