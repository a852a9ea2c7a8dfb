"""PROPPATCH: all or nothing, live values and whatever else a client wants kept. RFC 4918 §9.2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.config.tree import DavConfig, StoreConfig
from mailserver.dav.names import XML_LANG, Name, apple, caldav, carddav, dav
from mailserver.dav.xml_reader import Element
from mailserver.store.collections import Family
from mailserver.store.dead_properties import MAX_OCTETS_IN_COLLECTION
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated
from tests.service.dav.house import ANN, BOB, House
from tests.service.dav.test_propfind import HOME, PEOPLE, WORK, prop

ZONE = "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Here &amp; There\r\nEND:VTIMEZONE\r\nEND:VCALENDAR"
NOTE = Name("urn:x", "note")


def patch(*steps: str) -> str:
    return (
        '<D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="http://apple.com/ns/ical/" '
        f'xmlns:R="urn:ietf:params:xml:ns:carddav" xmlns:x="urn:x">{"".join(steps)}</D:propertyupdate>'
    )


def put(inner: str) -> str:
    return f"<D:set><D:prop>{inner}</D:prop></D:set>"


def drop(inner: str) -> str:
    return f"<D:remove><D:prop>{inner}</D:prop></D:remove>"


async def test_what_a_client_sets_on_a_calendar_is_read_again(house: House) -> None:
    body = patch(
        put("<D:displayname>  A &lt;b&gt;\n c </D:displayname><A:calendar-color>#11223344</A:calendar-color>"),
        put("<A:calendar-order>7</A:calendar-order><C:calendar-description>Two\nlines</C:calendar-description>"),
        put(f"<C:calendar-timezone>{ZONE}</C:calendar-timezone>"),
        put("<C:schedule-calendar-transp><C:transparent/></C:schedule-calendar-transp>"),
    )
    answer = await house.ask("PROPPATCH", WORK, body)
    names = {dav("displayname"), apple("calendar-color"), apple("calendar-order"), caldav("calendar-description"),
             caldav("calendar-timezone"), caldav("schedule-calendar-transp")}  # fmt: skip
    assert answer.responses[WORK].names(200) == names
    found = (await house.ask("PROPFIND", WORK, prop(*names), depth="0")).responses[WORK]
    assert found.text(dav("displayname")) == "A <b> c"
    assert found.text(apple("calendar-color")) == "#11223344"
    assert found.text(apple("calendar-order")) == "7"
    assert found.text(caldav("calendar-description")) == "Two\nlines"
    assert "TZID:Here & There" in found.text(caldav("calendar-timezone"))
    transparency = found.properties[200][caldav("schedule-calendar-transp")]
    assert [child.name for child in transparency.children] == [caldav("transparent")]
    cleared = patch(drop("<A:calendar-color/><C:calendar-description/><D:displayname/>"))
    assert (await house.ask("PROPPATCH", WORK, cleared)).status == 207
    found = (await house.ask("PROPFIND", WORK, prop(*names), depth="0")).responses[WORK]
    assert {apple("calendar-color"), caldav("calendar-description")} == found.names(404)
    assert found.text(dav("displayname")) == "work"


@pytest.mark.parametrize(
    ("path", "wrong", "name", "status", "error"),
    [
        (WORK, "<D:getetag>x</D:getetag>", dav("getetag"), 403, dav("cannot-modify-protected-property")),
        (WORK, "<D:resourcetype/>", dav("resourcetype"), 403, dav("cannot-modify-protected-property")),
        (WORK, "<D:sync-token>x</D:sync-token>", dav("sync-token"), 403, dav("cannot-modify-protected-property")),
        (WORK, "<D:displayname><x:y/></D:displayname>", dav("displayname"), 409, None),
        (WORK, f"<D:displayname>{'x' * 256}</D:displayname>", dav("displayname"), 409, None),
        (WORK, "<A:calendar-order>first</A:calendar-order>", apple("calendar-order"), 409, None),
        (WORK, "<A:calendar-order>99999999999</A:calendar-order>", apple("calendar-order"), 409, None),
        (WORK, f"<A:calendar-color>{'#' * 65}</A:calendar-color>", apple("calendar-color"), 409, None),
        (WORK, "<C:calendar-timezone>Berlin</C:calendar-timezone>", caldav("calendar-timezone"), 403,
         caldav("valid-calendar-data")),
        (WORK, "<C:calendar-timezone-id>Mars/Phobos</C:calendar-timezone-id>", caldav("calendar-timezone-id"), 403,
         caldav("valid-timezone")),
        (WORK, "<C:calendar-timezone-id>../etc/passwd</C:calendar-timezone-id>", caldav("calendar-timezone-id"), 403,
         caldav("valid-timezone")),
        (WORK, "<C:schedule-calendar-transp/>", caldav("schedule-calendar-transp"), 409, None),
        (HOME, "<D:displayname>x</D:displayname>", dav("displayname"), 403, dav("cannot-modify-protected-property")),
        (PEOPLE, f"<R:addressbook-description>{'x' * 10_001}</R:addressbook-description>",
         carddav("addressbook-description"), 409, None),
    ],
)  # fmt: skip
async def test_one_refused_property_keeps_all_others_out(
    house: House, path: str, wrong: str, name: Name, status: int, error: Name | None
) -> None:
    body = patch(put("<x:note>1</x:note>"), put(wrong), put("<x:other>2</x:other>"))
    answer = await house.ask("PROPPATCH", path, body)
    found = answer.responses[path]
    assert found.names(status) == {name}
    assert found.names(424) == {NOTE, Name("urn:x", "other")}
    reasons = [each.name for reason in _descendants(answer.xml, dav("error")) for each in reason.children]
    assert reasons == ([error] if error else [])
    assert (await house.ask("PROPFIND", path, prop(NOTE), depth="0")).responses[path].names(404) == {NOTE}


def _descendants(element: Element, name: Name) -> list[Element]:
    inside = [found for child in element.children for found in _descendants(child, name)]
    return [element, *inside] if element.name == name else inside


@pytest.mark.parametrize("path", [WORK, HOME, PEOPLE, f"{WORK}a.ics", f"/dav/principals/{ANN}/", f"{HOME}inbox/"])
async def test_any_xml_is_kept_as_it_was_and_lives_through_a_restart(path: str, tmp_path: Path) -> None:
    settings, clock = StoreConfig(min_free_bytes=0), FakeClock()
    async with await Store.open(migrated(tmp_path), clock, config=settings) as store:
        house = await House.furnished(store)
        await house.put(f"{WORK}a.ics")
        inner = '<x:note xml:lang="de" k="&quot;&amp;"> t <y xmlns="">&lt;é</y><x:z/>u</x:note>'
        assert (await house.ask("PROPPATCH", path, patch(put(inner)))).status == 207
        before = (await house.ask("PROPFIND", path, prop(NOTE), depth="0")).responses[path].properties[200][NOTE]
    async with await Store.open(tmp_path, clock, config=settings) as store:
        other = House(store, DavConfig())
        other.users.update(house.users)
        found = (await other.ask("PROPFIND", path, prop(NOTE), depth="0")).responses[path].properties[200][NOTE]
        assert found == before
        assert found.attributes == {XML_LANG: "de", Name("", "k"): '"&'}
        assert found.content[0] == " t " and found.content[-1] == "u"
        everything = (await other.ask("PROPFIND", path, depth="0")).responses[path]
        assert everything.properties[200][NOTE] == found
        await other.ask("PROPPATCH", path, patch(drop("<x:note/><x:never/>")))
        assert (await other.ask("PROPFIND", path, prop(NOTE), depth="0")).responses[path].names(404) == {NOTE}


async def test_the_language_around_a_value_belongs_to_it(house: House) -> None:
    body = patch('<D:set xml:lang="fr"><D:prop><x:note>un</x:note></D:prop></D:set>')
    await house.ask("PROPPATCH", WORK, body)
    found = (await house.ask("PROPFIND", WORK, prop(NOTE), depth="0")).responses[WORK]
    assert found.properties[200][NOTE].attributes == {XML_LANG: "fr"}


async def test_a_sharee_has_a_name_and_colour_of_his_own_and_nothing_else(house: House) -> None:
    ann = house.users[ANN].user_id
    await house.services.sharing.share(ann, Family.CALENDARS, "work", BOB, may_write=True)
    [seen] = [each for each in await house.services.collections.list(house.users[BOB].user_id, Family.CALENDARS)
              if each.is_shared_in]  # fmt: skip
    path = f"/dav/calendars/{BOB}/{seen.slug}/"
    mine = patch(put("<D:displayname>Ann's</D:displayname><A:calendar-color>#00FF00</A:calendar-color>"))
    assert (await house.ask("PROPPATCH", path, mine, BOB)).responses[path].names() == {
        dav("displayname"),
        apple("calendar-color"),
    }
    assert (await house.ask("PROPFIND", path, prop(dav("displayname")), BOB, depth="0")).responses[path].text(
        dav("displayname")
    ) == "Ann's"
    hers = (await house.ask("PROPFIND", WORK, prop(dav("displayname")), depth="0")).responses[WORK]
    assert hers.text(dav("displayname")) == "Work & Play"
    foreign = patch(put("<D:displayname>x</D:displayname><C:calendar-description>y</C:calendar-description>"))
    refused = (await house.ask("PROPPATCH", path, foreign, BOB)).responses[path]
    assert refused.names(403) == {caldav("calendar-description")}
    assert refused.names(424) == {dav("displayname")}


async def test_the_inbox_says_which_calendar_is_the_default_and_takes_another(house: House) -> None:
    inbox, name = f"{HOME}inbox/", caldav("schedule-default-calendar-URL")
    body = patch(put(f"<C:schedule-default-calendar-URL><D:href>{WORK}</D:href></C:schedule-default-calendar-URL>"))
    assert (await house.ask("PROPPATCH", inbox, body)).responses[inbox].names() == {name}
    assert (await house.ask("PROPFIND", inbox, prop(name), depth="0")).responses[inbox].text(name) == WORK
    for wrong in (PEOPLE, f"{HOME}none/", f"/dav/calendars/{BOB}/work/", "mailto:x", ""):
        body = patch(
            put(f"<C:schedule-default-calendar-URL><D:href>{wrong}</D:href></C:schedule-default-calendar-URL>")
        )
        answer = (await house.ask("PROPPATCH", inbox, body)).responses[inbox]
        assert answer.names(403) == {name}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (WORK, "", 400),
        (WORK, "<x", 400),
        (WORK, '<propfind xmlns="DAV:"/>', 400),
        (WORK, '<propertyupdate xmlns="DAV:"/>', 400),
        (WORK, '<propertyupdate xmlns="DAV:"><set/></propertyupdate>', 400),
        (f"{HOME}none/", patch(put("<x:note/>")), 404),
        (f"{WORK}none.ics", patch(put("<x:note/>")), 404),
        (f"/dav/calendars/{BOB}/work/", patch(put("<x:note/>")), 404),
        (f"/dav/principals/{BOB}/", patch(put("<x:note/>")), 404),
        ("/dav/", patch(put("<x:note/>")), 405),
        (WORK, patch(put(f"<x:note>{'x' * 200_000}</x:note><x:more>{'x' * 200_000}</x:more>")), 507),
    ],
)
async def test_requests_that_change_nothing_say_why(house: House, path: str, body: str, status: int) -> None:
    answer = await house.ask("PROPPATCH", path, body)
    assert answer.status == status
    assert answer.xml.find(dav("responsedescription")) is not None


async def test_minimal_answers_have_no_body(house: House) -> None:
    answer = await house.ask("PROPPATCH", WORK, patch(put("<x:note/>")), prefer="return=minimal")
    assert (answer.status, answer.body, answer.headers["preference-applied"]) == (200, b"", "return=minimal")
    refused = await house.ask("PROPPATCH", WORK, patch(put("<D:resourcetype/>")), prefer="return=minimal")
    assert refused.status == 207


async def test_a_property_is_not_kept_longer_than_it_was_promised(house: House) -> None:
    """Each change of namespace is written again: small requests filled memory and disk."""
    bomb = put(f'<y:big xmlns:y="urn:y">{"<x:a/><y:b/>" * 20000}</y:big>')
    answer = await house.ask("PROPPATCH", WORK, patch(bomb, put("<D:displayname>Other</D:displayname>")))
    assert answer.responses[WORK].names(507) == {Name("urn:y", "big")}
    assert answer.responses[WORK].names(424) == {dav("displayname")}


@pytest.mark.parametrize("step", [put, drop])
async def test_a_request_changes_a_bounded_number_of_properties(house: House, step: Callable[[str], str]) -> None:
    names = "".join(f"<x:p{number}/>" for number in range(501))
    answer = await house.ask("PROPPATCH", WORK, patch(step(names)))
    assert answer.status == 400
    assert b"At most 500 properties are changed at once" in answer.body
    found = await house.ask("PROPFIND", WORK, depth="0")
    assert Name("urn:x", "p0") not in found.responses[WORK].names()


async def test_one_property_removed_again_and_again_is_bounded_as_well(house: House) -> None:
    """Its name was written down each time, and a live one came to no count at all."""
    answer = await house.ask("PROPPATCH", WORK, patch(put("<x:a/>"), drop("<D:displayname/>" * 500)))
    assert answer.status == 400
    assert b"At most 500 properties are changed at once" in answer.body


async def test_the_notes_on_all_objects_of_a_calendar_are_bounded_together(house: House) -> None:
    """A quarter of a megabyte on each of many objects was beside every quota, and in memory with each PROPFIND."""
    big = patch(put(f"<x:note>{'n' * 200_000}</x:note>"))
    statuses = list[int]()
    for number in range(MAX_OCTETS_IN_COLLECTION // 200_000 + 1):
        await house.put(f"{WORK}{number}.ics")
        statuses.append((await house.ask("PROPPATCH", f"{WORK}{number}.ics", big)).status)
    assert set(statuses[:-1]) == {207}
    assert statuses[-1] == 507
    small = patch(put("<x:note>n</x:note>"))
    assert (await house.ask("PROPPATCH", f"{WORK}0.ics", small)).status == 207
