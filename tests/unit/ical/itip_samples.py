"""Objects for the tables of scheduling."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANNA, BEN, CLEO = "anna@example.org", "ben@example.org", "cleo@example.net"

BERLIN = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
"""


def calendar(*components: str, method: str = "", zones: str = BERLIN) -> bytes:
    head = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Client//EN\n" + (f"METHOD:{method}\n" if method else "")
    return (head + zones + "".join(components) + "END:VCALENDAR\n").replace("\n", "\r\n").encode()


def attending(who: str, partstat: str = "NEEDS-ACTION", more: str = "") -> str:
    return f"ATTENDEE;CN={who[:4]};PARTSTAT={partstat}{more}:mailto:{who}\n"


def event(
    *attendees: str,
    start: str = ";TZID=Europe/Berlin:20260310T100000",
    end: str = ";TZID=Europe/Berlin:20260310T110000",
    summary: str = "Planning",
    more: str = "",
    sequence: int = 0,
    stamp: str = "20260301T080000Z",
    organizer: str = f"ORGANIZER;CN=Anna:mailto:{ANNA}\n",
    uid: str = "one@example.org",
) -> str:
    return (
        f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:{stamp}\nSEQUENCE:{sequence}\nDTSTART{start}\nDTEND{end}\n"
        f"SUMMARY:{summary}\n{organizer}{''.join(attendees)}{more}END:VEVENT\n"
    )


WEEKLY = "RRULE:FREQ=WEEKLY;COUNT=5\n"
SECOND = ";TZID=Europe/Berlin:20260317T100000"
SECOND_END = ";TZID=Europe/Berlin:20260317T110000"
BOTH = (attending(ANNA, "ACCEPTED"), attending(BEN))
THREE = (*BOTH, attending(CLEO))


def second(*attendees: str, more: str = "", **kwargs: object) -> str:
    """The second instance of the weekly one, changed."""
    settings = {"start": SECOND, "end": SECOND_END} | kwargs
    return event(*attendees, more=f"RECURRENCE-ID{SECOND}\n{more}", **settings)  # type: ignore[arg-type]
