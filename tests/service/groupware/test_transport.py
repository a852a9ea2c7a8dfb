"""Files in and out, below the command line: what of an import becomes which object, and what it never does."""

from datetime import UTC

import pytest

from mailserver.config.tree import DavConfig
from mailserver.errors import BadValue, NoSuchCollection, NotPermitted
from mailserver.groupware.calendars.accept import accept as accept_event
from mailserver.groupware.contacts.accept import accept as accept_contact
from mailserver.groupware.members import Members
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.transport import items, taking_in
from mailserver.groupware.transport.giving_out import give_out
from mailserver.groupware.transport.taking_in import BATCH, Counts, Fault, TakingIn
from mailserver.ical.check import valid_object
from mailserver.ical.lines import parse
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.service.groupware.plain import Invites

CALENDARS, BOOKS = Family
ACCEPT = {CALENDARS: accept_event, BOOKS: accept_contact}


def event(uid: str, *lines: str) -> str:
    fields = (f"UID:{uid}", "DTSTAMP:20260101T000000Z", "DTSTART:20260101T100000Z", *lines)
    return "BEGIN:VEVENT\r\n" + "".join(f"{line}\r\n" for line in fields) + "END:VEVENT\r\n"


def ics(*events: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n".encode()


def vcf(*lines: str, version: str = "4.0") -> bytes:
    return "\r\n".join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", "")).encode()


@pytest.fixture
def service(store: Store) -> Members:
    return Members(store, ACCEPT)


@pytest.fixture
def into(store: Store, service: Members) -> TakingIn:
    return TakingIn(store, service)


async def whole(service: Members, viewer: int, family: Family, slug: str) -> bytes:
    return b"".join([piece async for piece in give_out(service, viewer, family, slug)])


@pytest.mark.parametrize("version", ["3.0", "4.0"])
async def test_a_card_that_gets_a_uid_keeps_its_version_where_it_must_be(
    into: TakingIn, service: Members, ann: int, version: str
) -> None:
    card = vcf("FN:Bob", "N:Bob;;;;", "NOTE:the END\r\n  goes on", version=version)
    counts = await into.take_in(ann, BOOKS, "contacts", card, replace=False)
    assert (counts.added, counts.refused) == (1, 0)
    kept = await whole(service, ann, BOOKS, "contacts")
    assert kept.startswith(f"BEGIN:VCARD\r\nVERSION:{version}\r\nFN:Bob\r\n".encode())
    [uid] = [line for line in kept.split(b"\r\n") if line.startswith(b"UID:")]
    assert kept.replace(uid + b"\r\n", b"") == card
    assert (await into.take_in(ann, BOOKS, "contacts", card, replace=False)).unchanged == 1


async def test_cards_come_through_a_file_whatever_stands_at_their_borders(
    into: TakingIn, service: Members, ann: int, bob: int
) -> None:
    borders = [(b"\xef\xbb\xbf", b""), (b"", b"\r\n\r\n"), (b"\xef\xbb\xbf", b"\n"), (b"", b"")]
    for number, (before, after) in enumerate(borders):
        card = before + vcf(f"UID:{number}", "FN:Bob").removesuffix(b"\r\n") + after
        await service.put(ann, BOOKS, "contacts", f"{number}.vcf", card)
    file = await whole(service, ann, BOOKS, "contacts")
    assert (await into.take_in(ann, BOOKS, "contacts", file, replace=False)).unchanged == len(borders)
    assert (await into.take_in(bob, BOOKS, "contacts", file, replace=False)).added == len(borders)
    joined = b"".join(b"\xef\xbb\xbf" + vcf(f"UID:j{number}", "FN:Jo") for number in range(3))
    assert (await into.take_in(bob, BOOKS, "contacts", joined, replace=False)).added == 3


async def test_nobody_is_invited_by_an_import(store: Store, ann: int) -> None:
    invites = Invites()
    service = Members(store, ACCEPT, invites)
    party = event("1", "ORGANIZER:mailto:ann@example.test", "ATTENDEE:mailto:bob@example.test")
    await TakingIn(store, service).take_in(ann, CALENDARS, "calendar", ics(party), replace=False)
    again = ics(party.replace("T10", "T11"))
    counts = await TakingIn(store, service).take_in(ann, CALENDARS, "calendar", again, replace=True)
    assert (counts.replaced, invites.told) == (1, [])
    await service.put(ann, CALENDARS, "calendar", "1.ics", ics(party))
    assert invites.told == ["1.ics"]  # a client that stores it does invite


async def test_a_large_file_goes_in_by_transactions_and_tells_how_far_it_is(
    store: Store, into: TakingIn, ann: int
) -> None:
    told: list[int] = []
    many = ics(*(event(f"{number}") for number in range(2 * BATCH + 1)))
    counts = await into.take_in(
        ann, CALENDARS, "calendar", many, replace=False, progress=lambda counts: told.append(counts.done)
    )
    assert (counts.added, told) == (2 * BATCH + 1, [BATCH, 2 * BATCH, 2 * BATCH + 1])


async def test_what_there_is_no_room_for_is_told_and_the_rest_goes_in(store: Store, ann: int) -> None:
    service = Members(store, ACCEPT, config=DavConfig(max_members=2, max_object_octets=400))
    large = event("large", "SUMMARY:" + "x" * 400)
    file = ics(event("1"), large, event("2"), event("3"))
    counts = await TakingIn(store, service).take_in(ann, CALENDARS, "calendar", file, replace=False)
    assert (counts.added, counts.refused) == (2, 2)
    assert [(fault.number, fault.uid) for fault in counts.faults] == [(9, "large"), (20, "3")]


async def test_of_too_many_faults_the_first_are_told() -> None:
    counts = Counts()
    for number in range(taking_in.MAX_FAULTS + 5):
        counts.refuse(items.Item(number, "", b""), "no")
    assert (counts.refused, counts.faults[-1]) == (
        taking_in.MAX_FAULTS + 5,
        Fault(taking_in.MAX_FAULTS - 1, "", "no"),
    )


async def test_only_who_may_add_imports(store: Store, into: TakingIn, sharing: Sharing, ann: int, bob: int) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=False)).slug
    with pytest.raises(NotPermitted):
        await into.take_in(bob, CALENDARS, slug, ics(event("1")), replace=False)
    with pytest.raises(NoSuchCollection):
        await into.take_in(bob, CALENDARS, "none", ics(event("1")), replace=False)


async def test_names_of_objects_are_never_doubled(into: TakingIn, service: Members, ann: int) -> None:
    await service.put(ann, CALENDARS, "calendar", "1.ics", ics(event("other")))
    for uid in ("1", "..", "a/b", "x" * 990):
        counts = await into.take_in(ann, CALENDARS, "calendar", ics(event(uid)), replace=False)
        assert (counts.added, uid) == (1, uid)
    listed = (await service.list(ann, CALENDARS, "calendar"))[1]
    assert len({each.href for each in listed}) == 5


def outlook(uid: str, offset: str, *others: str) -> bytes:
    """An event at ten, in a zone that somebody made for himself."""
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    start = "DTSTART;TZID=Customized Time Zone:20260101T100000"
    return ics(zone, event(uid).replace("DTSTART:20260101T100000Z", start), *others)


async def hours(service: Members, viewer: int) -> dict[str, int]:
    """UTC, by UID, as what is stored begins."""
    hrefs = [each.href for each in (await service.list(viewer, CALENDARS, "calendar"))[1]]
    found = await service.multiget(viewer, CALENDARS, "calendar", hrefs)
    objects = [valid_object(parse(data)) for _, data in found.values()]
    return {each.uid: each.series.anchor.seconds(UTC) // 3600 % 24 for each in objects if each.series.anchor}


NOTE = "BEGIN:X-NOTE\r\nTEXT:mine\r\nEND:X-NOTE\r\n"


async def test_zones_of_one_name_and_components_of_makers_come_through_a_file(
    into: TakingIn, service: Members, ann: int, bob: int
) -> None:
    objects = [outlook("1", "+0200"), outlook("2", "-0500"), outlook("3", "-0500", NOTE), outlook("4", "+0200")]
    for number, data in enumerate(objects):
        await service.put(ann, CALENDARS, "calendar", f"{number}.ics", data)
    file = await whole(service, ann, CALENDARS, "calendar")
    counts = await into.take_in(ann, CALENDARS, "calendar", file, replace=False)
    assert (counts.unchanged, counts.refused, counts.left_out) == (4, 0, {})
    assert (await into.take_in(bob, CALENDARS, "calendar", file, replace=False)).added == 4
    assert await hours(service, bob) == await hours(service, ann) == {"1": 8, "2": 15, "3": 15, "4": 8}
    assert (await whole(service, bob, CALENDARS, "calendar")).count(b"BEGIN:X-NOTE") == 1


async def test_what_belongs_to_no_event_is_left_out_by_name(into: TakingIn, ann: int) -> None:
    file = ics(event("1"), NOTE, event("2"), NOTE)
    counts = await into.take_in(ann, CALENDARS, "calendar", file, replace=False)
    assert (counts.added, counts.refused, counts.left_out) == (2, 0, {"X-NOTE": 2})


async def test_of_too_many_names_that_are_left_out_the_rest_is_one(into: TakingIn, ann: int) -> None:
    notes = [NOTE.replace("NOTE", f"N{number}") for number in range(taking_in.MAX_NAMES + 2)]
    counts = await into.take_in(ann, CALENDARS, "calendar", ics(event("1"), event("2"), *notes), replace=False)
    assert len(counts.left_out) == taking_in.MAX_NAMES + 1
    assert counts.left_out[taking_in.OTHERS] == 2


@pytest.mark.parametrize(
    ("start", "family"),
    [
        (b"BEGIN:VCALENDAR\r\n", CALENDARS),
        (b"\xef\xbb\xbf\r\nbegin:vcalendar\r\n", CALENDARS),
        (b"BEGIN:VCARD\n", BOOKS),
        (b"", None),
        (b"PK\x03\x04", None),
    ],
)
def test_a_file_is_known_by_its_first_line(start: bytes, family: Family | None) -> None:
    if family is not None:
        assert items.family_of(start) is family
        return
    with pytest.raises(BadValue, match="neither a calendar"):
        items.family_of(start)
