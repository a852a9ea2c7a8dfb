"""REPORT: which are answered where, and those about changes and users. RFC 3253 §3.6, RFC 6578, RFC 3744 §9."""

import pytest

from mailserver.dav import sync_tokens
from mailserver.dav.names import Name, caldav, calendarserver, dav
from mailserver.dav.reports.table import REPORTS
from mailserver.dav.subjects import Subject
from mailserver.errors import BadSyncToken
from mailserver.store import users
from mailserver.store.collections import Family
from tests.service.dav.house import ANN, BOB, EVE, HASH, House, Reply
from tests.service.dav.test_propfind import HOME, PEOPLE, WORK, prop

PRINCIPALS = "/dav/principals/"


def sync(token: str = "", level: str = "1", limit: int | None = None) -> str:
    nresults = f"<limit><nresults>{limit}</nresults></limit>" if limit is not None else ""
    return (
        f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>{level}</sync-level>{nresults}'
        "<prop><getetag/></prop></sync-collection>"
    )


def names_of(reply: Reply) -> dict[str, int | None]:
    """Last segments and the status of what was removed."""
    return {href.removeprefix(WORK): found.status for href, found in reply.responses.items()}


async def test_a_client_hears_of_everything_once_and_of_nothing_twice(house: House) -> None:
    for name in "abc":
        await house.put(f"{WORK}{name}.ics")
    first = await house.ask("REPORT", WORK, sync())
    assert names_of(first) == {"a.ics": None, "b.ics": None, "c.ics": None}
    told = (await house.ask("PROPFIND", WORK, prop(dav("sync-token")), depth="0")).responses[WORK]
    assert told.text(dav("sync-token")) == first.token
    idle = await house.ask("REPORT", WORK, sync(first.token))
    assert (names_of(idle), idle.token) == ({}, first.token)
    await house.put(f"{WORK}b.ics", "UID:b.ics changed")
    await house.put(f"{WORK}d.ics")
    await house.remove(f"{WORK}a.ics")
    second = await house.ask("REPORT", WORK, sync(first.token, "infinite"))
    assert names_of(second) == {"b.ics": None, "d.ics": None, "a.ics": 404}
    assert second.responses[f"{WORK}b.ics"].names() == {dav("getetag")}
    await house.put(f"{WORK}a.ics", "UID:a again")
    third = await house.ask("REPORT", WORK, sync(second.token))
    assert names_of(third) == {"a.ics": None}


async def test_ctag_and_token_change_with_every_write_and_only_then(house: House) -> None:
    asked = prop(calendarserver("getctag"), dav("sync-token"))
    seen = set[tuple[str, str]]()

    async def now() -> tuple[str, str]:
        found = (await house.ask("PROPFIND", WORK, asked, depth="0")).responses[WORK]
        return found.text(calendarserver("getctag")), found.text(dav("sync-token"))

    for step in (
        house.put(f"{WORK}a.ics"),
        house.put(f"{WORK}a.ics", "UID:a.ics 2"),
        house.put(f"{WORK}b.ics"),
        house.remove(f"{WORK}a.ics"),
    ):
        await step
        before = await now()
        assert before == await now()
        seen.add(before)
    assert len({ctag for ctag, _ in seen}) == len({token for _, token in seen}) == 4


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_limit_gives_507_and_a_token_to_go_on_until_everything_is_known(house: House, limit: int) -> None:
    start = (await house.ask("REPORT", WORK, sync())).token
    for number in range(7):
        await house.put(f"{WORK}{number}.ics")
    await house.remove(f"{WORK}3.ics")
    for begin, expected in (("", 6), (start, 7)):
        known, token, rounds = dict[str, int | None](), begin, 0
        while True:
            answer = await house.ask("REPORT", WORK, sync(token, limit=limit))
            rounds += 1
            told = names_of(answer)
            cut = told.pop("", None)
            assert cut in {None, 507}
            assert len(told) <= limit
            known |= told
            token = answer.token
            if cut is None:
                break
        assert rounds <= 8
        assert {name for name, status in known.items() if status is None} == {f"{n}.ics" for n in (0, 1, 2, 4, 5, 6)}
        assert len(known) in {expected, 6}
        assert names_of(await house.ask("REPORT", WORK, sync(token))) == {}


async def test_tokens_that_are_not_of_this_collection_are_refused_by_name(house: House) -> None:
    await house.put(f"{WORK}a.ics")
    token = (await house.ask("REPORT", WORK, sync())).token
    other = (await house.ask("REPORT", PEOPLE, sync())).token
    scheme, family, number, _ = token.split(":")
    for wrong in (
        other, "garbage", "http://x/1", f"{token}9", f"{scheme}:{family}:{number}:99999999", f"{token}-", "data:,1",
        f"{scheme}:{family}:{number}:{'9' * 25}", f"{scheme}:{family}:{int(number) + 1}:1", f"{scheme}:::",
        "<x xmlns='urn:x'/>y",
    ):  # fmt: skip
        answer = await house.ask("REPORT", WORK, sync(wrong))
        assert (answer.status, answer.error) == (403, [dav("valid-sync-token")]), wrong


async def test_a_token_from_before_forgotten_removals_is_refused(house: House) -> None:
    from mailserver.store import removed

    await house.put(f"{WORK}a.ics")
    token = (await house.ask("REPORT", WORK, sync())).token
    await house.remove(f"{WORK}a.ics")
    later = (await house.ask("REPORT", WORK, sync(token))).token
    await house.store.write(removed.forget, 2**50)
    answer = await house.ask("REPORT", WORK, sync(token))
    assert (answer.status, answer.error) == (403, [dav("valid-sync-token")])
    assert (await house.ask("REPORT", WORK, sync(later))).status == 207
    assert (await house.ask("REPORT", WORK, sync())).status == 207


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        (WORK, "", 400, []),
        (WORK, "<x", 400, []),
        (WORK, '<nothing xmlns="DAV:"/>', 403, [dav("supported-report")]),
        (HOME, sync(), 403, [dav("supported-report")]),
        (f"{WORK}a.ics", sync(), 403, [dav("supported-report")]),
        (WORK, '<principal-property-search xmlns="DAV:"/>', 403, [dav("supported-report")]),
        (WORK, sync(level="2"), 400, []),
        (WORK, sync(limit=0), 400, []),
        (WORK, '<sync-collection xmlns="DAV:"><prop/></sync-collection>', 400, []),
        (WORK, '<sync-collection xmlns="DAV:"><sync-token/><prop/></sync-collection>', 400, []),
        (f"/dav/calendars/{BOB}/work/", sync(), 404, []),
        (f"{HOME}none/", sync(), 404, []),
    ],
)
async def test_reports_that_are_not_answered_say_why(
    house: House, path: str, body: str, status: int, error: list[Name]
) -> None:
    answer = await house.ask("REPORT", path, body)
    assert (answer.status, answer.error) == (status, error)


async def test_every_resource_lists_the_reports_it_answers(house: House) -> None:
    for path, subject in ((WORK, Subject.CALENDAR), (PEOPLE, Subject.ADDRESSBOOK), (PRINCIPALS, Subject.PRINCIPALS)):
        found = (await house.ask("PROPFIND", path, prop(dav("supported-report-set")), depth="0")).responses[path]
        told = {
            each.children[0].children[0].name for each in found.properties[200][dav("supported-report-set")].children
        }
        assert told == {name for name, row in REPORTS.items() if subject in row.on}


def test_tokens_are_uris_and_read_back() -> None:
    for wrong in ("", "sync:", "sync:calendars:1:2 ", "Sync:calendars:1:2", "sync:calendars:1:-"):
        with pytest.raises(BadSyncToken):
            sync_tokens.read(wrong, _collection())


def _collection():  # type: ignore[no-untyped-def]
    from mailserver.store.collections import Collection, Kind

    return Collection(
        1, Family.CALENDARS, 1, ANN, "work", Kind.ORDINARY, "Work", None, None, None, None, None, ("VEVENT",),
        False, False, 5, 1, 0, 0, 0,
    )  # fmt: skip


def expand(inner: str) -> str:
    return f'<expand-property xmlns="DAV:">{inner}</expand-property>'


async def test_hrefs_are_expanded_to_the_properties_behind_them(house: House) -> None:
    inner = '<property name="displayname"/><property name="none" namespace="urn:x"/>'
    body = expand(
        f'<property name="displayname"/><property name="owner">{inner}</property>'
        f'<property name="calendar-home-set" namespace="urn:ietf:params:xml:ns:caldav">{inner}</property>'
    )
    found = (await house.ask("REPORT", WORK, body)).responses[WORK]
    assert found.text(dav("displayname")) == "Work & Play"
    [response] = found.properties[200][dav("owner")].children
    assert response.name == dav("response")
    assert response.children[0].text == f"/dav/principals/{ANN}/"
    assert "Ann <Example>" in found.text(dav("owner"))
    assert found.names(404) == {caldav("calendar-home-set")}


async def test_what_an_href_leads_to_and_one_may_not_see_is_404(house: House) -> None:
    ann = house.users[ANN].user_id
    await house.services.sharing.share(ann, Family.CALENDARS, "work", EVE, may_write=False)
    listed = (await house.ask("PROPFIND", f"/dav/calendars/{EVE}/", prop(dav("owner")), EVE, depth="1")).responses
    [path] = [href for href in listed if "work-ann" in href]
    body = expand('<property name="owner"><property name="displayname"/></property>')
    found = (await house.ask("REPORT", path, body, EVE)).responses[path]
    assert "404" in found.text(dav("owner"))
    assert "Ann" not in found.text(dav("owner"))


async def test_expanding_is_bounded(house: House) -> None:
    deep = '<property name="displayname"/>'
    for _ in range(5):
        deep = f'<property name="current-user-principal">{deep}</property>'
    assert (await house.ask("REPORT", WORK, expand(deep))).status == 400


def search(*conditions: tuple[str, str], test: str = "allof", prop_: str = "<D:displayname/>") -> str:
    inner = "".join(
        f"<D:property-search><D:prop>{names}</D:prop><D:match>{text}</D:match></D:property-search>"
        for names, text in conditions
    )
    return (
        f'<D:principal-property-search xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" '
        f'xmlns:CS="http://calendarserver.org/ns/" test="{test}">{inner}<D:prop>{prop_}</D:prop>'
        "</D:principal-property-search>"
    )


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (search(("<D:displayname/>", "beta")), {BOB}),
        (search(("<D:displayname/>", "BETA"), ("<CS:email-address-set/>", "x.example")), {BOB}),
        (search(("<D:displayname/>", "beta"), ("<D:displayname/>", "ann")), set()),
        (search(("<D:displayname/>", "beta"), ("<D:displayname/>", "ann"), test="anyof"), {ANN, BOB}),
        (search(("<C:calendar-user-address-set/>", f"mailto:{BOB}")), {BOB}),
        (search(("<D:owner/>", "beta")), set()),
        (search(("<CS:email-address-set/>", "eve")), set()),
        (search(("<D:displayname/><CS:email-address-set/>", "@x.example")), {ANN, BOB}),
    ],
)
async def test_users_of_the_domain_are_found_by_name_and_address(house: House, body: str, found: set[str]) -> None:
    answer = await house.ask("REPORT", PRINCIPALS, body)
    assert answer.responses.keys() == {f"/dav/principals/{user}/" for user in found}


async def test_aliases_are_addresses_too_and_a_wide_search_is_cut(house: House) -> None:
    from mailserver.store import aliases

    await house.store.write(aliases.add, "sales@x.example", [BOB])
    answer = await house.ask("REPORT", PRINCIPALS, search(("<CS:email-address-set/>", "sales@")))
    assert answer.responses.keys() == {f"/dav/principals/{BOB}/"}

    def many(tx: object) -> None:
        for number in range(101):
            users.add(tx, f"many{number}@x.example", HASH)  # type: ignore[arg-type]

    await house.store.write(many)
    answer = await house.ask("REPORT", PRINCIPALS, search(("<CS:email-address-set/>", "many")))
    assert len(answer.responses) == 101
    assert answer.responses[PRINCIPALS].status == 507


@pytest.mark.parametrize(
    "body",
    [search(), search(*[("<D:displayname/>", "a")] * 21), search(("<D:displayname/>", "a" * 201)),
     '<principal-property-search xmlns="DAV:"><property-search/></principal-property-search>'],
)  # fmt: skip
async def test_searches_that_make_no_sense_are_400(house: House, body: str) -> None:
    assert (await house.ask("REPORT", PRINCIPALS, body)).status == 400


async def test_what_can_be_searched_is_told(house: House) -> None:
    answer = await house.ask("REPORT", PRINCIPALS, '<principal-search-property-set xmlns="DAV:"/>')
    assert (answer.status, answer.xml.name) == (200, dav("principal-search-property-set"))
    told = [entry.children[0].children[0].name for entry in answer.xml.children]
    assert dav("displayname") in told and caldav("calendar-user-address-set") in told


async def test_principal_match_finds_the_viewer_and_what_is_his(house: House) -> None:
    asked = "<prop><displayname/></prop>"
    self_ = f'<principal-match xmlns="DAV:"><self/>{asked}</principal-match>'
    assert [*(await house.ask("REPORT", PRINCIPALS, self_)).responses] == [f"/dav/principals/{ANN}/"]
    owner = f'<principal-match xmlns="DAV:"><principal-property><owner/></principal-property>{asked}</principal-match>'
    assert WORK in (await house.ask("REPORT", HOME, owner)).responses
    neither = f'<principal-match xmlns="DAV:">{asked}</principal-match>'
    assert (await house.ask("REPORT", HOME, neither)).status == 400


async def test_the_owner_is_told_who_is_in_the_acl(house: House) -> None:
    ann = house.users[ANN].user_id
    await house.services.sharing.share(ann, Family.CALENDARS, "work", BOB, may_write=False)
    await house.services.sharing.share(ann, Family.CALENDARS, "work", EVE, may_write=False)
    body = '<acl-principal-prop-set xmlns="DAV:"><prop><displayname/></prop></acl-principal-prop-set>'
    found = (await house.ask("REPORT", WORK, body)).responses
    assert found[f"/dav/principals/{BOB}/"].text(dav("displayname")) == "Bob B. Beta"
    assert found[f"/dav/principals/{ANN}/"].text(dav("displayname")) == "Ann <Example>"
    assert found[f"/dav/principals/{EVE}/"].status == 403
    listed = (await house.ask("PROPFIND", f"/dav/calendars/{BOB}/", prop(dav("owner")), BOB, depth="1")).responses
    [path] = [href for href in listed if "work-ann" in href]
    assert (await house.ask("REPORT", path, body, BOB)).responses == {}


async def test_who_may_be_found_is_a_setting(house: House) -> None:
    from dataclasses import replace

    from mailserver.config.tree import DavConfig, PrincipalScope

    wide, own = (House(house.store, replace(DavConfig(), principals=scope)) for scope in
                 (PrincipalScope.SERVER, PrincipalScope.OWN))  # fmt: skip
    body = search(("<CS:email-address-set/>", "@"), prop_="<D:displayname/>")
    for other, seen in ((wide, {ANN, BOB, EVE}), (own, {ANN})):
        other.users.update(house.users)
        answer = await other.ask("REPORT", PRINCIPALS, body)
        assert answer.responses.keys() == {f"/dav/principals/{user}/" for user in seen}
        eve = await other.ask("PROPFIND", f"/dav/principals/{EVE}/", prop(dav("displayname")), depth="0")
        assert eve.status == (207 if EVE in seen else 404)


async def test_a_name_that_is_no_name_is_not_written_into_the_answer(house: House) -> None:
    injected = '<property name="a/&gt;&lt;x:evil xmlns:x=&quot;urn:x&quot;/&gt;&lt;b"/>'
    assert (await house.ask("REPORT", WORK, expand(injected))).status == 400
    assert (await house.ask("REPORT", WORK, expand('<property name=""/>'))).status == 400


async def test_expanding_names_each_property_once_and_not_too_many(house: House) -> None:
    """One property named often, in resources found often, was an answer of gigabytes."""
    twice = expand('<property name="supported-report-set"/>' * 2)
    answer = await house.ask("REPORT", WORK, twice)
    assert answer.status == 207
    assert answer.body.count(b"<D:supported-report-set>") == 1
    many = "".join(f'<property name="p{number}"/>' for number in range(501))
    assert (await house.ask("REPORT", WORK, expand(many))).status == 400
