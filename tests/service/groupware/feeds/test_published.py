"""Calendars under secret addresses: found by the secret alone, whole however many objects there are, and let go."""

import hashlib
from collections.abc import Sequence
from datetime import UTC

import pytest

from mailserver.config.tree import DavConfig
from mailserver.errors import LimitReached, NoSuchCollection, NoSuchLink, NotPermitted
from mailserver.groupware import sharing
from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.feeds import links, secret_addresses
from mailserver.groupware.feeds.published import PIECE, PublishedCalendars
from mailserver.groupware.feeds.secret_addresses import Secret
from mailserver.groupware.members import Members
from mailserver.ical.check import valid_object
from mailserver.ical.lines import parse
from mailserver.ical.split import split
from mailserver.store import calendar_links, users
from mailserver.store.collections import Family
from mailserver.store.sealing import KEY_OCTETS, SealingKey
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.feeds.samples import OSLO, event, ics

KEY = SealingKey(bytes(KEY_OCTETS))
SLUG = "calendar"


def secret(octet: bytes = b"a") -> Secret:
    return secret_addresses.make(KEY, lambda octets: octet * octets)


@pytest.fixture
def members(store: Store) -> Members:
    return Members(store, {Family.CALENDARS: accept})


@pytest.fixture
def published(store: Store) -> PublishedCalendars:
    return PublishedCalendars(store)


async def put(members: Members, user_id: int, uids: Sequence[str]) -> None:
    for uid in uids:
        await members.put(user_id, Family.CALENDARS, SLUG, f"{uid}.ics", ics(event(uid)))


async def test_a_secret_has_192_bits_and_is_shown_again_to_its_owner_only(store: Store, user_id: int) -> None:
    made = secret()
    link = await store.write(links.create, user_id, SLUG, made, busy_only=False)
    assert len(made.text) * 6 == 192
    assert link.secret_hash == hashlib.sha256(made.text.encode()).digest()
    assert made.text.encode() not in link.sealed
    assert secret_addresses.opened(KEY, link.secret_hash, link.sealed) == made.text


async def test_the_whole_calendar_comes_in_pieces(
    store: Store, members: Members, published: PublishedCalendars, user_id: int
) -> None:
    uids = [f"{number}" for number in range(PIECE + 3)]
    await put(members, user_id, uids)
    made = secret()
    await store.write(links.create, user_id, SLUG, made, busy_only=False)
    pieces = [piece async for piece in published.give_out(await published.find(made.text))]
    assert len(pieces) == 4  # head, two of objects, end
    data = b"".join(pieces)
    assert [piece.uid for piece in split(data)] == uids
    assert data.count(b"BEGIN:VTIMEZONE") == 1


async def test_zones_of_one_name_stand_in_one_calendar(
    store: Store, members: Members, published: PublishedCalendars, user_id: int
) -> None:
    start = "DTSTART;TZID=Customized Time Zone:20260302T100000"
    for uid, offset in (("1", "+0300"), ("2", "-0500")):
        zone = OSLO.replace("Europe/Oslo", "Customized Time Zone").replace("+0200", offset).replace("+0100", offset)
        await members.put(user_id, Family.CALENDARS, SLUG, f"{uid}.ics", ics(event(uid, start=start), zone=zone))
    for octet, busy_only in ((b"a", False), (b"b", True)):
        await store.write(links.create, user_id, SLUG, secret(octet), busy_only=busy_only)
        found = await published.find(secret(octet).text)
        data = b"".join([piece async for piece in published.give_out(found)])
        assert data.count(b"BEGIN:VCALENDAR") == 1
        starts = [valid_object(parse(piece.data)).series.anchor for piece in split(data)]
        assert [each and each.seconds(UTC) // 3600 % 24 for each in starts] == [7, 15]


async def test_the_etag_changes_with_the_calendar_and_with_nothing_else(
    store: Store, members: Members, published: PublishedCalendars, user_id: int
) -> None:
    await store.write(links.create, user_id, SLUG, secret(), busy_only=False)
    await store.write(links.create, user_id, SLUG, secret(b"b"), busy_only=True)
    first = (await published.find(secret().text)).etag
    assert (await published.find(secret(b"b").text)).etag != first
    await members.put(user_id, Family.CALENDARS, "tasks", "t.ics", ics(event("t").replace("VEVENT", "VTODO")))
    assert (await published.find(secret().text)).etag == first
    await put(members, user_id, ["1"])
    assert (await published.find(secret().text)).etag != first


async def test_each_busy_link_has_uids_of_its_own(
    store: Store, members: Members, published: PublishedCalendars, user_id: int
) -> None:
    await put(members, user_id, ["name@private.example"])
    told = []
    for octet in (b"a", b"b"):
        await store.write(links.create, user_id, SLUG, secret(octet), busy_only=True)
        found = await published.find(secret(octet).text)
        told.append(split(b"".join([piece async for piece in published.give_out(found)]))[0].uid)
    assert len({*told, "name@private.example"}) == 3


async def test_only_the_owner_gives_it_out(store: Store, user_id: int) -> None:
    bob = (await store.write(users.add, "bob@example.test", "$argon2id$unused")).id
    await store.write(sharing.share, user_id, Family.CALENDARS, SLUG, "bob@example.test", True, DavConfig())
    with pytest.raises(NotPermitted):
        await store.write(links.create, bob, "calendar-ann", secret(), busy_only=True)
    with pytest.raises(NoSuchCollection):
        await store.write(links.create, bob, "none", secret(), busy_only=True)
    link = await store.write(links.create, user_id, SLUG, secret(), busy_only=False)
    with pytest.raises(NoSuchLink):
        await store.write(links.remove, bob, link.id)
    assert [each.id for _, each in await store.read(links.list, user_id)] == [link.id]
    assert await store.read(links.list, bob) == []


async def test_a_calendar_has_a_number_of_them(store: Store, user_id: int) -> None:
    for number in range(links.MAX_LINKS):
        await store.write(links.create, user_id, SLUG, secret(bytes([number])), busy_only=False)
    with pytest.raises(LimitReached, match="at most 20 links"):
        await store.write(links.create, user_id, SLUG, secret(b"z"), busy_only=False)


async def test_a_deleted_account_publishes_nothing(store: Store, published: PublishedCalendars, user_id: int) -> None:
    await store.write(links.create, user_id, SLUG, secret(), busy_only=False)
    await store.write(users.remove, "ann@example.test")
    with pytest.raises(NoSuchLink):
        await published.find(secret().text)


async def test_the_last_use_is_noted_to_the_hour(
    store: Store, published: PublishedCalendars, user_id: int, clock: FakeClock
) -> None:
    await store.write(links.create, user_id, SLUG, secret(), busy_only=False)
    used = []
    for _ in range(3):
        await published.note_use(await published.find(secret().text))
        used.append((await published.find(secret().text)).link.used_ms)
        await clock.advance(calendar_links.USED_EVERY_MS / 2000)
    assert used[0] == used[1] != used[2]
