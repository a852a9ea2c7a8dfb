"""The whole server: who is written to is known, birthdays and the directory follow contacts and accounts."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiosmtplib
import pytest

from mailserver.auth import new_passwords
from mailserver.config.tree import (
    AuthConfig,
    Config,
    ContactsConfig,
    DirectoryScope,
    ListenerConfig,
    ListenersConfig,
    ServerConfig,
    SmtpConfig,
    StoreConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.run import Daemon
from mailserver.groupware.contacts.accept import accept
from mailserver.store import collections, correspondents, domains, members, users
from mailserver.store.collections import Family, Kind
from mailserver.store.database import Rx, Tx
from mailserver.store.store import Store
from tests.schema import migrated

ANN, BOB, PASSWORD = "ann@example.test", "bob@example.test", "correct horse"
CLOSED = ListenerConfig(0, TlsMode.NONE, enabled=False)
OPEN = ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",))
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:jo\r\nFN:Jo\r\nN:Jo;;;;\r\nBDAY:1980-04-12\r\nEND:VCARD\r\n"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    config = Config(
        server=ServerConfig("mail.example.test", migrated(tmp_path / "data"), shutdown_seconds=3.0),
        listeners=ListenersConfig(CLOSED, OPEN, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED),
        web=WebConfig(enabled=False),
        smtp=SmtpConfig(allow_plain_auth=True),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
        contacts=ContactsConfig(directory=DirectoryScope.DOMAIN),
    )

    async def furnish(store: Store, _: object) -> None:
        await store.write(domains.add, "example.test")
        for address in (ANN, BOB):
            new = await new_passwords.prepare(store, config.auth, address, PASSWORD, secrets.token_bytes)
            await store.write(users.add, address, new.hash, scram=new.scram)

    daemon = Daemon(config, furnish=furnish)
    await daemon.start()
    yield daemon
    await daemon.stop()


async def when(store: Store, holds: Callable[[Rx], bool]) -> None:
    """Until it is so, looked at after each commit that tells of something."""
    changed = asyncio.Event()
    unsubscribe = store.subscribe(lambda event: changed.set())
    try:
        async with asyncio.timeout(20):
            while not await store.read(holds):
                await changed.wait()
                changed.clear()
    finally:
        unsubscribe()


def books(rx: Rx, user_id: int, family: Family, kind: Kind) -> list[int]:
    """How many members each of this kind has."""
    return [each.members for each in collections.list(rx, family, user_id) if each.kind is kind]


async def test_who_is_written_to_is_known_when_the_server_says_250(daemon: Daemon) -> None:
    ann = await daemon.store.read(users.get, ANN)
    client = aiosmtplib.SMTP(
        hostname="127.0.0.1", port=daemon.ports["submission"], start_tls=False, local_hostname="client.test"
    )
    async with client:
        await client.login(ANN, PASSWORD)
        await client.sendmail(
            ANN, [BOB, "jo@far.example"], b"From: ann@example.test\r\nTo: Jo <jo@far.example>\r\n\r\nx\r\n"
        )
        known = await daemon.store.read(correspondents.list, ann.id)
    assert sorted((each.address, each.name) for each in known) == [(BOB, ""), ("jo@far.example", "Jo")]
    assert await daemon.store.read(books, ann.id, Family.ADDRESSBOOKS, Kind.COLLECTED) == [2]


async def test_birthdays_and_the_directory_are_there_without_being_asked_for(daemon: Daemon) -> None:
    store = daemon.store
    ann = await store.read(users.get, ANN)
    await when(store, lambda rx: [each.members for each in directories(rx)] == [2])

    def put(tx: Tx) -> None:
        book = collections.default(tx, Family.ADDRESSBOOKS, ann.id)
        assert book is not None
        members.add(tx, book, "jo.vcf", accept(CARD).draft(CARD))

    await store.write(put)
    await when(store, lambda rx: books(rx, ann.id, Family.CALENDARS, Kind.BIRTHDAYS) == [1])
    await store.write(users.set_active, BOB, False)
    await when(store, lambda rx: [each.members for each in directories(rx)] == [1])


def directories(rx: Rx) -> list[collections.Collection]:
    return collections.list_of_kind(rx, Family.ADDRESSBOOKS, Kind.DIRECTORY)
