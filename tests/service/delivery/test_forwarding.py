"""Aliases that lead elsewhere: who it is from, what stays as it was, what is not sent on, and how bounces come back."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import dkim
import pytest

from mailserver.config.tree import BouncesConfig, DeliveryConfig, DkimConfig, ForwardingConfig, QueueConfig, SmtpConfig
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.evidence import Examiner
from mailserver.delivery.forwarding import MAX_NOTIFICATIONS, WINDOW_SECONDS, Forwarding
from mailserver.dkim.arc import Chains
from mailserver.dkim.keyring import Keyring, record_of
from mailserver.dkim.private_keys import Algorithm, RsaKey, generate
from mailserver.dkim.sign import Signer, SigningKey, signatures
from mailserver.dkim.verify import Verifier
from mailserver.errors import BadReturnAddress, LimitReached, MailLoop, NotPermitted, RelayDenied
from mailserver.mail.marked_paths import Marks
from mailserver.mail.srs import Srs
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Notify
from mailserver.queue.notices import Notices
from mailserver.store import aliases, dkim_keys, queue
from mailserver.store.dkim_keys import Storage
from mailserver.store.queue import Entry
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.delivery.house import ANN, BOB, HOST, PEER, House, fields, furnish
from tests.service.delivery.names import Names

AWAY, TEAM, FRIEND = "away@example.test", "team@example.test", "friend@far.example"
SENDER = "x@origin.example"
HEADER = b"From: Xaver <x@origin.example>\r\nSubject: hello\r\nMessage-ID: <1@origin.example>\r\n"
MESSAGE = HEADER + b"\r\nA line.\r\n"
THEIRS = generate(Algorithm.RSA_2048)
SPF = ("origin.example", "TXT")
POLICY = ("_dmarc.origin.example", "TXT")


def counting(octets: int) -> bytes:
    return bytes(range(octets))


@dataclass
class Post:
    house: House
    names: Names
    forwarding: Forwarding
    store: Store

    async def receive(
        self,
        message: bytes = MESSAGE,
        to: Sequence[str] = (AWAY,),
        sender: str = SENDER,
        notify: Notify | None = None,
    ) -> None:
        delivery = self.house.delivery
        rcpts = tuple([EnvelopeRecipient(a, await delivery.resolve(a, None, sender), notify) for a in to])
        async with self.store.incoming() as incoming:
            await incoming.write(message)
            await delivery.accept(Envelope(sender, rcpts, PEER), incoming)

    async def rows(self) -> list[Entry]:
        return await self.house.queue()

    async def sent(self) -> tuple[Entry, bytes]:
        """The one message that was sent on."""
        [entry] = await self.rows()
        [file] = self.house.spool()
        return entry, file.read_bytes()


@pytest.fixture
async def post(store: Store, clock: FakeClock) -> AsyncIterator[Post]:
    house = await furnish(store, clock)
    made = await store.in_thread(Keyring(store).make, "example.test", "one", Algorithm.RSA_2048, Storage.DATABASE)
    key = await store.write(dkim_keys.add, "example.test", made)
    await store.write(dkim_keys.activate, key)
    theirs = f"v=DKIM1; k=rsa; p={THEIRS.public()}"
    record = record_of(key)
    names = Names({("sel._domainkey.origin.example", "TXT"): [theirs], (record.name, "TXT"): [record.value]})
    signer = Signer(store, clock, DkimConfig())
    paths = ReturnPaths(Srs(b"k" * 32, 21), Marks(b"m" * 32, 21))
    chains = Chains(names, clock, store.in_thread, signer)
    examiner = Examiner(names, Verifier(names, clock, store.in_thread), chains)
    forwarding = Forwarding(store, clock, HOST, b"m" * 32, paths, examiner, signer, counting, ForwardingConfig())
    notices = Notices(store, clock, HOST, paths, QueueConfig(), DeliveryConfig(), BouncesConfig())
    limits = SmtpConfig(), DeliveryConfig(), QueueConfig()
    house.delivery = LocalDelivery(store, clock, HOST, *limits, forwards=forwarding, notifier=notices)
    yield Post(house, names, forwarding, store)
    signer.close()


def signed(message: bytes = MESSAGE, domain: str = "origin.example") -> bytes:
    """By its author's server."""
    assert isinstance(THEIRS, RsaKey)
    head, _, body = message.partition(b"\r\n\r\n")
    return signatures((SigningKey(domain, "sel", THEIRS),), head + b"\r\n\r\n", [body], 1_772_366_000, None) + message


async def test_the_sender_becomes_one_of_ours_and_the_message_stays_as_it_was(post: Post) -> None:
    await post.receive(b"Return-Path: <y@far.example>\r\n" + MESSAGE)
    entry, sent = await post.sent()
    assert entry.recipient == FRIEND
    assert entry.sender.startswith("SRS0=") and entry.sender.endswith("=origin.example=x@example.test")
    assert sent.endswith(MESSAGE)
    assert [line.partition(b":")[0] for line in fields(sent)[:5]] == [
        b"ARC-Seal",
        b"ARC-Message-Signature",
        b"ARC-Authentication-Results",
        b"Received",
        b"X-Loop",
    ]
    assert entry.domain_id is not None


async def test_the_seal_holds_and_says_what_was_checked(post: Post) -> None:
    post.names.records[SPF] = ["v=spf1 ip4:192.0.2.7 -all"]
    await post.receive(signed())
    _, sent = await post.sent()
    status, sets, reason = dkim.ARC(sent).verify(dnsfunc=_asking(post.names))
    assert (status, reason) == (b"pass", "success"), sets
    said = next(line for line in fields(sent) if line.startswith(b"ARC-Authentication-Results"))
    assert said.startswith(b"ARC-Authentication-Results: i=1; mail.example.test;")
    assert b"spf=pass smtp.mailfrom=x@origin.example" in said
    assert b"dkim=pass" in said and b"header.d=origin.example" in said
    assert b"arc=none" in said


def _asking(names: Names):  # type: ignore[no-untyped-def]
    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        found = names.records.get((name.decode().rstrip("."), "TXT"))
        return found[0].encode() if found else None

    return ask


async def test_without_a_wish_for_it_there_is_no_seal(post: Post) -> None:
    post.forwarding.reconfigure(ForwardingConfig(seal=False))
    await post.receive()
    _, sent = await post.sent()
    assert b"ARC-" not in sent


async def test_a_bounce_finds_back_to_the_first_sender(post: Post) -> None:
    await post.receive()
    entry, _ = await post.sent()
    resolved = await post.house.delivery.resolve(entry.sender, None, "")
    assert (resolved.local, resolved.remote) == ((), (SENDER,))
    await post.receive(b"From: mailer-daemon@far.example\r\n\r\nno\r\n", [entry.sender], sender="")
    back = next(row for row in await post.rows() if row.recipient == SENDER)
    assert back.sender == ""


async def test_a_bounce_for_a_sender_of_ours_is_delivered_here(post: Post) -> None:
    paths = ReturnPaths(Srs(b"k" * 32, 21), Marks(b"m" * 32, 21))
    address = paths.direct(ANN, "example.test", int(post.house.clock.now().timestamp() * 1000))
    assert address is not None
    await post.receive(MESSAGE, [address], sender="")
    assert len(await post.house.inbox(ANN)) == 1


@pytest.mark.parametrize(
    "address",
    [
        "SRS0=AAAAAAAA=BB=origin.example=x@example.test",
        "SRS1=AAAAAAAA=one.example==AAAA=BB=origin.example=x@example.test",
        "srs-abcdefghijklmnopqrstuvwx@example.test",
        "SRS0=@example.test",
    ],
)
async def test_a_forged_return_address_is_refused_in_words(post: Post, address: str) -> None:
    with pytest.raises(BadReturnAddress, match="This return address is not valid"):
        await post.house.delivery.resolve(address, None, "")


async def test_a_return_address_is_for_bounces_alone_and_for_a_time(post: Post) -> None:
    await post.receive()
    entry, _ = await post.sent()
    with pytest.raises(BadReturnAddress, match="nothing but notifications"):
        await post.house.delivery.resolve(entry.sender, None, "spammer@far.example")
    await post.house.clock.advance(22 * 86_400)
    with pytest.raises(BadReturnAddress, match="older than 21 days"):
        await post.house.delivery.resolve(entry.sender, None, "")


async def test_return_addresses_of_other_servers_are_no_business_of_ours(post: Post) -> None:
    with pytest.raises(RelayDenied):
        await post.house.delivery.resolve("SRS0=AAAA=BB=a.example=x@far.example", None, "")


async def test_a_sender_that_does_not_fit_finds_back_too(post: Post) -> None:
    long = "a" * 60 + "@origin.example"
    await post.receive(sender=long)
    entry, _ = await post.sent()
    assert entry.sender.startswith("srs-") and len(entry.sender.partition("@")[0]) == 28
    resolved = await post.house.delivery.resolve(entry.sender.upper(), None, "")
    assert resolved.remote == (long,)


async def test_the_null_sender_stays_the_null_sender(post: Post) -> None:
    await post.receive(sender="")
    entry, _ = await post.sent()
    assert entry.sender == ""


async def test_a_sender_of_ours_is_not_rewritten(post: Post) -> None:
    await post.receive(sender=BOB)
    entry, _ = await post.sent()
    assert entry.sender == BOB


@pytest.mark.parametrize(("record", "forged"), [("-all", True), ("~all", True), ("?all", False), (None, False)])
async def test_failures_are_not_told_to_a_sender_that_was_forged(post: Post, record: str | None, forged: bool) -> None:
    if record is not None:
        post.names.records[SPF] = [f"v=spf1 {record}"]
    await post.receive()
    entry, _ = await post.sent()
    assert (entry.sender == "postmaster@example.test") == forged


# The policy of the author's domain, a signature of it → whether From has to be ours
REWRITES: list[tuple[str | None, bytes, bool]] = [
    (None, MESSAGE, False),
    ("v=DMARC1; p=none", MESSAGE, False),
    ("v=DMARC1; p=reject", MESSAGE, True),
    ("v=DMARC1; p=quarantine", MESSAGE, True),
    ("v=DMARC1; p=reject", signed(), False),
    ("v=DMARC1; p=reject", signed().replace(b"A line", b"Another"), True),  # a signature that does not hold
]


@pytest.mark.parametrize(("policy", "message", "rewritten"), REWRITES)
async def test_from_is_ours_only_where_the_authors_policy_would_have_it_refused(
    post: Post, policy: str | None, message: bytes, rewritten: bool
) -> None:
    if policy is not None:
        post.names.records[POLICY] = [policy]
    await post.receive(message)
    _, sent = await post.sent()
    names = {line.partition(b": ")[0]: line.partition(b": ")[2] for line in fields(sent)}
    if not rewritten:
        assert sent.endswith(message)
        return
    assert names[b"From"] == b'"Xaver via example.test" <away@example.test>'
    assert names[b"Reply-To"] == b"Xaver <x@origin.example>"
    assert names[b"X-Original-From"] == b"Xaver <x@origin.example>"
    assert dkim.DKIM(sent).verify(_ours(sent), dnsfunc=_asking(post.names))


def _ours(sent: bytes) -> int:
    found = [line for line in fields(sent) if line.startswith(b"DKIM-Signature")]
    return next(index for index, line in enumerate(found) if b"d=example.test" in line)


async def test_from_can_be_left_alone(post: Post) -> None:
    post.names.records[POLICY] = ["v=DMARC1; p=reject"]
    post.forwarding.reconfigure(ForwardingConfig(rewrite_from=False))
    await post.receive()
    _, sent = await post.sent()
    assert sent.endswith(MESSAGE)


async def test_a_policy_that_can_not_be_had_changes_nothing(post: Post) -> None:
    post.names.broken |= {"_dmarc.origin.example", "origin.example"}
    await post.receive()
    entry, sent = await post.sent()
    assert sent.endswith(MESSAGE)
    assert entry.sender.startswith("SRS0=")


async def test_an_alias_does_not_forward_the_same_message_twice(post: Post) -> None:
    await post.receive()
    _, sent = await post.sent()
    with pytest.raises(MailLoop, match="has forwarded the message before"):
        await post.receive(b"Received: from far.example\r\n" + sent)
    await post.receive(sent, [TEAM])  # another alias of ours may, and the people here get it
    assert len(await post.house.inbox(ANN)) == 1
    assert len(await post.rows()) == 2


async def test_a_ring_takes_nothing_from_those_who_are_here(post: Post) -> None:
    await post.receive(to=[TEAM])
    [file] = post.house.spool()
    sent = file.read_bytes()
    await post.receive(sent, [TEAM])
    assert len(await post.house.inbox(ANN)) == 2
    assert len(await post.rows()) == 1


async def test_a_mark_names_nobody(post: Post) -> None:
    await post.receive()
    _, sent = await post.sent()
    assert b"away" not in sent.partition(b"\r\n\r\n")[0].replace(b"for <away@example.test>", b"")


async def judged(arriving: Arriving) -> Arriving:
    return replace(arriving, is_spam=True)


@pytest.mark.parametrize("forwards", [False, True])
async def test_spam_is_kept_from_others_unless_it_is_wished_for(post: Post, forwards: bool) -> None:
    post.forwarding.reconfigure(ForwardingConfig(spam=forwards))
    limits = SmtpConfig(), DeliveryConfig(), QueueConfig()
    store, clock = post.store, post.house.clock
    post.house.delivery = LocalDelivery(store, clock, HOST, *limits, (judged,), forwards=post.forwarding)
    await post.receive(to=[TEAM])
    assert len(await post.house.inbox(ANN)) == 1
    assert len(await post.rows()) == forwards
    if not forwards:
        with pytest.raises(NotPermitted, match="spam"):
            await post.receive()


async def test_a_storm_of_notifications_is_put_off(post: Post) -> None:
    for _ in range(MAX_NOTIFICATIONS):
        await post.receive(sender="")
    with pytest.raises(LimitReached, match="Too many notifications"):
        await post.receive(sender="")
    await post.receive()  # letters go on
    await post.house.clock.advance(WINDOW_SECONDS)
    await post.receive(sender="")


async def test_the_wishes_for_notifications_go_on(post: Post) -> None:
    await post.receive(notify=Notify.SUCCESS | Notify.FAILURE)
    [entry] = await post.rows()
    assert (entry.notify, entry.orcpt) == ("SUCCESS,FAILURE", "rfc822;away@example.test")


async def test_who_asked_is_told_that_several_get_it(post: Post) -> None:
    await post.receive(to=[TEAM], sender=ANN, notify=Notify.SUCCESS)
    [entry] = await post.rows()
    assert entry.notify == "NEVER"
    notes = [note for note in await post.house.inbox(ANN) if b"Action: expanded" in note]
    assert len(notes) == 1
    assert b"Final-Recipient: rfc822; team@example.test\r\n" in notes[0]


@pytest.mark.parametrize("record", ["-all", None])
async def test_success_is_told_at_once_but_to_no_forged_sender(post: Post, record: str | None) -> None:
    if record is not None:
        post.names.records[SPF] = [f"v=spf1 {record}"]
    await post.receive(to=[BOB], notify=Notify.SUCCESS)
    told = [entry.recipient for entry in await post.rows()]
    assert told == ([] if record else [SENDER])


async def test_an_alias_to_one_elsewhere_is_not_told_as_delivered(post: Post) -> None:
    await post.receive(notify=Notify.SUCCESS)
    assert [entry.recipient for entry in await post.rows()] == [FRIEND]


async def test_several_aliases_send_one_message(post: Post) -> None:
    await post.store.write(aliases.add, "two@example.test", [FRIEND, "other@far.example"])
    await post.receive(to=[AWAY, "two@example.test"])
    assert sorted(entry.recipient for entry in await post.store.read(queue.list)) == [FRIEND, "other@far.example"]
    assert len(post.house.spool()) == 1


async def test_who_is_behind_one_alias_is_not_told_of_the_other(post: Post) -> None:
    """It may have been in Bcc."""
    post.names.records[POLICY] = ["v=DMARC1; p=reject"]
    await post.store.write(aliases.add, "two@example.test", ["other@far.example"])
    await post.receive(MESSAGE, [AWAY, "two@example.test"])
    [file] = post.house.spool()
    assert b'From: "Xaver via example.test" <postmaster@example.test>\r\n' in file.read_bytes()
    assert b"away@" not in file.read_bytes()
    assert b"two@" not in file.read_bytes()
