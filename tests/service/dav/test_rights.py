"""Every method on every kind of resource, by everybody: what is another user's is missing, what is shared is bounded.

The table is made of the methods there are, so that a new one is in it before anybody thinks of it.
"""

import pytest

from mailserver.dav.methods.table import METHODS
from mailserver.dav.names import dav
from mailserver.store.collections import Family
from tests.service.dav.house import ANN, BOB, EVE, House
from tests.service.dav.test_propfind import HOME, PEOPLE, WORK
from tests.service.dav.test_reports import sync

PLACES = {
    "home": HOME,
    "books": f"/dav/addressbooks/{ANN}/",
    "calendar": WORK,
    "book": PEOPLE,
    "event": f"{WORK}a.ics",
    "card": f"{PEOPLE}a.vcf",
    "inbox": f"{HOME}inbox/",
    "message": f"{HOME}inbox/a.ics",
    "outbox": f"{HOME}outbox/",
}
EVENT = "BEGIN:VCALENDAR UID:new END:VCALENDAR"
LOCK = '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
PATCH = '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>'
ACL = (
    f'<acl xmlns="DAV:"><ace><principal><href>/dav/principals/{EVE}/</href></principal>'
    "<grant><privilege><read/></privilege></grant></ace></acl>"
)
BODIES = {"PUT": EVENT, "POST": EVENT, "LOCK": LOCK, "PROPPATCH": PATCH, "ACL": ACL, "REPORT": sync()}
TYPES = {"PUT": "text/calendar", "POST": "text/calendar"}


async def ask(house: House, method: str, path: str, user: str, **headers: str) -> tuple[int, bytes]:
    given = {"depth": "0", **headers}
    if method in TYPES:
        given["content_type"] = TYPES[method]
    if method == "UNLOCK":
        given["lock_token"] = "<urn:uuid:1>"
    if method in {"COPY", "MOVE"}:
        given.setdefault("destination", f"/dav/calendars/{user}/mine/z.ics")
    if method == "DELETE":
        del given["depth"]
    answer = await house.ask(method, path, BODIES.get(method, ""), user, **given)
    return answer.status, answer.body


@pytest.fixture
async def full(house: House) -> House:
    await house.put(f"{WORK}a.ics")
    await house.put(f"{PEOPLE}a.vcf", "BEGIN:VCARD UID:1 END:VCARD")
    return house


async def everything(house: House) -> object:
    """All that is in the database about calendars and contacts."""
    return await house.store.read(
        lambda rx: [
            rx.all(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in (*_TABLES, "dav_shares", "dav_locks", "dav_properties")
        ]
    )


_TABLES = tuple(name for family in Family for name in (str(family), family.members))


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_anothers_is_missing_for_every_method(full: House, method: str) -> None:
    """There and not there are the same words, so that nobody learns a name; and nothing changes."""
    before = await everything(full)
    for kind, path in PLACES.items():
        missing = path.replace("work", "none").replace("people", "none").replace("a.ics", "none").replace(ANN, ANN)
        seen, absent = await ask(full, method, path, BOB), await ask(full, method, missing, BOB)
        stranger = await ask(full, method, path.replace(ANN, "nobody@x.example"), BOB)
        assert seen == absent == stranger, (kind, method)
        assert seen[0] == 404, (kind, method)
    assert await everything(full) == before


@pytest.mark.parametrize("method", METHODS)
async def test_a_reader_changes_nothing_of_the_owners(full: House, method: str) -> None:
    await _share(full, may_write=False)
    before = await everything(full)
    shared = f"/dav/calendars/{BOB}/work-ann/"
    for path in (f"{shared}a.ics", f"{shared}new.ics"):
        status, _ = await ask(full, method, path, BOB)
        assert status in READERS.get(method, {200, 201, 207, 400, 403, 404, 405, 409}), (path, method)
    for path in (f"{WORK}a.ics", f"{WORK}stolen.ics"):
        status, _ = await ask(full, "MOVE", f"{shared}a.ics", BOB, destination=path)
        assert status == 403
    assert await everything(full) == before


READERS = {
    "PUT": {403},
    "DELETE": {403},
    "MOVE": {403, 404, 409},
    "LOCK": {403},
    "UNLOCK": {409},
    "PROPPATCH": {403, 404},
}


@pytest.mark.parametrize("may_write", [True, False])
async def test_who_is_shared_with_shares_no_further(full: House, may_write: bool) -> None:
    await _share(full, may_write=may_write)
    shared = f"/dav/calendars/{BOB}/work-ann/"
    before = await everything(full)
    assert (await ask(full, "ACL", shared, BOB))[0] == 403
    invite = (
        '<share xmlns="http://calendarserver.org/ns/"><set><href xmlns="DAV:">mailto:eve@other.example</href>'
        "<read-write/></set></share>"
    )
    answer = await full.ask("POST", shared, invite, BOB, content_type="application/xml")
    assert answer.status == 403
    listed = await full.ask("PROPFIND", shared, '<propfind xmlns="DAV:"><prop><acl/></prop></propfind>', BOB, depth="0")
    assert listed.responses[shared].names(404) == {dav("acl")}
    assert await everything(full) == before


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
async def test_a_reader_puts_nothing_into_what_he_reads(full: House, method: str) -> None:
    await _share(full, may_write=False)
    own = f"/dav/calendars/{BOB}/calendar/b.ics"
    await full.put(own, user=BOB)
    for name in ("a.ics", "new.ics"):
        target = f"/dav/calendars/{BOB}/work-ann/{name}"
        assert (await ask(full, method, own, BOB, destination=target))[0] == 403
    assert (await ask(full, "GET", own, BOB))[0] == 200


async def test_a_reader_moves_nothing_out_and_may_copy(full: House) -> None:
    await _share(full, may_write=False)
    shared, own = f"/dav/calendars/{BOB}/work-ann/a.ics", f"/dav/calendars/{BOB}/calendar/a.ics"
    assert (await ask(full, "MOVE", shared, BOB, destination=own))[0] == 403
    assert (await ask(full, "COPY", shared, BOB, destination=own))[0] == 201
    assert (await ask(full, "GET", f"{WORK}a.ics", ANN))[0] == 200


async def test_tokens_of_a_share_that_ended_lead_nowhere(full: House) -> None:
    await _share(full, may_write=True)
    shared = f"/dav/calendars/{BOB}/work-ann/"
    token = (await full.ask("REPORT", shared, sync(), BOB)).token
    await full.services.sharing.unshare(full.users[ANN].user_id, Family.CALENDARS, "work", BOB)
    assert (await full.ask("REPORT", shared, sync(token), BOB)).status == 404
    own = await full.ask("REPORT", f"/dav/calendars/{BOB}/calendar/", sync(token), BOB)
    assert (own.status, own.error) == (403, [dav("valid-sync-token")])


@pytest.mark.parametrize(
    "destination",
    [
        f"{WORK}stolen.ics",
        f"/dav/calendars/{BOB}/../{ANN}/work/x.ics",
        f"/dav/calendars/{BOB}/%2e%2e/{ANN}/work/x.ics",
        f"//mail.x.example{WORK}x.ics",
        f"https://mail.x.example{WORK}x.ics",
        f"https://{BOB}@mail.x.example:443{WORK}x.ics",
        "/etc/passwd",
        f"/dav/calendars/{BOB}/inbox/x.ics",
        f"/dav/principals/{BOB}/",
    ],
)
async def test_nothing_goes_to_where_it_can_not_be_named(full: House, destination: str) -> None:
    own = f"/dav/calendars/{BOB}/calendar/b.ics"
    await full.put(own, user=BOB)
    before = await everything(full)
    for method in ("COPY", "MOVE"):
        assert (await ask(full, method, own, BOB, destination=destination))[0] in {400, 403}
    assert await everything(full) == before


async def _share(house: House, *, may_write: bool) -> None:
    owner = house.users[ANN].user_id
    await house.services.sharing.share(owner, Family.CALENDARS, "work", BOB, may_write=may_write)


@pytest.mark.parametrize("said", [{"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}])
@pytest.mark.parametrize("method", sorted(set(METHODS) - {"GET", "HEAD", "OPTIONS"}))
async def test_a_page_of_another_site_uses_no_login_of_the_browsers(
    full: House, method: str, said: dict[str, str]
) -> None:
    """A form or a fetch without a type was a new event: browsers ask nobody before they POST."""
    before = await everything(full)
    status, body = await ask(full, method, WORK, ANN, **said)
    assert status == 403
    assert b"another site" in body
    assert await everything(full) == before
