"""Changes to a small household, each with everything that can be seen of it before and after.

Time stands still and chance is none, so a change made twice on the same data gives the same state octet for octet.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailserver.auth.account import Account
from mailserver.config.tree import BouncesConfig, DeliveryConfig, DkimConfig, QueueConfig, SmtpConfig, StoreConfig
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.submission import Submission
from mailserver.dkim.sign import Signer
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.members import Members
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mail.marked_paths import Marks
from mailserver.mail.rights import ALL
from mailserver.mail.srs import Srs
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Peer
from mailserver.mailboxes import sharing
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import NewMessage
from mailserver.queue.dispatcher import Dispatcher
from mailserver.queue.notices import Notices
from mailserver.remote.consignment import Consignment, Result, Taken, Verdict, unheard
from mailserver.store import (
    attempts,
    collections,
    domains,
    mailboxes,
    members,
    messages,
    queue,
    queue_claim,
    spool,
    users,
)
from mailserver.store.attempts import Attempt
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.events import QueueSettled
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_states import State as RowState
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

CONFIG = StoreConfig(min_free_bytes=0, readers=1, file_threads=1)
HOST = "mail.example.test"
ANN, BEN, FAR = "ann@example.test", "ben@example.test", "zoe@far.example"
FARTHER = "yan@farther.example"  # in the queue from the start
FLAGS = ("\\Seen", "\\Deleted", "\\Answered")  # of the messages that Ann's INBOX has from the start
SENT = "sent"  # said when the other side has the message
FAULT_SECONDS = 0.2  # without a word the disk has failed
PEER = Peer("192.0.2.7", "client.far.example", True)

Change = Callable[[Store], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox as a client finds it."""

    uidvalidity: int
    uidnext: int
    messages: tuple[tuple[int, frozenset[str], int, bytes], ...]  # (uid, flags, internal date, octets)


@dataclass(frozen=True, slots=True)
class State:
    folders: dict[tuple[str, str], Folder]  # (user, mailbox)
    used_octets: dict[str, int]  # of each user's quota
    queued: tuple["Row", ...]
    spooled: tuple[str, ...]  # names of the files
    calendars: dict[tuple[str, str], tuple[int, int, int, tuple[tuple[str, str, int, bytes], ...]]]
    # (user, slug) → change number, members, octets, each member's (href, etag, change number, data)


@dataclass(frozen=True, slots=True)
class Row:
    """A recipient in the queue."""

    sender: str
    recipient: str
    state: str
    attempts: int
    in_doubt: int
    octets: bytes  # of its message; none where it has ended
    said: tuple[str, ...]  # of each attempt
    logged: int  # lines of the delivery log about it


def message(number: int, octets: int = 2000) -> bytes:
    head = b"From: a@far.example\r\nTo: b@example.test\r\nSubject: %d\r\nMessage-ID: <%d@far.example>\r\n\r\n"
    line = b"%d " % number * 20 + b"\r\n"
    return head % (number, number) + line * (octets // len(line) + 1)


LARGE = message(9, 600_000)  # arrives through a spool file


async def opened(data: Path, *, serving: bool) -> Store:
    return await Store.open(data, FakeClock(), config=CONFIG, hostname=HOST, serving=serving)


async def furnish(data: Path) -> None:
    async with await opened(migrated(data), serving=False) as store:
        await store.write(domains.add, "example.test")
        for address in (ANN, BEN):
            await store.write(users.add, address, "$argon2id$unused")
        inbox = await _mailbox(store, ANN, "INBOX")
        for number, flag in enumerate(FLAGS):
            staged = await store.stage_bytes(message(number))
            await store.write(messages.add, inbox.id, staged, FlagSet.of([flag]), 1_700_000_000)
        ben = await store.read(users.get, BEN)
        await store.write(sharing.grant, ben.id, "Archive", ANN, sharing.Change.REPLACE, ALL)
        spooled = spool.prepare(store, await store.stage_bytes(message(5)))
        outgoing = Outgoing(ANN, spooled, expires_at=2_000_000_000_000)
        await store.write(queue.add, outgoing, [QueueRecipient(FARTHER)])
        await Members(store, {Family.CALENDARS: _accepted}).put(
            (await store.read(users.get, ANN)).id, Family.CALENDARS, "calendar", "there.ics", event("before")
        )


# ---- the changes ----


async def deliver(store: Store) -> None:
    await _receive(store, message(7))


async def deliver_large(store: Store) -> None:
    await _receive(store, LARGE)


async def submit(store: Store) -> None:
    """To a neighbour and to another server: mailbox and queue in one."""
    clock = FakeClock()
    submission = Submission(
        store, clock, HOST, SmtpConfig(), DeliveryConfig(), QueueConfig(), Signer(store, clock, DkimConfig()), bytes
    )
    user = await store.read(users.get, ANN)
    account = Account(user.id, ANN, "Ann", False)
    recipients = tuple([EnvelopeRecipient(each, await submission.resolve(account, each, None)) for each in (BEN, FAR)])
    async with store.incoming() as incoming:
        await incoming.write(message(8).replace(b"a@far.example", ANN.encode()))
        await submission.accept(account, Envelope(ANN, recipients, PEER), incoming)


async def append(store: Store) -> None:
    user = await store.read(users.get, ANN)
    async with store.incoming() as incoming, _service(store) as service:
        await incoming.write(message(6))
        staged = await store.stage(incoming)
        await service.append(user.id, "Archive", staged, FlagSet.of(["\\Flagged", "$Work"]), 1_600_000_000)


async def multiappend(store: Store) -> None:
    user = await store.read(users.get, ANN)
    async with _service(store) as service:
        new = [
            NewMessage(await store.stage_bytes(message(number)), FlagSet.of(["$Work"]), 1_600_000_000 + number)
            for number in (10, 11, 12)
        ]
        await service.append_all(user.id, "Archive", new)


async def replace(store: Store) -> None:
    user = await store.read(users.get, ANN)
    async with _selected(store) as (service, inbox):
        staged = await store.stage_bytes(message(13))
        new = NewMessage(staged, FlagSet.of(["\\Draft"]), 1_600_000_000)
        await service.replace(inbox, 2, user.id, "Drafts", new)


async def copy(store: Store) -> None:
    async with _selected(store) as (service, inbox):
        await service.copy(inbox.mailbox.user_id, inbox, [1, 3], "Archive")


async def move(store: Store) -> None:
    async with _selected(store) as (service, inbox):
        await service.move(inbox.mailbox.user_id, inbox, [1, 3], "Archive")


async def give(store: Store) -> None:
    """MOVE into another account: a copy there and a removal here, in one transaction."""
    async with _selected(store) as (service, inbox):
        await service.move(inbox.mailbox.user_id, inbox, [1, 3], f"Other Users/{BEN}/Archive")


async def set_flags(store: Store) -> None:
    async with _selected(store) as (service, inbox):
        await service.set_flags(
            inbox.mailbox.user_id, inbox, [1, 3], FlagMode.ADD, FlagSet.of(["\\Flagged", "\\Deleted", "$Work"])
        )


async def expunge(store: Store) -> None:
    async with _selected(store) as (service, inbox):
        await service.expunge(inbox.mailbox.user_id, inbox, None)


async def put(store: Store) -> None:
    """Other octets for an event that is there; what is derived of it goes with it."""
    user = await store.read(users.get, ANN)
    service = Members(store, {Family.CALENDARS: _accepted})
    await service.put(user.id, Family.CALENDARS, "calendar", "there.ics", event("after", 40_000))


def event(text: str, octets: int = 100) -> bytes:
    return f"{text} ".encode() * (octets // len(text))


def _accepted(data: bytes, collection: Collection) -> Accepted:
    return Accepted("uid", collection.components[0], {"summary": data[:10].decode()})


async def send(store: Store) -> None:
    """One row of the queue, claimed, carried and written down; a fault of the disk is waited out, as ever."""
    clock = store.clock
    assert isinstance(clock, FakeClock)
    [entry_id] = await store.read(_unsent)
    paths = ReturnPaths(Srs(b"k" * 32, 21), Marks(b"m" * 32, 21))
    notices = Notices(store, clock, HOST, paths, QueueConfig(), DeliveryConfig(), BouncesConfig(), bytes)
    dispatcher = Dispatcher(store, clock, _Saying(store), notices, QueueConfig(), bytes, "worker")
    settled = asyncio.Event()
    unsubscribe = store.subscribe(lambda event: settled.set() if isinstance(event, QueueSettled) else None)
    await dispatcher.start()
    while not settled.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled.wait(), FAULT_SECONDS)
            break
        await clock.advance(1)  # what could not be written is tried again only then
    await dispatcher.stop(0)
    unsubscribe()
    assert (await store.read(queue.get, entry_id)).state is RowState.DELIVERED


class _Saying:
    """A carrier that tells who made the process (one_change.py) when the other side has the message."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        [entry] = consignment.entries
        with os.fdopen(spool.open_file(self._store, entry.message_path), "rb") as file:
            assert file.read() == message(5)
        os.write(1, SENT.encode() + b"\n")
        return [Result(entry.id, Verdict.DELIVERED, Attempt(0, 1, "mx.far.example", code=250, text="taken"))]


def _unsent(rx: Rx) -> list[int]:
    return [entry.id for entry in queue.list(rx)]


CHANGES: dict[str, Change] = {
    "deliver": deliver,
    "append": append,
    "move": move,
    "give": give,
    "store": set_flags,
    "multiappend": multiappend,
    "replace": replace,
    "deliver-large": deliver_large,
    "submit": submit,
    "copy": copy,
    "expunge": expunge,
    "send": send,
    "put": put,
}


# ---- what is there ----


async def seen(store: Store) -> State:
    """As the next dispatcher finds it."""
    await store.write(queue_claim.lose, "the next", alone=True)
    await store.settle()
    return await store.read(_state, store)


def _state(rx: Rx, store: Store) -> State:
    folders = {}
    for address in (ANN, BEN):
        for box in mailboxes.list(rx, users.get(rx, address).id):
            folders[address, box.name] = Folder(box.uidvalidity, box.uidnext, _messages(rx, store, box.id))
    return State(
        folders,
        {address: users.get(rx, address).used_bytes for address in (ANN, BEN)},
        tuple(_row(rx, store, entry) for entry in queue.list(rx)),
        tuple(sorted(os.listdir(store.maildir.spool))),
        {
            (address, each.slug): (each.modseq, each.members, each.octets, _members(rx, each))
            for address in (ANN, BEN)
            for each in collections.list(rx, Family.CALENDARS, users.get(rx, address).id)
        },
    )


def _members(rx: Rx, collection: Collection) -> tuple[tuple[str, str, int, bytes], ...]:
    there = members.list(rx, collection)
    return tuple((m.href, m.etag, m.modseq, members.data(rx, collection.family, m.id)) for m in there)


def _row(rx: Rx, store: Store, entry: queue.Entry) -> Row:
    file = store.maildir.spool / entry.message_path
    logged = rx.one("SELECT count(*) FROM delivery_log WHERE recipient = ?", entry.recipient)
    assert logged is not None
    return Row(
        entry.sender,
        entry.recipient,
        entry.state,
        entry.attempts,
        entry.in_doubt,
        file.read_bytes() if entry.ended_at is None else b"",
        tuple(attempt.text for attempt in attempts.list(rx, entry.id)),
        logged[0],
    )


def _messages(rx: Rx, store: Store, mailbox_id: int) -> tuple[tuple[int, frozenset[str], int, bytes], ...]:
    found = []
    for each in messages.list(rx, mailbox_id):
        where = messages.locate(rx, mailbox_id, each.uid)
        assert where is not None
        with os.fdopen(store.maildir.open(where.folder, where.key, where.letters), "rb") as file:
            octets = file.read()
        assert len(octets) == each.size
        found.append((each.uid, frozenset(each.flags.names), each.internal_date, octets))
    return tuple(found)


# ---- inside ----


async def _receive(store: Store, octets: bytes) -> None:
    clock = FakeClock()
    delivery = LocalDelivery(store, clock, HOST, SmtpConfig(), DeliveryConfig(), QueueConfig(), random=bytes)
    recipients = tuple(
        [EnvelopeRecipient(each, await delivery.resolve(each, None, "x@far.example")) for each in (ANN, BEN)]
    )
    async with store.incoming() as incoming:
        await incoming.write(octets)
        await delivery.accept(Envelope("a@far.example", recipients, PEER), incoming)


@asynccontextmanager
async def _service(store: Store) -> AsyncIterator[Mailboxes]:
    service = Mailboxes(store, FakeClock(), CONFIG)
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def _selected(store: Store) -> AsyncIterator[tuple[Mailboxes, MailboxIndex]]:
    async with _service(store) as service:
        user = await store.read(users.get, ANN)
        index, _ = await service.select(user.id, "INBOX", claim_recent=False)
        try:
            yield service, index
        finally:
            service.release(index)


async def _mailbox(store: Store, address: str, name: str) -> mailboxes.Mailbox:
    user = await store.read(users.get, address)
    return await store.read(mailboxes.get, user.id, name)
