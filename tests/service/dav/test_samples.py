"""Two thousand objects as programs write them: stored and given back octet for octet, by GET, multiget and in files."""

import http.client
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import pytest

from mailserver.daemon.dav_face import ACCEPT
from mailserver.groupware.members import Members
from mailserver.groupware.transport.giving_out import give_out
from mailserver.groupware.transport.taking_in import Counts, Fault, TakingIn
from mailserver.ical.lines import unescaped
from mailserver.store import users
from mailserver.store.collections import Family
from tests.dialogues.dav_world import ANN, PASSWORD, World, prepare
from tests.samples import calendars, cards, refused
from tests.samples.texts import TEXTS
from tests.samples.writing import BOM, Sample, by_octets, meant

COUNT = 1_000  # of each kind
TOGETHER = 250  # hrefs of a multiget
BESIDE = {b"VTIMEZONE", b"X-NOTE"}  # of a calendar, not of an object of it
LOGIN = "Basic " + b64encode(f"{ANN}:{PASSWORD}".encode()).decode()
_FOLD = re.compile(rb"\r?\n[ \t](?=[\x80-\xbf])")  # inside a character


@dataclass(frozen=True, slots=True)
class Kind:
    family: Family
    home: str
    default: str
    report: str
    namespace: str
    data: str
    media: str

    def path(self, name: str, collection: str = "") -> str:
        return f"{self.home}{collection or self.default}/{quote(name, safe='')}"


ICS = Kind(
    Family.CALENDARS,
    f"/dav/calendars/{ANN}/",
    "calendar",
    "calendar-multiget",
    "urn:ietf:params:xml:ns:caldav",
    "calendar-data",
    "text/calendar; charset=utf-8",
)
VCF = Kind(
    Family.ADDRESSBOOKS,
    f"/dav/addressbooks/{ANN}/",
    "contacts",
    "addressbook-multiget",
    "urn:ietf:params:xml:ns:carddav",
    "address-data",
    "text/vcard; charset=utf-8",
)
SAMPLES = {ICS: calendars.calendars, VCF: cards.cards}
KINDS = pytest.mark.parametrize("kind", [ICS, VCF], ids=["calendar", "contacts"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        yield world


class Client:
    """One connection, kept; to be used outside the loop that serves it."""

    def __init__(self, world: World) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=60)

    def __call__(self, method: str, path: str, body: bytes = b"", media: str = "") -> tuple[int, dict[str, str], bytes]:
        headers = {"Authorization": LOGIN} | ({"Content-Type": media} if media else {})
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def close(self) -> None:
        self._connection.close()


def names(samples: Iterable[Sample]) -> dict[str, Sample]:
    """By what a client calls them: half of them with all there is in the UID."""
    return {(f"{n}.ics" if n % 2 else f"{n} {sample.uid}"[:120]): sample for n, sample in enumerate(samples)}


def multiget(client: Client, kind: Kind, paths: list[str]) -> dict[str, bytes]:
    """Path → data as an XML reader understands it."""
    hrefs = "".join(f"<D:href>{escape(path)}</D:href>" for path in paths)
    asked = f'<C:{kind.report} xmlns:C="{kind.namespace}" xmlns:D="DAV:"><D:prop><C:{kind.data}/></D:prop>{hrefs}'
    status, _, body = client("REPORT", f"{kind.home}{kind.default}/", f"{asked}</C:{kind.report}>".encode())
    assert status == 207
    return {
        unquote(str(each.findtext("{DAV:}href"))): str(each.findtext(f".//{{{kind.namespace}}}{kind.data}")).encode()
        for each in ElementTree.fromstring(body).iter("{DAV:}response")  # our own answer
    }


def kept_and_given_back(world: World, kind: Kind, samples: dict[str, Sample]) -> None:
    client = Client(world)
    for name, sample in samples.items():
        status, headers, body = client("PUT", kind.path(name), sample.octets, kind.media)
        assert status == 201, (sample.name, body)
        got, told, octets = client("GET", kind.path(name))
        assert (got, octets) == (200, sample.octets), sample.name
        assert headers["etag"] == told["etag"], sample.name
    for some in _batches(samples):
        found = multiget(client, kind, [kind.path(name) for name in some])
        for name in some:
            assert found[unquote(kind.path(name))] == _FOLD.sub(b"", samples[name].octets), samples[name].name
    client.close()


def _batches(samples: dict[str, Sample]) -> Iterable[list[str]]:
    all_names = list(samples)
    return (all_names[at : at + TOGETHER] for at in range(0, len(all_names), TOGETHER))


@KINDS
async def test_a_thousand_samples_come_back_octet_for_octet_and_go_through_a_file(world: World, kind: Kind) -> None:
    samples = names(SAMPLES[kind](COUNT))
    assert len({sample.octets for sample in samples.values()}) == COUNT
    await world.store.in_thread(kept_and_given_back, world, kind, samples)

    await through_a_file(world, kind, samples)


async def through_a_file(world: World, kind: Kind, samples: dict[str, Sample]) -> None:
    """An export, taken in where it came from and elsewhere: nothing is new there, and the same here."""
    members = Members(world.store, ACCEPT)
    viewer = (await world.store.read(users.get, ANN)).id
    transport = TakingIn(world.store, members)
    file = b"".join([piece async for piece in give_out(members, viewer, kind.family, kind.default)])
    again = await transport.take_in(viewer, kind.family, kind.default, file, replace=False)
    assert (again.added, again.replaced) == (0, 0)
    assert refused_of(again, samples) == []

    await world.store.in_thread(make, world, f"{kind.home}copy/")
    counts = await transport.take_in(viewer, kind.family, "copy", file, replace=False)
    assert refused_of(counts, samples) == []
    hrefs = [member.href for member in (await members.list(viewer, kind.family, "copy"))[1]]
    copies = await members.multiget(viewer, kind.family, "copy", hrefs)
    by_uid = {member.uid: data for member, data in copies.values()}
    for member in (await members.list(viewer, kind.family, kind.default))[1]:
        sample = samples[member.href]
        assert parts(kind, by_uid[member.uid]) == parts(kind, sample.octets), sample.name


def refused_of(counts: Counts, samples: dict[str, Sample]) -> list[Fault]:
    """But for notes of a program's own beside an event: they have no UID, and a file has no place for them."""
    uids = {unescaped(sample.uid) for sample in samples.values()}
    return [fault for fault in counts.faults if fault.uid in uids]


def make(world: World, path: str) -> None:
    client = Client(world)
    assert client("MKCOL", path)[0] == 201
    client.close()


def parts(kind: Kind, octets: bytes) -> list[bytes]:
    """What a file must carry: of a calendar its components (its own lines are the file's), of a card everything."""
    lines = meant(octets)
    if kind is VCF:
        return lines
    start = next(n for n, line in enumerate(lines) if n and line.upper().startswith(b"BEGIN:"))
    kept, name = list[bytes](), b""
    for line in lines[start:-1]:
        begun = line.upper().removeprefix(b"BEGIN:")
        if not name and begun in BESIDE:
            name = begun
        if not name:
            kept.append(line)
        elif line.upper() == b"END:" + name:
            name = b""
    return kept


@KINDS
async def test_what_nobody_could_show_is_refused_by_name_and_nothing_is_stored(world: World, kind: Kind) -> None:
    rows = refused.CALENDARS if kind is ICS else refused.CARDS

    def play() -> None:
        client = Client(world)
        for name, (octets, precondition) in rows.items():
            status, _, body = client("PUT", kind.path("refused"), octets, kind.media)
            assert status == 403, name
            error = ElementTree.fromstring(body)
            assert f"{{{kind.namespace}}}{precondition}" in [each.tag for each in error], name
            assert len(str(error.findtext("{DAV:}responsedescription"))) > 10, name
            assert client("GET", kind.path("refused"))[0] == 404, name
        client.close()

    await world.store.in_thread(play)


async def test_a_fold_inside_a_character_is_kept_and_read_whole_in_a_multiget(world: World) -> None:
    """XML has no half characters: the report unfolds there, GET gives what was stored. RFC 5545 §3.1"""
    lines = refused.EVENT
    text = next(each for each in TEXTS if each.startswith("会議"))
    octets = by_octets([line if line != "SUMMARY:x" else f"SUMMARY:{text}" for line in lines])
    with pytest.raises(UnicodeDecodeError):
        octets.decode()

    def play() -> None:
        client = Client(world)
        assert client("PUT", ICS.path("a.ics"), octets, ICS.media)[0] == 201
        assert client("GET", ICS.path("a.ics"))[2] == octets
        [data] = multiget(client, ICS, [ICS.path("a.ics")]).values()
        assert text.encode() in b"".join(meant(data))
        client.close()

    await world.store.in_thread(play)


def test_the_samples_are_what_they_claim_to_be() -> None:
    """All shapes with all texts, and all ways of writing: none is missing because of how they take turns."""
    for make, shapes in ((calendars.calendars, calendars.SHAPES), (cards.cards, cards.SHAPES)):
        made = list(make(COUNT))
        assert {sample.name.split(": ")[1].split(",")[0] for sample in made} == set(shapes)
        writings = {sample.name.rpartition(" ")[2] for sample in made}
        assert len(writings) >= 9
        assert any(sample.octets.startswith(BOM) for sample in made)
        assert len({sample.uid for sample in made}) == COUNT
