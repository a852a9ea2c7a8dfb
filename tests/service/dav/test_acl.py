"""ACL and Apple's share: others are given a calendar; what can not be given is refused by name. RFC 3744 §8.1."""

import pytest

from mailserver.dav.names import Name, calendarserver, dav
from tests.service.dav.house import ANN, BOB, EVE, House
from tests.service.dav.test_propfind import HOME, WORK, prop

BOBS = f"/dav/calendars/{BOB}/"


def ace(user: str, *privileges: str, rest: str = "") -> str:
    granted = "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in privileges)
    return f"<D:ace><D:principal>{user}</D:principal><D:grant>{granted}</D:grant>{rest}</D:ace>"


def href(user: str) -> str:
    return f"<D:href>/dav/principals/{user}/</D:href>"


def acl(*aces: str) -> str:
    return f'<D:acl xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{"".join(aces)}</D:acl>'


async def privileges(house: House, user: str) -> set[str]:
    """What the user may do with the one calendar that is shared with him; empty where none is."""
    asked = prop(dav("current-user-privilege-set"), dav("owner"))
    listed = (await house.ask("PROPFIND", f"/dav/calendars/{user}/", asked, user, depth="1")).responses
    for found in listed.values():
        if found.names() and found.text(dav("owner")) == f"/dav/principals/{ANN}/":
            held = found.properties[200][dav("current-user-privilege-set")].children
            return {each.children[0].name.local for each in held}
    return set()


async def test_others_read_or_write_and_are_left_out_again(house: House) -> None:
    owner = ace("<D:property><D:owner/></D:property>", "all", rest="<D:protected/>")
    assert (await house.ask("ACL", WORK, acl(owner, ace(href(BOB), "read")))).status == 200
    assert "write-content" not in await privileges(house, BOB)
    assert "read" in await privileges(house, BOB)
    both = acl(ace(href(BOB), "read", "write"), ace(href(EVE), "read"))
    assert (await house.ask("ACL", WORK, both)).status == 200
    assert {"read", "write", "write-content", "bind"} <= await privileges(house, BOB)
    assert "all" not in await privileges(house, BOB)
    assert "read" in await privileges(house, EVE)
    found = (await house.ask("PROPFIND", WORK, prop(dav("acl")), depth="0")).responses[WORK]
    assert len(found.properties[200][dav("acl")].children) == 3
    assert (await house.ask("ACL", WORK, acl(ace(href(EVE), "read")))).status == 200
    assert await privileges(house, BOB) == set()


async def test_the_list_as_it_is_read_can_be_sent_back(house: House) -> None:
    await house.ask("ACL", WORK, acl(ace(href(BOB), "read", "write")))
    answer = await house.ask("PROPFIND", WORK, prop(dav("acl")), depth="0")
    start, end = answer.body.index(b"<D:acl>"), answer.body.index(b"</D:acl>")
    body = acl(answer.body[start + len(b"<D:acl>") : end].decode())
    assert (await house.ask("ACL", WORK, body)).status == 200
    assert "write" in await privileges(house, BOB)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (ace(href("nobody@x.example"), "read"), "recognized-principal"),
        (ace("<D:href>/dav/calendars/</D:href>", "read"), "recognized-principal"),
        (ace("<D:href>mailto:x@y.example</D:href>", "read"), "recognized-principal"),
        (ace("<D:all/>", "read"), "allowed-principal"),
        (ace("<D:authenticated/>", "read"), "allowed-principal"),
        (ace(href(BOB), "write"), "not-supported-privilege"),
        (ace(href(BOB), "read", "write-content"), "not-supported-privilege"),
        (ace(href(BOB), "read", "all"), "not-supported-privilege"),
        (ace(href(BOB), "read", "write-acl"), "not-supported-privilege"),
        (ace(href(BOB)), "not-supported-privilege"),
        (ace(href(ANN), "read"), "no-protected-ace-conflict"),
        (ace(href(BOB), "read", rest="<D:inherited><D:href>/dav/</D:href></D:inherited>"),
         "no-inherited-ace-conflict"),
        (ace(href(BOB), "read", rest="<D:invert/>"), "no-invert"),
        (ace(href(BOB), "read").replace("grant>", "deny>"), "grant-only"),
        ("".join(ace(href(f"u{n}@x.example"), "read") for n in range(1001)), "limited-number-of-aces"),
    ],
)  # fmt: skip
async def test_what_can_not_be_given_is_refused_by_name_and_nobody_is_given_anything(
    house: House, entry: str, error: str
) -> None:
    answer = await house.ask("ACL", WORK, acl(ace(href(EVE), "read"), entry))
    assert (answer.status, answer.error) == (403, [dav(error)])
    assert await privileges(house, EVE) == set()


@pytest.mark.parametrize("body", ["", "<x", '<acl xmlns="DAV:"><ace/></acl>', '<other xmlns="DAV:"/>'])
async def test_what_is_no_acl_is_400(house: House, body: str) -> None:
    assert (await house.ask("ACL", WORK, body)).status == 400


async def test_only_the_owner_shares(house: House) -> None:
    await house.ask("ACL", WORK, acl(ace(href(BOB), "read", "write")))
    answer = await house.ask("PROPFIND", BOBS, prop(dav("displayname")), BOB, depth="1")
    [path] = [href for href in answer.responses if "work-ann" in href]
    assert (await house.ask("ACL", path, acl(ace(href(EVE), "read")), BOB)).status == 403
    assert (await house.ask("ACL", WORK, acl(), BOB)).status == 404
    assert (await house.ask("ACL", HOME, acl())).status == 405


def share(inner: str) -> str:
    return f'<CS:share xmlns:D="DAV:" xmlns:CS="http://calendarserver.org/ns/">{inner}</CS:share>'


async def test_apple_shares_and_ends_it_by_mail_address(house: House) -> None:
    invited = f"<D:href>mailto:{BOB}</D:href><CS:common-name>Bob</CS:common-name>"
    xml = {"content_type": "application/xml; charset=utf-8"}
    write = share(f"<CS:set>{invited}<CS:read-write/></CS:set>")
    assert (await house.ask("POST", WORK, write, **xml)).status == 200
    assert "write" in await privileges(house, BOB)
    read = share(f"<CS:set>{invited}<CS:read/></CS:set>")
    assert (await house.ask("POST", WORK, read, **xml)).status == 200
    assert "write" not in await privileges(house, BOB)
    found = (await house.ask("PROPFIND", WORK, prop(calendarserver("invite")), depth="0")).responses[WORK]
    invite = found.properties[200][calendarserver("invite")]
    [user] = invite.all(calendarserver("user"))
    assert [child.name for child in user.children] == [
        dav("href"), calendarserver("common-name"), calendarserver("invite-accepted"), calendarserver("access"),
    ]  # fmt: skip
    gone = share(f"<CS:remove><D:href>mailto:{BOB}</D:href></CS:remove>")
    assert (await house.ask("POST", WORK, gone, **xml)).status == 200
    assert await privileges(house, BOB) == set()


@pytest.mark.parametrize(
    ("inner", "status"),
    [
        ("<CS:set><D:href>mailto:nobody@x.example</D:href><CS:read/></CS:set>", 404),
        ("<CS:set><D:href>urn:uuid:1</D:href><CS:read/></CS:set>", 404),
        (f"<CS:set><D:href>mailto:{BOB}</D:href></CS:set>", 400),
        ("<CS:set><CS:read/></CS:set>", 400),
        ("<CS:remove/>" * 201, 400),
    ],
)
async def test_invitations_that_lead_nowhere(house: House, inner: str, status: int) -> None:
    answer = await house.ask("POST", WORK, share(inner), content_type="text/xml")
    assert answer.status == status
    assert await privileges(house, BOB) == set()


async def test_names_are_not_told_to_who_may_not_share(house: House) -> None:
    await house.ask("ACL", WORK, acl(ace(href(BOB), "read"), ace(href(EVE), "read")))
    listed = await house.ask("PROPFIND", BOBS, prop(dav("acl"), calendarserver("invite")), BOB, depth="1")
    assert EVE.encode() not in listed.body
    assert Name("DAV:", "acl") in listed.responses[next(h for h in listed.responses if "work-ann" in h)].names(404)
