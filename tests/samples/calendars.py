"""Calendar objects as programs in use write them, with what stands in RFC 5545, 6868, 7529, 7953, 7986, 9073, 9074.

A shape is the lines of an object with {uid}, {text} and {n}; `calendars` writes each with each text and way of
writing in turn, so that all pairs come up and every sample is another.
"""

from collections.abc import Iterator

from tests.samples.texts import TEXTS
from tests.samples.writing import WRITINGS, Sample, by_octets

UIDS = (
    "{n}@example.com",
    "040000008200E00074C5B7101A82E00800000000{n:08X}000000000000000010000000",  # Outlook
    "{n:08x}-0000-4000-8000-0123456789AB",
    "_{n}c9i6op3ge9i6gp1@google.com",
    "weird/slash?query#{n}%20 percent and space",
    "ünïcödé-{n}-日本",
    "{n}" + "u" * 200,
    r"escaped\, and\; {n}",
    "urn:uuid:{n:08x}-0000-4000-8000-000000000000",
)
VIENNA = """\
BEGIN:VTIMEZONE
TZID:Europe/Vienna
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
END:VTIMEZONE
"""
OUTLOOK_ZONE = """\
BEGIN:VTIMEZONE
TZID:(UTC+01:00) Amsterdam\\, Berlin\\, Bern\\, Rome
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
ODD_ZONES = """\
BEGIN:VTIMEZONE
TZID:/mozilla.org/20050126_1/America/St_Johns
X-LIC-LOCATION:America/St_Johns
LAST-MODIFIED:20050126T000000Z
TZURL:http://tzurl.org/zoneinfo/America/St_Johns
BEGIN:STANDARD
TZOFFSETFROM:-023052
TZOFFSETTO:-033052
TZNAME;LANGUAGE=en:NST
DTSTART:19181031T020000
RDATE:19181031T020000
RDATE:19191026T020000
COMMENT:seconds in offsets, RDATE instead of a rule
END:STANDARD
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:unused
BEGIN:STANDARD
TZOFFSETFROM:+0000
TZOFFSETTO:+0000
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE
"""


def _event(head: str, body: str, zones: str = "") -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{zones}BEGIN:VEVENT\nUID:{{uid}}\n{body}END:VEVENT\nEND:VCALENDAR"


STAMP = "DTSTAMP:20260301T100000Z\n"
UTC_TIMES = "DTSTART:20260302T100000Z\nDTEND:20260302T110000Z\n"
VIENNA_TIMES = "DTSTART;TZID=Europe/Vienna:20260302T100000\nDTEND;TZID=Europe/Vienna:20260302T110000\n"

GOOGLE = _event(
    "PRODID:-//Google Inc//Google Calendar 70.9054//EN\nCALSCALE:GREGORIAN\nX-WR-CALNAME:{text}\n"
    "X-WR-TIMEZONE:Europe/Vienna\n",
    STAMP
    + VIENNA_TIMES
    + "ORGANIZER;CN=Team:mailto:c_{n}@group.calendar.google.com\n"
    "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=a@else\n where.example;X-NUM-GUESTS=0:mailto:"
    "a@elsewhere.example\nX-GOOGLE-CONFERENCE:https://meet.google.com/abc\nCREATED:20260301T100000Z\n"
    "DESCRIPTION:{text}\nLAST-MODIFIED:20260301T100000Z\nLOCATION:{text}\nSEQUENCE:{n}\nSTATUS:CONFIRMED\n"
    "SUMMARY:{text}\nTRANSP:OPAQUE\n".replace("else\n where", "elsewhere"),
    VIENNA,
)
OUTLOOK = _event(
    "PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN\nX-MS-OLK-FORCEINSPECTOROPEN:TRUE\n",
    "CLASS:PUBLIC\nCREATED:20260301T100000Z\nDESCRIPTION:{text}\n"
    'DTEND;TZID="(UTC+01:00) Amsterdam, Berlin, Bern, Rome":20260302T110000\n' + STAMP + 'DTSTART;TZID="(UTC+01:00) '
    'Amsterdam, Berlin, Bern, Rome":20260302T100000\nPRIORITY:5\nSEQUENCE:0\nSUMMARY;LANGUAGE=de-at:{text}\n'
    'X-ALT-DESC;FMTTYPE=text/html:<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2//EN">\\n'
    "<HTML><BODY>{text}</BODY></HTML>\n"
    "X-MICROSOFT-CDO-BUSYSTATUS:BUSY\nX-MICROSOFT-CDO-IMPORTANCE:1\nX-MICROSOFT-DISALLOW-COUNTER:FALSE\n"
    "X-MS-OLK-AUTOFILLLOCATION:FALSE\nX-MS-OLK-CONFTYPE:0\nBEGIN:VALARM\nTRIGGER:-PT15M\nACTION:DISPLAY\n"
    "DESCRIPTION:Reminder\nEND:VALARM\n",
    OUTLOOK_ZONE,
)
EXCHANGE = _event(
    "PRODID:Microsoft Exchange Server 2010\n",
    "RRULE:FREQ=WEEKLY;UNTIL=20261231T090000Z;INTERVAL=1;BYDAY=MO;WKST=SU\n"
    "EXDATE;TZID=W. Europe Standard Time:20260309T100000,20260316T100000\nSUMMARY;LANGUAGE=en-US:{text}\n"
    "DTSTART;TZID=W. Europe Standard Time:20260302T100000\nDTEND;TZID=W. Europe Standard Time:20260302T110000\n"
    + STAMP
    + "X-MICROSOFT-CDO-APPT-SEQUENCE:0\nX-MICROSOFT-CDO-OWNERAPPTID:-{n}\nX-MICROSOFT-CDO-INTENDEDSTATUS:BUSY\n"
    'X-MICROSOFT-SKYPETEAMSPROPERTIES:{{"cid":"19:meeting@thread.v2"\\,"private":true}}\n'
    "BEGIN:VALARM\nDESCRIPTION:REMINDER\nTRIGGER;RELATED=START:-PT15M\nACTION:DISPLAY\nEND:VALARM\n",
    OUTLOOK_ZONE.replace("(UTC+01:00) Amsterdam\\, Berlin\\, Bern\\, Rome", "W. Europe Standard Time"),
)
APPLE = _event(
    "CALSCALE:GREGORIAN\nPRODID:-//Apple Inc.//macOS 15.1//EN\n",
    "CREATED:20260301T100000Z\nTRANSP:OPAQUE\n" + VIENNA_TIMES + "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\n"
    'X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS="Main Street 1\\n1010 Wien";X-APPLE-RADIUS=70.5;X-TITLE="A, B; C: '
    "^'D^'\":geo:48.208174,16.373819\nX-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT30M\nACKNOWLEDGED:20260301T100000Z\n"
    "SUMMARY:{text}\n" + STAMP + "SEQUENCE:1\nBEGIN:VALARM\nX-WR-ALARMUID:{n}\nUID:{n}\nTRIGGER:-PT1H\n"
    "ATTACH;VALUE=URI:Chord\nACTION:AUDIO\nX-APPLE-DEFAULT-ALARM:TRUE\nACKNOWLEDGED:20260301T100000Z\nEND:VALARM\n"
    "BEGIN:VALARM\nACTION:NONE\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\nEND:VALARM\n",
    VIENNA,
)
THUNDERBIRD = _event(
    "PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN\n",
    "CREATED:20260301T100000Z\nLAST-MODIFIED:20260301T100000Z\n"
    + STAMP
    + "SUMMARY:{text}\nX-MOZ-LASTACK:20260301T100000Z"
    "\nX-MOZ-GENERATION:{n}\nDTSTART;TZID=/mozilla.org/20050126_1/America/St_Johns:20260302T100000\nDURATION:PT1H30M\n"
    "CATEGORIES:Work,Holiday\\, long,{text}\nATTACH;FILENAME=notes.txt;SIZE=12:https://example.com/notes.txt\n",
    ODD_ZONES,
)
ALL_DAY = _event(
    "PRODID:-//DAVx5//ical4j 3.2//EN\n",
    STAMP + "DTSTART;VALUE=DATE:20260228\nDTEND;VALUE=DATE:20260301\nRRULE:FREQ=YEARLY\nSUMMARY:{text}\nCOLOR:tomato\n"
    "TRANSP:TRANSPARENT\nGEO:48.2;16.37\n",
)
FLOATING = _event("PRODID:-//x//y//\n", STAMP + "DTSTART:20260302T100000\nDURATION:P1DT2H3M4S\nSUMMARY:{text}\n")
ZERO_LENGTH = _event("PRODID:x\n", STAMP + "DTSTART:20260302T100000Z\nSUMMARY:{text}\nCLASS:X-SECRET\n")
OVERRIDES = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Nextcloud calendar v4.7//EN\n"
    + VIENNA
    + "BEGIN:VEVENT\nUID:{uid}\n"
    + STAMP
    + VIENNA_TIMES
    + "RRULE:FREQ=DAILY;COUNT=30\nRDATE;TZID=Europe/Vienna;VALUE=PERIOD:20260701T100000/PT2H\n"
    "SUMMARY:{text}\nEND:VEVENT\nBEGIN:VEVENT\nUID:{uid}\n"
    + STAMP
    + "RECURRENCE-ID;TZID=Europe/Vienna:20260305T100000\n"
    "DTSTART;TZID=Europe/Vienna:20260305T150000\nDTEND;TZID=Europe/Vienna:20260305T160000\nSUMMARY:moved {text}\n"
    "END:VEVENT\nBEGIN:VEVENT\nUID:{uid}\n" + STAMP + "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Vienna:"
    "20260310T100000\nDTSTART;TZID=Europe/Vienna:20260310T110000\nDTEND;TZID=Europe/Vienna:20260310T120000\n"
    "SUMMARY:later\nEND:VEVENT\nEND:VCALENDAR"
)
ORPHAN = _event(
    "PRODID:x\n", STAMP + "RECURRENCE-ID:20260302T100000Z\n" + UTC_TIMES + "SUMMARY:one instance alone {text}\n"
)
PARAMETERS = _event(
    "PRODID:x\n",
    STAMP + UTC_TIMES + 'SUMMARY;LANGUAGE=en;ALTREP="CID:part3.msg.970930T083000SILVER@host.com":{text}\n'
    'ATTENDEE;CN="Doe; Jane, the ^\'Boss^\' of A^^B^nnew line";MEMBER="mailto:a@x.example","mailto:b@x.example";'
    'DELEGATED-FROM="mailto:c@x.example";SENT-BY="mailto:d@x.example";DIR="ldap://x/o=A%20B";X-EMPTY=;X-EMPTY-QUOTED="";'
    "EMAIL=jane@x.example;SCHEDULE-AGENT=NONE:mailto:jane@x.example\nX-NO-VALUE:\nX-ONLY-PARAM;X-P=1:\n"
    "CONTACT;X-LONG=" + "p" * 300 + ":{text}\n",
)
RFC_7986 = _event(
    "PRODID:x\nUID:calendar-{n}\nNAME;LANGUAGE=en:{text}\nDESCRIPTION:{text}\nREFRESH-INTERVAL;VALUE=DURATION:P1W\n"
    "SOURCE;VALUE=URI:https://example.com/holidays.ics\nCOLOR:1\nLAST-MODIFIED:20260301T100000Z\nCATEGORIES:{text}\n",
    STAMP
    + UTC_TIMES
    + 'SUMMARY:{text}\nCONFERENCE;VALUE=URI;FEATURE=PHONE,MODERATOR;LABEL="Moderator, dial-in":tel:+1-412-'
    "555-0123,,,654321\nIMAGE;VALUE=BINARY;ENCODING=BASE64;FMTTYPE=image/png;DISPLAY=BADGE:iVBORw0KGgo=\n"
    'STRUCTURED-DATA;FMTTYPE=application/ld+json;SCHEMA="https://schema.org/Event";VALUE=TEXT:{{"@type": "Event"}}\n'
    "BEGIN:PARTICIPANT\nUID:p{n}\nPARTICIPANT-TYPE:SPEAKER\nSUMMARY:{text}\nEND:PARTICIPANT\n"
    "BEGIN:VLOCATION\nUID:l{n}\nNAME:{text}\nEND:VLOCATION\n",
)
INLINE_ATTACHMENT = _event(
    "PRODID:x\n",
    STAMP
    + UTC_TIMES
    + 'SUMMARY:{text}\nATTACH;FMTTYPE=image/jpeg;ENCODING=BASE64;VALUE=BINARY;X-FILENAME="a b.jpg":'
    + "/9j/4AAQSkZJRgABAQAAAQABAAD" * 120
    + "\n",
)
RULES = _event(
    "PRODID:x\n",
    STAMP + "DTSTART;TZID=Europe/Vienna:20260302T100000\nDTEND;TZID=Europe/Vienna:20260302T100500\nSUMMARY:{text}\n"
    "RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR,+2MO;BYSETPOS=1,-1;BYHOUR=9,10;BYMINUTE=0,30;COUNT=12;WKST=MO\n"
    "EXDATE;TZID=Europe/Vienna:20260309T100000\nEXDATE;TZID=Europe/Vienna:20260309T093000\nEXDATE;VALUE=DATE:20260310\n",
    VIENNA,
)
SKIP = _event(
    "PRODID:x\n",
    STAMP + "DTSTART;VALUE=DATE:20240229\nSUMMARY:{text}\nRRULE:RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD\n",
)
UNKNOWN_PARTS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nX-COMP-LINE:{text}\nBEGIN:X-NOTE\nX-A:{text}\nBEGIN:X-INNER\nX-B:1\nEND:X-INNER"
    "\nEND:X-NOTE\nBEGIN:VEVENT\nUID:{uid}\n"
    + STAMP
    + UTC_TIMES
    + "SUMMARY:{text}\nIANA-TOKEN:x\nBEGIN:X-OTHER\nX-C:{text}\n"
    "END:X-OTHER\nEND:VEVENT\nEND:VCALENDAR"
)
BARE = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:{uid}\nDTSTART:20260302T100000Z\nEND:VEVENT\nEND:VCALENDAR"
BACKWARDS = _event(
    "PRODID:an end before its start\n", STAMP + "DTSTART:20260302T110000Z\nDTEND:20260302T100000Z\nSUMMARY:{text}\n"
)
FAR = _event("PRODID:x\n", STAMP + "DTSTART:16010101T000000Z\nDTEND:99991231T235959Z\nSUMMARY:{text}\n")
ALARMS = _event(
    "PRODID:-//Evolution//EN\n",
    STAMP
    + VIENNA_TIMES
    + "SUMMARY:{text}\nX-EVOLUTION-ALARM-UID:{n}\nBEGIN:VALARM\nACTION:EMAIL\nATTENDEE:mailto:a@x.example\n"
    "SUMMARY:{text}\nDESCRIPTION:{text}\nTRIGGER;RELATED=END:PT5M\nREPEAT:4\nDURATION:PT5M\nATTACH:https://x.example/a\n"
    "PROXIMITY:DEPART\nBEGIN:VLOCATION\nUID:v{n}\nURL:geo:40.443,-79.945;u=10\nEND:VLOCATION\nRELATED-TO;RELTYPE=SNOOZE:"
    "{n}\nEND:VALARM\n",
    VIENNA,
)


def _task(body: str) -> str:
    head = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//tasks.org//EN\nBEGIN:VTODO\nUID:{uid}\n"
    return f"{head}{body}END:VTODO\nEND:VCALENDAR"


TASKS = (
    _task(STAMP + "SUMMARY:{text}\n"),
    _task(
        STAMP + "DUE;VALUE=DATE:20260601\nPRIORITY:9\nPERCENT-COMPLETE:50\nSTATUS:IN-PROCESS\nSUMMARY:{text}\n"
        "RELATED-TO;RELTYPE=PARENT:{n}\nX-APPLE-SORT-ORDER:6{n}\nRRULE:FREQ=WEEKLY\nDTSTART;VALUE=DATE:20260525\n"
    ),
    _task(
        STAMP
        + "COMPLETED:20260301T100000Z\nSTATUS:COMPLETED\nSUMMARY:{text}\nDTSTART:20260301T090000Z\nDURATION:PT1H\n"
    ),
)
JOURNAL = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//jtx Board//EN\nBEGIN:VJOURNAL\nUID:{uid}\n"
    + STAMP
    + "DTSTART;VALUE=DATE:20260301\n"
    "SUMMARY:{text}\nDESCRIPTION:{text}\nDESCRIPTION:a second one is allowed here\n"
    "STATUS:DRAFT\nEND:VJOURNAL\nEND:VCALENDAR"
)
MANY_GUESTS = _event(
    "PRODID:x\n",
    STAMP
    + UTC_TIMES
    + "SUMMARY:{text}\n"
    + "".join(
        f'ATTENDEE;CN="Guest, {g}";RSVP=TRUE;X-RESPONSE-COMMENT=ok:mailto:g{g}@elsewhere.example\n' for g in range(40)
    ),
)  # without an organizer nobody is invited

SHAPES = {
    name.lower().replace("_", " "): shape
    for name, shape in (
        ("google", GOOGLE.replace("ORGANIZER;CN=Team:mailto:c_{n}@group.calendar.google.com\n", "")),
        ("google invitation", GOOGLE),
        ("outlook", OUTLOOK),
        ("exchange", EXCHANGE),
        ("apple", APPLE),
        ("thunderbird", THUNDERBIRD),
        ("all day", ALL_DAY),
        ("floating", FLOATING),
        ("zero length", ZERO_LENGTH),
        ("overrides", OVERRIDES),
        ("orphan", ORPHAN),
        ("parameters", PARAMETERS),
        ("rfc 7986 and 9073", RFC_7986),
        ("inline attachment", INLINE_ATTACHMENT),
        ("rules", RULES),
        ("rscale", SKIP),
        ("unknown parts", UNKNOWN_PARTS),
        ("bare", BARE),
        ("backwards", BACKWARDS),
        ("far", FAR),
        ("alarms", ALARMS),
        ("task without times", TASKS[0]),
        ("task", TASKS[1]),
        ("task done", TASKS[2]),
        ("journal", JOURNAL),
        ("many guests", MANY_GUESTS),
    )
}
ALL_WRITINGS = (*WRITINGS, by_octets)


def calendars(count: int) -> Iterator[Sample]:
    """Neighbours differ in everything; strides without a common factor bring up all pairs in the end."""
    names = list(SHAPES)
    for n in range(count):
        name = names[n % len(names)]
        turn = n // len(names)
        text = TEXTS[(n + turn) % len(TEXTS)]
        writing = ALL_WRITINGS[(n + 3 * turn) % len(ALL_WRITINGS)]
        uid = UIDS[(n + 2 * turn) % len(UIDS)].format(n=n)
        lines = SHAPES[name].format(uid=uid, text=text, n=n).split("\n")
        yield Sample(f"{n}: {name}, {text[:20]!r}, {writing.__name__}", uid, writing(lines))
