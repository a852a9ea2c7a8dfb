"""What programs in use write, however odd: all of it is stored. One line of an event, or a whole object."""

from datetime import UTC

import pytest

from mailserver.ical.budget import Budget
from mailserver.ical.check import valid_object
from mailserver.ical.lines import parse
from mailserver.ical.reach import EVER, NEVER

ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:{}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0100\r\n"
    "TZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)

LINES = [
    # Apple: Calendar, Reminders, iOS
    "X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS=\"1 Loop\\n9\";X-APPLE-RADIUS=70.5;X-TITLE=Home:geo:37.3,-122.0",
    "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC",
    "X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT30M",
    "ATTENDEE;CN=\"Ann, A.\";CUTYPE=INDIVIDUAL;EMAIL=a@x;PARTSTAT=ACCEPTED:/aMTI/principal/",
    "ATTACH;FMTTYPE=application/pdf;FILENAME=a.pdf;SIZE=12;MANAGED-ID=1:https://p01.example/a.pdf",
    "CREATED:00001231T000000Z",
    "URL;VALUE=URI:message:%3Cx@y%3E",
    "EXDATE;TZID=Europe/Berlin:20260108T100000,20260115T100000",
    "BEGIN:VALARM\r\nX-WR-ALARMUID:1\r\nACTION:NONE\r\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\r\nEND:VALARM",
    "BEGIN:VALARM\r\nTRIGGER;X-APPLE-RELATED-TRAVEL=-PT1800S:-PT1H\r\nACTION:AUDIO\r\nATTACH;VALUE=URI:Chord\r\nEND:VALARM",
    "BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT15M\r\nX-APPLE-DEFAULT-ALARM:TRUE\r\nACKNOWLEDGED:20260101T000000Z\r\nEND:VALARM",
    "RRULE:FREQ=WEEKLY;WKST=SU;UNTIL=20261231T235959Z;BYDAY=TU,TH",
    # Google
    "X-GOOGLE-CONFERENCE:https://meet.google.com/x",
    "CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO;LABEL=Meet:https://meet.google.com/x",
    "RRULE:FREQ=MONTHLY;WKST=MO;BYMONTHDAY=31",
    "DESCRIPTION:-::~:~::~:~:~\\n<b>html</b>&nbsp;\\nhttps://x/?a=1;b=2",
    "ATTENDEE;X-NUM-GUESTS=0;X-RESPONSE-COMMENT=\"see; you: there\":mailto:b@x",
    "TRANSP:OPAQUE",
    "EXDATE;VALUE=DATE:20260108",
    "DURATION:P0DT1H0M0S",
    # Outlook, Exchange, CalDav Synchronizer
    "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
    "X-ALT-DESC;FMTTYPE=text/html:<html><body>a:b;c</body></html>",
    "DTEND;TZID=\"(UTC+01:00) Amsterdam, Berlin\":20260101T120000",
    "DTEND;TZID=W. Europe Standard Time:20260101T120000",
    "DTEND;TZID=Customized Time Zone:20260101T120000",
    "DTEND;TZID=\"tzone://Microsoft/Utc\":20260101T120000",
    "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;WKST=SU;",
    "RRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1MO;BYSETPOS=",
    "ORGANIZER;CN=\"'Ann'\":invalid:nomail",
    "ORGANIZER;CN=Ann;SENT-BY=\"mailto:b@x\":MAILTO:a@x",
    "DESCRIPTION;LANGUAGE=de-DE:Zeile\\NZeile\x0b Absatz",
    "LOCATION;ALTREP=\"data:text/html,a%20b\":Room",
    "CLASS:",
    "PRIORITY:",
    "GEO:",
    "RECURRENCE-ID;TZID=W. Europe Standard Time:20260101T110000",
    "SEQUENCE:1.0",
    "X-MS-OLK-CONFTYPE:0\r\nX-MS-OLK-APPTSEQTIME:20260101T000000Z",
    # Thunderbird
    "X-MOZ-LASTACK:20260101T000000Z\r\nX-MOZ-GENERATION:3\r\nX-MOZ-SNOOZE-TIME-1767261600000000:20260101T000000Z",
    "DTEND;TZID=/mozilla.org/20070129_1/Europe/Berlin:20260101T120000",
    "DTEND;TZID=/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires:20260101T120000",
    "DTEND;TZID=floating:20260101T120000",
    "CATEGORIES:Work,Home\r\nCATEGORIES:More",
    # Nextcloud, DAVx5, Evolution, KOrganizer
    "X-NEXTCLOUD-BC-FIELD-TYPE:BIRTHDAY\r\nX-NEXTCLOUD-BC-YEAR:1970",
    "DTSTAMP:20260101T000000\r\nLAST-MODIFIED:20260101T000000Z",
    "X-EVOLUTION-ALARM-UID:1\r\nX-LIC-ERROR;X-LIC-ERRORTYPE=VALUE-PARSE-ERROR:No value for LOCATION",
    "X-KDE-KCALCORE-ENABLED:TRUE",
    "COLOR:#ff0000\r\nIMAGE;VALUE=URI;DISPLAY=BADGE:https://x/a.png",
    "REFRESH-INTERVAL;VALUE=DURATION:P1W",
    "RDATE;VALUE=PERIOD:20260103T100000Z/PT2H",
    "EXDATE:",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;RSCALE=GREGORIAN;SKIP=BACKWARD",
    # Samsung, BlackBerry, Zimbra, Lotus and others
    "DURATION:PT3600S",
    "DURATION:+P1D",
    "DTEND:20260101T240000Z",
    "RRULE:FREQ=DAILY;INTERVAL=0",
    "RRULE: FREQ=WEEKLY; BYDAY=MO",
    "RRULE:FREQ=WEEKLY;UNTIL=20261231T240000Z",
    "RRULE:FREQ=WEEKLY;BYDAY=",
    "ATTENDEE;CN=5\" disk:mailto:disk@x",
    "DTEND;VALUE=DATE-TIME:20260101T120000Z",
    "DTEND;VALUE=DATE:20260102T000000",
    "X-FOO;=bar:x",
    "SUMMARY;ENCODING=QUOTED-PRINTABLE:K=C3=A4se",
    "EXRULE:FREQ=DAILY;INTERVAL=2",
    "DESCRIPTION:a\\;b\\,c\\\\d\\xe\r\r\nX-AFTER:1",
]  # fmt: skip


def event(line: str, start: str = "DTSTART:20260101T100000Z") -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", start, line, "END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("line", LINES)
def test_taken_and_counted(line: str) -> None:
    found = valid_object(parse(event(line)))
    made = found.series.occurrences(NEVER, EVER, UTC, Budget())
    assert next(made).start is not None


OBJECTS = [
    "\ufeffBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n\r\n",
    "begin:vcalendar\nbegin:vevent\nuid:1\ndtstart;value=date:20260101\nend:vevent\nend:vcalendar",
    "BEGIN:VCALENDAR\r\nX-WR-CALNAME:x\r\nBEGIN:VTODO\r\nUID:1\r\nDTSTART:20260102T100000Z\r\nDUE:20260101T100000Z\r\n"
    "STATUS:NEEDS-ACTION\r\nPERCENT-COMPLETE:0\r\nRELATED-TO;RELTYPE=PARENT:2\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nDUE;VALUE=DATE:20260101\r\nRRULE:FREQ=DAILY\r\nCOMPLETED:20260101\r\n"
    "END:VTODO\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\r\n" + ZONE.format("Q") + ZONE.format("Unused")
    + "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Q:20260101T100000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID:20260101T100000Z\r\nDTSTART:20260101T100000Z\r\n"
    "RRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
]  # fmt: skip


@pytest.mark.parametrize("text", OBJECTS, ids=range(len(OBJECTS)))
def test_whole_objects(text: str) -> None:
    assert valid_object(parse(text.encode())).uid == "1"
