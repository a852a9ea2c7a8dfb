"""What the server makes of contacts and accounts: birthdays, the directory; and profiles."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import ContactsConfig, DirectoryScope
from mailserver.errors import BadValue, NotPermitted
from mailserver.groupware import access
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.access import Privilege
from mailserver.groupware.contacts import birthdays, directory, suggestions
from mailserver.groupware.contacts.keeping import Keeping
from mailserver.store import collections, members, profiles, users
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.contacts import Dated
from mailserver.store.database import Rx
from mailserver.store.store import Store
from mailserver.vcard.fields import Day
from tests.fakes import FakeClock
from tests.service.groupware.contacts.conftest import BOOKS, Put, book_of, card

YEARLY, LAST_OF_FEBRUARY = "RRULE:FREQ=YEARLY", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def accept_event(data: bytes, collection: Collection) -> Accepted:
    """As calendars accept an event, as far as it matters here."""
    assert collection.family is Family.CALENDARS
    [uid] = [line for line in data.decode().split("\r\n") if line.startswith("UID:")]
    return Accepted(uid.removeprefix("UID:"), "VEVENT")


async def settle(store: Store, user_id: int, *, by_default: bool = True) -> None:
    await store.write(birthdays.settle, user_id, accept_event, by_default=by_default)


async def calendar(store: Store, user_id: int) -> Collection | None:
    own = await store.read(collections.list, Family.CALENDARS, user_id)
    return next((each for each in own if each.kind is Kind.BIRTHDAYS), None)


async def events(store: Store, user_id: int) -> list[str]:
    found = await calendar(store, user_id)
    if found is None:
        return []
    listed = await store.read(members.list, found)
    return sorted([(await store.read(members.data, Family.CALENDARS, each.id)).decode() for each in listed])


@pytest.mark.parametrize(
    ("when", "lines"),
    [
        (Day(1980, 4, 12), ["DTSTART;VALUE=DATE:19800412", "DTEND;VALUE=DATE:19800413", YEARLY,
                             "DESCRIPTION:Born 1980-04-12"]),
        (Day(None, 4, 12), ["DTSTART;VALUE=DATE:19720412", YEARLY]),
        (Day(1980, 2, 29), ["DTSTART;VALUE=DATE:19800229", "DTEND;VALUE=DATE:19800301", LAST_OF_FEBRUARY]),
        (Day(None, 2, 29), ["DTSTART;VALUE=DATE:19720229", LAST_OF_FEBRUARY]),
        (Day(1066, 12, 31), ["DTSTART;VALUE=DATE:16041231", "DESCRIPTION:Born 1066-12-31"]),
        (Day(9999, 12, 31), ["DTSTART;VALUE=DATE:20961231", "DESCRIPTION:Born 9999-12-31"]),
    ],
    ids=str,
)  # fmt: skip
def test_the_event_of_a_day(when: Day, lines: list[str]) -> None:
    made = birthdays.event(Dated(1, 1, "uid", "Ann; Lee", str(when), None), when, "birthday")
    written = made.data.decode().split("\r\n")
    assert set(lines) <= set(written)
    assert "SUMMARY:Ann\\; Lee: birthday" in written
    assert any(line.startswith("DESCRIPTION") for line in written) is (when.year is not None)
    assert {"TRANSP:TRANSPARENT", f"UID:{made.uid}"} <= set(written)


async def test_birthdays_follow_the_contacts(store: Store, user_id: int, put: Put) -> None:
    await settle(store, user_id)
    assert await calendar(store, user_id) is None  # nobody has one

    member = await put(card("Ann", "BDAY:1980-04-12", "X-ANNIVERSARY:2001-02-03"))
    await settle(store, user_id)
    anniversary, birthday = sorted(await events(store, user_id), key=lambda text: "birthday" in text)
    assert "SUMMARY:Ann: birthday" in birthday and "SUMMARY:Ann: anniversary" in anniversary

    made = await calendar(store, user_id)
    assert made is not None
    await settle(store, user_id)
    assert await calendar(store, user_id) == made  # nothing changed, nothing is written

    await put(card("Anna", "BDAY:1980-04-13", uid="Ann"))
    await settle(store, user_id)
    [changed] = await events(store, user_id)
    assert "SUMMARY:Anna: birthday" in changed and "19800413" in changed
    now = await calendar(store, user_id)
    assert now is not None and now.modseq > made.modseq and now.id == made.id

    found = await store.read(members.find_by_id, BOOKS, member.id)
    assert found is not None
    await store.write(members.remove, await book_of(store, user_id), found)
    await settle(store, user_id)
    assert await calendar(store, user_id) is None


async def test_who_wants_no_birthdays_has_none(store: Store, user_id: int, put: Put) -> None:
    await put(card("Ann", "BDAY:1980-04-12"))
    await settle(store, user_id, by_default=False)
    assert await calendar(store, user_id) is None
    await store.write(profiles.set_shows_birthdays, user_id, True)
    await settle(store, user_id, by_default=False)
    assert await calendar(store, user_id) is not None
    await store.write(profiles.set_shows_birthdays, user_id, False)
    await settle(store, user_id)
    assert await calendar(store, user_id) is None


async def test_only_the_server_writes_birthdays(store: Store, user_id: int, put: Put) -> None:
    await put(card("Ann", "BDAY:1980-04-12"))
    await settle(store, user_id)
    seen = await store.read(access.require, user_id, Family.CALENDARS, "birthdays")
    with pytest.raises(NotPermitted, match="only the server writes"):
        access.require_privilege(seen, Privilege.UNBIND)


async def directory_of(store: Store, user_id: int) -> list[str]:
    """Names on the cards, as this user sees them."""
    seen = await store.read(access.list, user_id, BOOKS)
    books = [each.collection for each in seen if each.collection.kind is Kind.DIRECTORY]
    assert len(books) <= 1
    rows = [
        row
        for book in books
        for row in await store.read(Rx.all, "SELECT full_name FROM contacts WHERE addressbook_id = ?", book.id)
    ]
    return sorted(row[0] for row in rows)


@pytest.mark.parametrize(
    ("scope", "ann_sees", "eve_sees"),
    [
        (DirectoryScope.OFF, [], []),
        (DirectoryScope.DOMAIN, ["Bob Builder", "ann@example.test"], ["eve@other.test"]),
        (DirectoryScope.SERVER, ["Bob Builder", "ann@example.test", "eve@other.test"],
         ["Bob Builder", "ann@example.test", "eve@other.test"]),
    ],
)  # fmt: skip
async def test_who_is_in_the_directory(
    store: Store, user_id: int, bob: int, eve: int, scope: DirectoryScope, ann_sees: list[str], eve_sees: list[str]
) -> None:
    await store.write(directory.settle, scope)
    assert await directory_of(store, user_id) == await directory_of(store, bob) == ann_sees
    assert await directory_of(store, eve) == eve_sees


async def test_the_directory_follows_the_accounts(
    store: Store, clock: FakeClock, user_id: int, bob: int, eve: int
) -> None:
    await store.write(directory.settle, DirectoryScope.SERVER)
    [book] = await store.read(collections.list_of_kind, BOOKS, Kind.DIRECTORY)
    await store.write(directory.settle, DirectoryScope.SERVER)
    assert await store.read(collections.list_of_kind, BOOKS, Kind.DIRECTORY) == [book]  # nothing is written

    await store.write(profiles.set_avatar, bob, PNG)
    await store.write(users.set_display_name, "ann@example.test", "Ann Other")
    await store.write(users.set_active, "eve@other.test", False)
    await store.write(directory.settle, DirectoryScope.SERVER)
    assert await directory_of(store, bob) == ["Ann Other", "Bob Builder"]
    assert await directory_of(store, eve) == []
    [after] = await store.read(collections.list_of_kind, BOOKS, Kind.DIRECTORY)
    assert after.id == book.id and after.modseq > book.modseq
    cards = [await store.read(members.data, BOOKS, each.id) for each in await store.read(members.list, after)]
    assert sum(b"PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgpwaWN0dXJl" in each for each in cards) == 1
    now_ms = int(clock.now().timestamp() * 1000)
    [found] = await store.read(suggestions.suggest, bob, "oth", 10, now_ms)
    assert (found.address, found.source) == ("ann@example.test", "directory")

    await store.write(directory.settle, DirectoryScope.OFF)
    assert await store.read(collections.list_of_kind, BOOKS, Kind.DIRECTORY) == []


async def test_the_directory_outlives_its_owner(store: Store, user_id: int, bob: int) -> None:
    await store.write(directory.settle, DirectoryScope.DOMAIN)
    [book] = await store.read(collections.list_of_kind, BOOKS, Kind.DIRECTORY)
    owner = await store.read(users.get_by_id, book.user_id)
    await store.write(users.remove, owner.address)
    await store.write(directory.settle, DirectoryScope.DOMAIN)
    [left] = {user_id, bob} - {book.user_id}
    assert len(await directory_of(store, left)) == 1


async def test_only_the_server_writes_the_directory(store: Store, user_id: int, bob: int) -> None:
    await store.write(directory.settle, DirectoryScope.DOMAIN)
    for viewer in (user_id, bob):
        with pytest.raises(NotPermitted):
            await store.read(access.require, viewer, BOOKS, directory.SLUG, Privilege.BIND)


@pytest.fixture
async def keeping(store: Store) -> AsyncIterator[Keeping]:
    config = ContactsConfig(directory=DirectoryScope.DOMAIN)
    keeping = Keeping(store, config, accept_event)
    await keeping.start()
    yield keeping
    await keeping.stop()


async def test_changes_are_kept_in_step_while_serving(store: Store, user_id: int, keeping: Keeping, put: Put) -> None:
    made = asyncio.Event()
    store.subscribe(lambda event: made.set() if getattr(event, "family", "") == "calendars" else None)
    await put(card("Ann", "BDAY:1980-04-12"))
    await asyncio.wait_for(made.wait(), 10)
    assert len(await events(store, user_id)) == 1


async def test_a_changed_configuration_is_taken_up(store: Store, user_id: int, keeping: Keeping) -> None:
    await keeping.settle()
    assert await directory_of(store, user_id) == ["ann@example.test"]
    keeping.reconfigure(ContactsConfig(directory=DirectoryScope.OFF))
    await keeping.settle()
    assert await directory_of(store, user_id) == []


async def test_a_profile(store: Store, user_id: int) -> None:
    await store.write(profiles.set_locale, user_id, "zh-hant-tw")
    await store.write(profiles.set_timezone, user_id, "Europe/Vienna")
    await store.write(profiles.set_avatar, user_id, PNG)
    found = await store.read(profiles.get, user_id)
    assert (found.locale, found.timezone, found.avatar_type) == ("zh-Hant-TW", "Europe/Vienna", "image/png")
    assert await store.read(profiles.avatar, user_id) == profiles.Avatar("image/png", PNG)
    await store.write(profiles.set_avatar, user_id, None)
    await store.write(profiles.set_locale, user_id, None)
    found = await store.read(profiles.get, user_id)
    assert (found.locale, found.avatar_type) == (None, None)


@pytest.mark.parametrize("locale", ["", "e", "english language", "de_AT", "de-", "../x", "en-" + "a" * 40])
def test_what_is_no_language_is_refused(locale: str) -> None:
    with pytest.raises(BadValue, match="BCP 47"):
        profiles.checked_locale(locale)


@pytest.mark.parametrize(
    ("written", "stored"), [("EN", "en"), ("de-at", "de-AT"), ("sr-latn-rs", "sr-Latn-RS"), ("es-419", "es-419")]
)
def test_languages_are_stored_as_they_are_usually_written(written: str, stored: str) -> None:
    assert profiles.checked_locale(written) == stored


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "Europe/", "x\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadValue, match="Europe/Vienna"):
        profiles.checked_timezone(zone)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp")],
)
def test_pictures_are_known_by_their_octets(data: bytes, media_type: str) -> None:
    assert profiles.media_type(data) == media_type


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"<svg/>", "PNG, JPEG or WebP"), (b"", "PNG"), (PNG + bytes(profiles.MAX_AVATAR_OCTETS), "at most 256 KiB")],
)
def test_what_is_no_picture_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        profiles.media_type(data)
