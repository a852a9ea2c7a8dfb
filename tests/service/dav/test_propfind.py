"""PROPFIND: what clients find, and what is refused. RFC 4918 §9.1."""

import pytest

from mailserver.dav.names import Name, apple, caldav, calendarserver, carddav, dav
from mailserver.groupware.properties import DeadChanges
from mailserver.store.collections import Family
from tests.service.dav.house import ANN, BOB, EVE, House

HOME = f"/dav/calendars/{ANN}/"
WORK = f"{HOME}work/"
PEOPLE = f"/dav/addressbooks/{ANN}/people/"


def prop(*names: Name) -> str:
    inner = "".join(f'<x:{name.local} xmlns:x="{name.namespace}"/>' for name in names)
    return f'<propfind xmlns="DAV:"><prop>{inner}</prop></propfind>'


ETAG = prop(dav("getetag"))


async def test_from_the_root_to_the_calendars_as_every_client_walks(house: House) -> None:
    root = await house.ask("PROPFIND", "/dav/", prop(dav("current-user-principal")), depth="0")
    principal = root.responses["/dav/"].text(dav("current-user-principal"))
    assert principal == f"/dav/principals/{ANN}/"
    homes = prop(caldav("calendar-home-set"), carddav("addressbook-home-set"), dav("displayname"))
    found = (await house.ask("PROPFIND", principal, homes, depth="0")).responses[principal]
    assert found.text(caldav("calendar-home-set")) == HOME
    assert found.text(carddav("addressbook-home-set")) == f"/dav/addressbooks/{ANN}/"
    assert found.text(dav("displayname")) == "Ann <Example>"
    asked = prop(dav("resourcetype"), dav("displayname"), apple("calendar-color"), apple("calendar-order"))
    listed = (await house.ask("PROPFIND", HOME, asked, depth="1")).responses
    assert {HOME, WORK, f"{HOME}inbox/", f"{HOME}outbox/"} <= listed.keys()
    work = listed[WORK]
    assert [child.name for child in work.properties[200][dav("resourcetype")].children] == [
        dav("collection"),
        caldav("calendar"),
    ]
    assert work.text(dav("displayname")) == "Work & Play"
    assert work.text(apple("calendar-color")) == "#FF0000FF"
    assert work.text(apple("calendar-order")) == "3"
    assert listed[HOME].names(404) == {apple("calendar-color"), apple("calendar-order")}


@pytest.mark.parametrize(
    ("body", "depth", "status", "error"),
    [
        ("<propfind", "0", 400, []),
        ("", "banana", 400, []),
        ("", "infinity", 403, [dav("propfind-finite-depth")]),
        ("", None, 403, [dav("propfind-finite-depth")]),
        ('<propertyupdate xmlns="DAV:"/>', "0", 400, []),
        ('<propfind xmlns="DAV:"/>', "0", 400, []),
        ('<propfind xmlns="DAV:"><prop/><allprop/></propfind>', "0", 400, []),
        ('<!DOCTYPE x [<!ENTITY y "z">]><propfind xmlns="DAV:"><prop>&y;</prop></propfind>', "0", 400, []),
        ("<a>" * 1000, "0", 400, []),
    ],
)
async def test_what_is_refused_says_why(
    house: House, body: str, depth: str | None, status: int, error: list[Name]
) -> None:
    answer = await house.ask("PROPFIND", WORK, body, **({"depth": depth} if depth else {}))
    assert (answer.status, answer.error) == (status, error)
    words = answer.xml.find(dav("responsedescription"))
    assert words is not None and words.text


async def test_depth_infinity_of_a_single_object_is_depth_0(house: House) -> None:
    await house.put(f"{WORK}a.ics")
    answer = await house.ask("PROPFIND", f"{WORK}a.ics", ETAG, depth="infinity")
    assert [*answer.responses] == [f"{WORK}a.ics"]


@pytest.mark.parametrize(
    "path",
    [f"/dav/calendars/{BOB}/", f"/dav/calendars/{BOB}/work/", f"/dav/calendars/{BOB}/none/", "/dav/calendars/no@x/",
     f"/dav/calendars/{BOB}/inbox/", f"/dav/principals/{EVE}/", "/dav/principals/nobody@x.example/",
     "/dav/principals/not-an-address/", f"{HOME}none/", f"{WORK}none.ics", "/dav/none/"],
)  # fmt: skip
async def test_what_is_not_there_and_what_is_not_his_look_the_same(house: House, path: str) -> None:
    answer = await house.ask("PROPFIND", path, ETAG, depth="0")
    assert (answer.status, answer.error) == (404, [])


async def test_a_user_of_the_same_domain_is_told_to_others_without_his_homes(house: House) -> None:
    path = f"/dav/principals/{BOB}/"
    asked = prop(dav("displayname"), caldav("calendar-user-address-set"), caldav("calendar-home-set"))
    found = (await house.ask("PROPFIND", path, asked, depth="0")).responses[path]
    assert found.text(dav("displayname")) == "Bob B. Beta"
    addresses = found.properties[200][caldav("calendar-user-address-set")].children
    assert [each.text for each in addresses] == [f"mailto:{BOB}", path]
    assert found.names(404) == {caldav("calendar-home-set")}


async def test_an_empty_body_asks_for_all_and_propname_for_names_alone(house: House) -> None:
    await house.put(f"{WORK}a.ics")
    everything = (await house.ask("PROPFIND", f"{WORK}a.ics", depth="0")).responses[f"{WORK}a.ics"]
    usual = {"resourcetype", "getetag", "getcontenttype", "getcontentlength", "getlastmodified", "creationdate",
             "supportedlock", "lockdiscovery"}  # fmt: skip
    assert everything.names() == {dav(name) for name in usual}
    assert everything.text(dav("getcontenttype")) == "text/calendar; charset=utf-8; component=vevent"
    include = '<propfind xmlns="DAV:"><allprop/><include><owner/><getctag/></include></propfind>'
    more = (await house.ask("PROPFIND", f"{WORK}a.ics", include, depth="0")).responses[f"{WORK}a.ics"]
    assert more.names() == everything.names() | {dav("owner")}
    names = '<propfind xmlns="DAV:"><propname/></propfind>'
    named = (await house.ask("PROPFIND", f"{WORK}a.ics", names, depth="0")).responses[f"{WORK}a.ics"]
    assert named.names() >= everything.names() | {dav("owner"), dav("current-user-privilege-set")}
    assert all(not element.content for element in named.properties[200].values())


@pytest.mark.parametrize("headers", [{"prefer": "return=minimal"}, {"brief": "t"}])
async def test_a_minimal_answer_leaves_out_what_is_not_there(house: House, headers: dict[str, str]) -> None:
    await house.put(f"{WORK}a.ics")
    asked = prop(dav("getetag"), Name("urn:none", "none"))
    full = await house.ask("PROPFIND", WORK, asked, depth="1")
    assert full.responses[f"{WORK}a.ics"].names(404) == {Name("urn:none", "none")}
    less = await house.ask("PROPFIND", WORK, asked, depth="1", **headers)
    assert [*less.responses[f"{WORK}a.ics"].properties] == [200]
    assert less.responses[WORK].names() == set()
    assert less.headers["Preference-Applied".lower()] == "return=minimal"


async def test_members_are_listed_with_names_encoded_once(house: House) -> None:
    names = ["a b.ics", "50%.ics", "q?x#y.ics", "é☃.ics", "a&b<c>'\".ics", "%2F"]
    for number, name in enumerate(names):
        member = f"{WORK}{_encoded(name)}"
        await house.put(member, f"UID:{number} ")
        one = await house.ask("PROPFIND", member, ETAG, depth="0")
        assert [*one.responses] == [member]
    for asked in (ETAG, prop(dav("getetag"), dav("getcontentlength")), prop(dav("resourcetype")), ""):
        listed = (await house.ask("PROPFIND", WORK, asked, depth="1")).responses
        assert listed.keys() == {WORK} | {f"{WORK}{_encoded(name)}" for name in names}


def _encoded(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="@:+=,$!*()~")


async def test_a_long_listing_is_whole_and_every_way_of_writing_it_agrees(house: House) -> None:
    for number in range(1203):
        await house.put(f"{WORK}{number}.ics")
    quick = (await house.ask("PROPFIND", WORK, ETAG, depth="1")).responses
    usual = (await house.ask("PROPFIND", WORK, prop(dav("getetag"), dav("getcontenttype")), depth="1")).responses
    await house.services.properties.set_member(
        house.users[ANN].user_id, Family.CALENDARS, "work", "7.ics", _dead("urn:x", "note", "<")
    )
    asked = prop(dav("getetag"), dav("getcontenttype"), Name("urn:x", "note"))
    slow = (await house.ask("PROPFIND", WORK, asked, depth="1")).responses
    assert len(quick) == len(usual) == len(slow) == 1204
    for href in quick.keys() - {WORK}:
        etag = quick[href].text(dav("getetag"))
        assert etag == usual[href].text(dav("getetag")) == slow[href].text(dav("getetag"))
        assert usual[href].text(dav("getcontenttype")) == slow[href].text(dav("getcontenttype"))
    assert slow[f"{WORK}7.ics"].text(Name("urn:x", "note")) == "<"
    assert slow[f"{WORK}8.ics"].names(404) == {Name("urn:x", "note")}


def _dead(namespace: str, local: str, text: str) -> DeadChanges:
    from mailserver.dav import xml_kept
    from mailserver.dav.xml_reader import Element

    return {f"{{{namespace}}}{local}": xml_kept.written(Element(Name(namespace, local), {}, (text,)))}


async def test_noroot_leaves_the_collection_itself_out(house: House) -> None:
    await house.put(f"{WORK}a.ics")
    answer = await house.ask("PROPFIND", WORK, ETAG, depth="1", prefer="depth-noroot")
    assert [*answer.responses] == [f"{WORK}a.ics"]


async def test_what_a_calendar_and_an_address_book_say_of_themselves(house: House) -> None:
    asked = prop(
        caldav("supported-calendar-component-set"), caldav("supported-calendar-data"), caldav("max-resource-size"),
        caldav("schedule-calendar-transp"), caldav("calendar-timezone-id"), dav("sync-token"), dav("owner"),
        calendarserver("getctag"), dav("supported-report-set"), dav("current-user-privilege-set"), dav("acl"),
        dav("quota-used-bytes"), dav("add-member"), dav("supported-privilege-set"), calendarserver("invite"),
        dav("supported-method-set"), dav("resource-id"),
    )  # fmt: skip
    found = (await house.ask("PROPFIND", WORK, asked, depth="0")).responses[WORK]
    assert found.names(404) == {dav("resource-id")}
    components = found.properties[200][caldav("supported-calendar-component-set")].children
    assert [each.attribute("name") for each in components] == ["VEVENT", "VTODO", "VJOURNAL"]
    assert found.text(caldav("max-resource-size")) == "10485760"
    held = {each.children[0].name for each in found.properties[200][dav("current-user-privilege-set")].children}
    assert {dav("all"), dav("read"), dav("write"), dav("bind"), dav("read-acl"), caldav("read-free-busy")} <= held
    reports = {
        each.children[0].children[0].name for each in found.properties[200][dav("supported-report-set")].children
    }
    assert {dav("sync-collection"), dav("expand-property")} <= reports
    book = prop(carddav("supported-address-data"), carddav("max-resource-size"), caldav("max-resource-size"))
    people = (await house.ask("PROPFIND", PEOPLE, book, depth="0")).responses[PEOPLE]
    versions = [
        each.attribute("version") for each in people.properties[200][carddav("supported-address-data")].children
    ]
    assert versions[:2] == ["3.0", "4.0"]
    assert people.names(404) == {caldav("max-resource-size")}


async def test_every_kind_of_resource_answers_allprop_and_propname(house: House) -> None:
    await house.put(f"{WORK}a.ics")
    for path in ("/dav/", "/dav/principals/", f"/dav/principals/{ANN}/", "/dav/calendars/", "/dav/addressbooks/", HOME,
                 f"{HOME}inbox/", f"{HOME}outbox/", WORK, PEOPLE, f"/dav/addressbooks/{ANN}/"):  # fmt: skip
        for body in ("", '<propfind xmlns="DAV:"><propname/></propfind>'):
            answer = await house.ask("PROPFIND", path, body, depth="1")
            assert answer.status == 207
            assert path in answer.responses
            assert all(found.names() for found in answer.responses.values())
