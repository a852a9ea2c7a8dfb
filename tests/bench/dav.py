"""CalDAV and CardDAV through the socket, ours and Radicale on the same objects in the same run."""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench import dav_corpus
from tests.bench.dav_client import DavClient, watching
from tests.bench.radicale import Radicale, running_radicale
from tests.daemon import Demo, running_demo

REPEAT = 7
PUTS = 60  # for one figure
SLOW_PUTS = 5  # where one takes half a second
SMALL = 1_000  # objects in the collection where the peer still answers a PUT in time
MANY = 1_000  # of one multiget
CHANGES = 10
REPORT_MB = 30.0  # that a report over everything may add
RSS_EVERY = 8  # pieces
STALL_MS = 10.0  # that it may hold up somebody else

CALENDAR, SMALL_CALENDAR, BOOK = "bench", "small", "bench-contacts"

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Goal:
    ms: float | None = None  # ours
    ratio: float | None = None  # the peer's time / ours


GOALS = {
    "PUT, collection of 1,000": Goal(1.5, 20),
    "PUT, collection of 10,000": Goal(1.5),
    "PUT of a contact, book of 1,000": Goal(1.5, 20),
    "GET one": Goal(ratio=1.5),
    "PROPFIND etags of 10,000": Goal(30, 40),
    "multiget of 1,000": Goal(ratio=8),
    "calendar-query, one day": Goal(18, 300),
    "calendar-query, one month": Goal(40, 150),
    "sync-collection, nothing changed": Goal(ratio=600),
    f"sync-collection, {CHANGES} changes": Goal(2.5, 300),
    "sync-collection, initial": Goal(ratio=300),
}


@dataclass(frozen=True, slots=True)
class Side:
    """A server with its collections filled."""

    client: DavClient
    calendar: str  # path
    small: str
    book: str


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with running_radicale(Path(folder) / "radicale") as radicale:
            theirs = _all(_their_side(radicale, Path(folder) / "radicale"), SLOW_PUTS)
        with running_demo(Path(folder) / "var", "--relaxed", "--plain-auth") as demo:
            side = _our_side(demo)
            mine = _all(side)
            heavy = _whole_report(demo, side)
    return [*(_row(name, mine[name], theirs[name]) for name in mine), *heavy]


# ---- filling ----


def _our_side(demo: Demo) -> Side:
    user = demo.users[0]
    client = DavClient(demo.port("http"), user.email, user.password)
    calendars, books = f"/dav/calendars/{user.email}/", f"/dav/addressbooks/{user.email}/"
    side = Side(client, f"{calendars}{CALENDAR}/", f"{calendars}{SMALL_CALENDAR}/", f"{books}{BOOK}/")
    _make(side)
    for path, objects in _contents(side):
        for name, data in objects:
            client.done("PUT", path + name, data, Content_Type=_type(name))
    return side


def _their_side(radicale: Radicale, folder: Path) -> Side:
    """Written into its storage: by PUT it would take hours."""
    home = radicale.home
    side = Side(radicale.client(), f"{home}{CALENDAR}/", f"{home}{SMALL_CALENDAR}/", f"{home}{BOOK}/")
    _make(side)
    for path, objects in _contents(side):
        place = folder / "storage" / "collection-root" / path.strip("/")
        for name, data in objects:
            (place / name).write_bytes(data)
    return side


def _make(side: Side) -> None:
    for path in (side.calendar, side.small):
        side.client.done("MKCALENDAR", path)
    side.client.done("MKCOL", side.book, BOOK_MKCOL, Content_Type="application/xml")


def _contents(side: Side) -> Iterator[tuple[str, Iterator[tuple[str, bytes]]]]:
    yield side.calendar, dav_corpus.events(dav_corpus.EVENTS)
    yield side.small, dav_corpus.events(SMALL)
    yield side.book, dav_corpus.cards(SMALL)


def _type(name: str) -> str:
    return "text/calendar; charset=utf-8" if name.endswith(".ics") else "text/vcard; charset=utf-8"


# ---- measuring ----


def _all(side: Side, large_puts: int = PUTS) -> dict[str, float]:
    """Milliseconds, medians."""
    first = _sync(side, "")  # also warms what the peer caches
    token = _token(first[0])
    return {
        "GET one": _median(lambda: side.client.done("GET", f"{side.calendar}event-77.ics")[1]),
        "PROPFIND etags of 10,000": _median(lambda: _propfind(side), 3),
        "multiget of 1,000": _median(lambda: _multiget(side), 3),
        "calendar-query, one day": _median(lambda: _query(side, *dav_corpus.day()), 3),
        "calendar-query, one month": _median(lambda: _query(side, *dav_corpus.month()), 3),
        "sync-collection, nothing changed": _median(lambda: _sync(side, token)[1], 3),
        f"sync-collection, {CHANGES} changes": _changed(side, token),
        "sync-collection, initial": _median(lambda: _sync(side, "")[1], 1),
        "PUT, collection of 1,000": _puts(side, side.small, dav_corpus.event, "ics"),
        "PUT of a contact, book of 1,000": _puts(side, side.book, _card, "vcf"),
        "PUT, collection of 10,000": _puts(side, side.calendar, dav_corpus.event, "ics", large_puts),
    }


def _median(once: Callable[[], float], times: int = REPEAT) -> float:
    return statistics.median(once() for _ in range(times))


def _propfind(side: Side) -> float:
    content, took = side.client.done("PROPFIND", side.calendar, PROPFIND_ETAGS, Depth="1", Content_Type=XML)
    assert content.count(b"getetag") >= dav_corpus.EVENTS
    return took


def _multiget(side: Side) -> float:
    hrefs = "".join(f"<D:href>{side.calendar}event-{number * 7}.ics</D:href>" for number in range(MANY))
    content, took = side.client.done(
        "REPORT", side.calendar, MULTIGET.replace("HREFS", hrefs).encode(), Depth="1", Content_Type=XML
    )
    assert content.count(b"BEGIN:VEVENT") == MANY
    return took


def _query(side: Side, start: datetime, end: datetime) -> float:
    body = QUERY.replace("START", f"{start:%Y%m%dT%H%M%SZ}").replace("END_", f"{end:%Y%m%dT%H%M%SZ}")
    content, took = side.client.done("REPORT", side.calendar, body.encode(), Depth="1", Content_Type=XML)
    assert content.count(b"getetag") > dav_corpus.EVENTS // 100
    return took


def _sync(side: Side, token: str) -> tuple[bytes, float]:
    body = SYNC.replace("TOKEN", token)
    return side.client.done("REPORT", side.calendar, body.encode(), Depth="0", Content_Type=XML)


def _token(content: bytes) -> str:
    return content.split(b"sync-token>")[-2].removesuffix(b"</D:").removesuffix(b"</").decode().split("<")[0]


def _changed(side: Side, token: str) -> float:
    for number in range(CHANGES):
        name = f"{side.calendar}event-{number * 13 + 1}.ics"
        side.client.done("PUT", name, dav_corpus.event(number * 13 + 1, "Changed"), Content_Type=_type(name))
    _sync(side, token)  # the peer notes what changed at the first look
    return _median(lambda: _sync(side, token)[1], 3)


def _puts(side: Side, path: str, make: Callable[[int], bytes], suffix: str, count: int = PUTS) -> float:
    """New objects, one after the other, over one connection."""
    first = dav_corpus.EVENTS * 10
    times = []
    for number in range(first, first + count):
        name = f"{path}new-{number}.{suffix}"
        times.append(side.client.done("PUT", name, make(number), Content_Type=_type(name))[1])
    return statistics.median(times)


def _card(number: int) -> bytes:
    [(_, data)] = dav_corpus.cards(1)
    return data.replace(b"card-0", b"card-%d" % number)


def _whole_report(demo: Demo, side: Side) -> list[Row]:
    """Every object's text in one answer, while another program asks whether the server lives."""
    before = peak = demo.rss_octets()
    with (
        watching(demo.port("http")) as waits,
        side.client.streamed("REPORT", side.calendar, EVERYTHING, Depth="1", Content_Type=XML) as pieces,
    ):
        for number, _ in enumerate(pieces):
            if number % RSS_EVERY == 0:
                peak = max(peak, demo.rss_octets())
    grown = round((peak - before) / 1e6, 1)
    worst = round(max(waits), 1)
    return [
        {"name": "RSS growth, all objects in one report", "mb": grown, "goal_mb": REPORT_MB, "ok": grown <= REPORT_MB},
        {
            "name": "longest wait of another request meanwhile",
            "ms": worst,
            "median_ms": round(statistics.median(waits), 2),
            "goal_ms": STALL_MS,
            "ok": worst <= STALL_MS if (os.cpu_count() or 1) > 1 else None,
        },
    ]


def _row(name: str, ours_ms: float, peer_ms: float) -> Row:
    goal = GOALS[name]
    ratio = peer_ms / max(ours_ms, 0.01)
    row: Row = {"name": name, "ours_ms": round(ours_ms, 2), "radicale_ms": round(peer_ms, 1), "ratio": round(ratio, 1)}
    if goal.ms is not None:
        row["goal_ms"] = goal.ms
    if goal.ratio is not None:
        row["goal_ratio"] = goal.ratio
    row["ok"] = (goal.ms is None or ours_ms <= goal.ms) and (goal.ratio is None or ratio >= goal.ratio)
    return row


XML = "application/xml; charset=utf-8"
PROPFIND_ETAGS = b'<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
MULTIGET = (
    '<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:prop><D:getetag/><C:calendar-data/></D:prop>HREFS</C:calendar-multiget>"
)
QUERY = (
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/></D:prop>'
    '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
    '<C:time-range start="START" end="END_"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>'
)
EVERYTHING = (
    b'<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    b"<D:prop><D:getetag/><C:calendar-data/></D:prop>"
    b'<C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>'
)
SYNC = (
    '<D:sync-collection xmlns:D="DAV:"><D:sync-token>TOKEN</D:sync-token><D:sync-level>1</D:sync-level>'
    "<D:prop><D:getetag/></D:prop></D:sync-collection>"
)
BOOK_MKCOL = (
    b'<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:set><D:prop><D:resourcetype>'
    b"<D:collection/><C:addressbook/></D:resourcetype></D:prop></D:set></D:mkcol>"
)
