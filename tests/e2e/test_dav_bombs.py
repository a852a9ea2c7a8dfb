"""What is made to keep a server busy is answered, and meanwhile others are: over the daemon's own ports."""

import contextlib
import http.client
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest
from imapclient import IMAPClient

from tests.e2e.served import ANN, BEN, PASSWORD, Served, furnish, served

CALENDAR = f"/dav/calendars/{ANN}/calendar/"
ENOUGH_SECONDS = 20.0  # a loaded machine takes a second; what is unbounded takes minutes, or never ends
TURNS = 3  # of the neighbour while one bomb is looked at
LOGIN = {user: "Basic " + b64encode(f"{user}:{PASSWORD}".encode()).decode() for user in (ANN, BEN)}
CALDAV = 'xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"'
FAR = 'start="20300101T000000Z" end="20310101T000000Z"'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bombs")
    furnish(folder)
    with served(folder) as house:
        yield house


@contextlib.contextmanager
def connected(house: Served) -> Iterator[http.client.HTTPSConnection]:
    trust = ssl.create_default_context(cafile=str(house.folder / "tls" / "ca.pem"))
    connection = http.client.HTTPSConnection("localhost", house.ports["https"], timeout=ENOUGH_SECONDS, context=trust)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    connection: http.client.HTTPSConnection, method: str, path: str, body: bytes = b"", user: str = ANN
) -> tuple[int, bytes]:
    media = "text/calendar; charset=utf-8" if method == "PUT" else "application/xml"
    connection.request(method, path, body, {"Authorization": LOGIN[user], "Content-Type": media, "Depth": "1"})
    answer = connection.getresponse()
    return answer.status, answer.read()


class Neighbour(threading.Thread):
    """Ben, who asks for his calendars and says NOOP all the time; counts the answers he had."""

    def __init__(self, house: Served) -> None:
        super().__init__(daemon=True)
        self._house = house
        self._done = threading.Event()
        self._answered = threading.Condition()
        self.turns = 0

    def run(self) -> None:
        imap = IMAPClient("127.0.0.1", self._house.ports["imap"], ssl=False, timeout=ENOUGH_SECONDS)
        imap.login(BEN, PASSWORD)
        with connected(self._house) as connection:
            while not self._done.is_set():
                assert ask(connection, "PROPFIND", f"/dav/calendars/{BEN}/", b"", BEN)[0] == 207
                imap.noop()
                with self._answered:
                    self.turns += 1
                    self._answered.notify_all()
        imap.logout()

    def wait_for(self, turns: int) -> None:
        with self._answered:
            assert self._answered.wait_for(lambda: self.turns >= turns, ENOUGH_SECONDS), "the neighbour waits"

    def stop(self) -> None:
        self._done.set()
        self.join(ENOUGH_SECONDS)
        assert not self.is_alive()


@pytest.fixture
def neighbour(house: Served) -> Iterator[Neighbour]:
    neighbour = Neighbour(house)
    neighbour.start()
    neighbour.wait_for(1)
    yield neighbour
    neighbour.stop()


def event(uid: str, *lines: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
    return "".join(f"{line}\r\n" for line in (*head, *lines, "END:VEVENT", "END:VCALENDAR")).encode()


def exceptions(count: int) -> bytes:
    dates = (f"2026{n // 28 % 12 + 1:02}{n % 28 + 1:02}T{n % 24:02}{n // 7 % 60:02}{n % 60:02}Z" for n in range(count))
    return event("exdates", "DTSTART:20260101T000000Z", "RRULE:FREQ=SECONDLY", "EXDATE:" + ",".join(dates))


START = "DTSTART:20260101T000000Z"
OBJECTS: dict[str, bytes] = {
    "a rule of seconds": event("seconds", START, "RRULE:FREQ=SECONDLY"),
    "COUNT=10^9": event("count", START, "RRULE:FREQ=DAILY;COUNT=1000000000"),
    "COUNT=10^9 seconds": event("countseconds", START, "RRULE:FREQ=SECONDLY;COUNT=1000000000"),
    "INTERVAL=10^9": event("interval", START, "RRULE:FREQ=SECONDLY;INTERVAL=1000000000"),
    "never": event("never", START, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    "never, by seconds": event("neverseconds", START, "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    "never, by hours and position": event(
        "neverhours", START, "RRULE:FREQ=HOURLY;BYMONTH=4;BYMONTHDAY=31;BYHOUR=3;BYMINUTE=7;BYSECOND=59;BYSETPOS=366"
    ),
    "all parts at once": event(
        "parts",
        START,
        "RRULE:FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYHOUR="
        + ",".join(map(str, range(24)))
        + ";BYMINUTE="
        + ",".join(map(str, range(60)))
        + ";BYSECOND="
        + ",".join(map(str, range(60)))
        + ";BYDAY=MO,TU,WE,TH,FR,SA,SU",
    ),
    "a million exceptions": exceptions(10**6),  # more than max-resource-size
    "as many exceptions as fit": exceptions(600_000),
    "components in components": event("deep", START, *["BEGIN:X-A"] * 50_000, *["END:X-A"] * 50_000),
    "a hundred thousand alarms": event(
        "alarms", START, *["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "END:VALARM"] * 100_000
    ),
    "a line of folds": event("folds", START, "DESCRIPTION:x" + "\r\n " * 500_000),
    "parameters": event("parameters", START, "X" + ";A=B" * 300_000 + ":c"),
    "an alarm that repeats": event(
        "repeats",
        START,
        "RRULE:FREQ=SECONDLY",
        *["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "REPEAT:999999999", "DURATION:PT1S", "END:VALARM"],
    ),
}
INSTANCES = f'<C:comp-filter name="VEVENT"><C:time-range {FAR}/></C:comp-filter>'
ALARMS = (
    f'<C:comp-filter name="VEVENT"><C:comp-filter name="VALARM"><C:time-range {FAR}/></C:comp-filter></C:comp-filter>'
)


def query(prop: str, inner: str) -> str:
    found = f'<C:filter><C:comp-filter name="VCALENDAR">{inner}</C:comp-filter></C:filter>'
    return f"<C:calendar-query {CALDAV}><D:prop>{prop}</D:prop>{found}</C:calendar-query>"


QUERIES = {
    "a time range": query("<D:getetag/>", INSTANCES),
    "alarms": query("<D:getetag/>", ALARMS),
    "expand": query(f"<C:calendar-data><C:expand {FAR}/></C:calendar-data>", INSTANCES),
    "free and busy": f"<C:free-busy-query {CALDAV}><C:time-range {FAR}/></C:free-busy-query>",
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_stored_or_refused_and_questions_about_it_are_answered(
    house: Served, neighbour: Neighbour, name: str
) -> None:
    with connected(house) as connection:
        before = neighbour.turns
        status, body = ask(connection, "PUT", f"{CALENDAR}bomb.ics", OBJECTS[name])
        assert status in {201, 403, 413}, body
        if status != 201:
            assert any(reason in body for reason in (b"valid-calendar-data", b"max-instances", b"max-resource-size"))
        else:
            for each, question in QUERIES.items():
                got, said = ask(connection, "REPORT", CALENDAR, question.encode())
                assert got in {200, 207} or (got == 403 and b"max-instances" in said), (each, said[:500])
            assert ask(connection, "DELETE", f"{CALENDAR}bomb.ics")[0] == 204
        neighbour.wait_for(before + TURNS)


BODIES = {
    "entities": b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><propfind xmlns="DAV:">'
    b"<prop><x>&b;</x></prop>"
    b"</propfind>",
    "a file": b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop><x>&f;'
    b"</x></prop></propfind>",
    "100,000 levels": b'<propfind xmlns="DAV:">' + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</propfind>",
    "100,000 attributes": b'<propfind xmlns="DAV:"><prop '
    + b" ".join(b'a%d="b"' % n for n in range(100_000))
    + b"/></propfind>",
    "300,000 elements": b'<propfind xmlns="DAV:"><prop>' + b"<a/>" * 300_000 + b"</prop></propfind>",
}


@pytest.mark.parametrize("name", BODIES)
def test_xml_that_grows_is_refused_early(house: Served, neighbour: Neighbour, name: str) -> None:
    before = neighbour.turns
    with connected(house) as connection:
        status, said = ask(connection, "PROPFIND", CALENDAR, BODIES[name])
    assert status in {400, 413}
    assert b"root:" not in said
    neighbour.wait_for(before + TURNS)


def test_others_are_answered_between_the_pieces_of_100_000_hrefs(house: Served, neighbour: Neighbour) -> None:
    hrefs = "".join(f"<D:href>{CALENDAR}none-{n}.ics</D:href>" for n in range(49_000))
    hrefs += "".join(
        f"<D:href>/dav/calendars/{BEN}/calendar/../../../../etc/passwd-{n}</D:href>" for n in range(49_000)
    )
    asked = f"<C:calendar-multiget {CALDAV}><D:prop><D:getetag/></D:prop>{hrefs}</C:calendar-multiget>".encode()
    with connected(house) as connection:
        before = neighbour.turns
        connection.request("REPORT", CALENDAR, asked, {"Authorization": LOGIN[ANN], "Content-Type": "application/xml"})
        answer = connection.getresponse()
        assert answer.status == 207
        first = answer.read(1_000)
        neighbour.wait_for(before + TURNS)  # the answer is not at its end: nobody reads it
        said = first + answer.read()
    assert said.count(b"<D:status>HTTP/1.1 404 Not Found</D:status>") == 98_000
    assert b"HTTP/1.1 200" not in said
