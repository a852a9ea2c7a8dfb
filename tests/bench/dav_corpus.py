"""10,000 events, a quarter of them recurring, and contacts: the same for every server that is measured.

One day has about 300 of them and one month about 1,300: few single ones, many meetings of every day and every week.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

EVENTS = 10_000
DAILY, WEEKLY, ENDED = 180, 920, 1_400  # of each 10,000
DAY = datetime.now(UTC).date()  # the day that is asked for: what clients look at is what is now
MONTH = DAY - timedelta(days=15), DAY + timedelta(days=15)
SPAN = timedelta(days=1_095)  # over which the single ones are spread, DAY in the middle
ZONE = "Europe/Berlin"

VTIMEZONE = f"""BEGIN:VTIMEZONE
TZID:{ZONE}
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


def events(count: int) -> Iterator[tuple[str, bytes]]:
    """(name of the resource, iCalendar object), about 1.3 kB each."""
    for number in range(count):
        yield f"event-{number}.ics", event(number)


def event(number: int, title: str = "Planning") -> bytes:
    start, rule = _when(number)
    local = start.strftime("%Y%m%dT%H%M%S")
    end = (start + timedelta(minutes=30 + number % 4 * 15)).strftime("%Y%m%dT%H%M%S")
    lines = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Bench 1.0//EN
{VTIMEZONE}
BEGIN:VEVENT
UID:event-{number}@bench.example
DTSTAMP:20251101T120000Z
CREATED:20251101T120000Z
LAST-MODIFIED:20251101T120000Z
DTSTART;TZID={ZONE}:{local}
DTEND;TZID={ZONE}:{end}
{rule}SUMMARY:{title} {number} with colleagues & friends
LOCATION:Room {number % 40}\\, second floor
DESCRIPTION:Agenda of meeting {number}:\\n1. What was done\\n2. What is next\\n3. Who does it <soon>
CATEGORIES:WORK,MEETING
STATUS:CONFIRMED
TRANSP:OPAQUE
SEQUENCE:{number % 3}
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT15M
DESCRIPTION:{title} {number}
END:VALARM
END:VEVENT
END:VCALENDAR
"""
    return lines.replace("\n", "\r\n").encode()


def cards(count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield (
            f"card-{number}.vcf",
            f"""BEGIN:VCARD
VERSION:3.0
UID:card-{number}@bench.example
FN:Robin Muster {number}
N:Muster {number};Robin;;;
ORG:Example Works;Unit {number % 20}
EMAIL;TYPE=WORK:robin.{number}@example.test
TEL;TYPE=CELL:+49 170 {number:07}
ADR;TYPE=HOME:;;Long Street {number};Sampletown;;12345;Germany
NOTE:Met at the fair of {2000 + number % 26}
END:VCARD
""".replace("\n", "\r\n").encode(),
        )


def day() -> tuple[datetime, datetime]:
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def month() -> tuple[datetime, datetime]:
    first, last = (datetime(each.year, each.month, each.day, tzinfo=UTC) for each in MONTH)
    return first, last


def _when(number: int) -> tuple[datetime, str]:
    """Local start and the RRULE line, if any."""
    place, hour = number % EVENTS, 8 + number % 10
    middle = datetime(DAY.year, DAY.month, DAY.day, hour)  # noqa: DTZ001 - local, the zone is in the TZID
    if place % 4:
        offset = SPAN * (number * 7919 % EVENTS) // EVENTS - SPAN / 2
        return (middle + timedelta(days=offset.days)), ""
    recurring = place // 4
    if recurring < DAILY:
        return middle - timedelta(days=100 + recurring), "RRULE:FREQ=DAILY\n"
    if recurring < DAILY + WEEKLY:
        return middle - timedelta(days=200 + recurring), "RRULE:FREQ=WEEKLY\n"
    return middle - timedelta(days=900 + recurring % 300), f"RRULE:FREQ=WEEKLY;COUNT={10 + recurring % 40}\n"
