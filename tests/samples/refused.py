"""What must not be stored, and under which name it is refused: nobody could show it, or no answer could carry it."""

from tests.samples.writing import crlf

EVENT = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:x",
    "BEGIN:VEVENT",
    "UID:refused",
    "DTSTAMP:20260301T100000Z",
    "DTSTART:20260302T100000Z",
    "SUMMARY:x",
    "END:VEVENT",
    "END:VCALENDAR",
]
CARD = ["BEGIN:VCARD", "VERSION:3.0", "UID:refused", "FN:Jane", "N:Jane;;;;", "END:VCARD"]
DATA = "valid-calendar-data"
WHOLE = crlf(EVENT)


def _with(line: str, *more: str, lines: list[str] = EVENT) -> bytes:
    """The lines with `more` instead of the first that begins with `line`."""
    at = next(number for number, each in enumerate(lines) if each.startswith(line))
    return crlf([*lines[:at], *more, *lines[at + 1 :]])


CALENDARS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", DATA),
    "words": (b"Dear all,\r\n", DATA),
    "no component": (crlf([*EVENT[:3], "END:VCALENDAR"]), DATA),
    "a time zone alone": (crlf([*EVENT[:3], "BEGIN:VTIMEZONE", "TZID:x", "END:VTIMEZONE", "END:VCALENDAR"]), DATA),
    "an event outside": (crlf(EVENT[3:9]), DATA),
    "two UIDs": (_with("END:VEVENT", *EVENT[8:9], *EVENT[3:4], "UID:other", *EVENT[5:9]), DATA),
    "two masters": (_with("END:VEVENT", *EVENT[8:9], *EVENT[3:9]), DATA),
    "two types": (_with("END:VEVENT", "END:VEVENT", "BEGIN:VTODO", "UID:refused", "END:VTODO"), DATA),
    "two calendars": (WHOLE * 2, DATA),
    "no UID": (_with("UID:"), DATA),
    "an empty UID": (_with("UID:", "UID:"), DATA),
    "two UID lines": (_with("UID:", "UID:a", "UID:a"), DATA),
    "a UID of 2,000": (_with("UID:", "UID:" + "u" * 2_000), DATA),
    "METHOD": (_with("PRODID", "METHOD:REQUEST"), DATA),
    "vCalendar 1.0": (_with("VERSION", "VERSION:1.0"), DATA),
    "no END": (crlf(EVENT[:-1]), DATA),
    "END of another": (_with("END:VEVENT", "END:VTODO"), DATA),
    "no start": (_with("DTSTART"), DATA),
    "two starts": (_with("DTSTART", "DTSTART:20260302T100000Z", "DTSTART:20260303T100000Z"), DATA),
    "a start that is none": (_with("DTSTART", "DTSTART:tomorrow"), DATA),
    "the 30th of February": (_with("DTSTART", "DTSTART:20260230T100000Z"), DATA),
    "an end that is none": (_with("SUMMARY", "DTEND:later"), DATA),
    "a duration that is none": (_with("SUMMARY", "DURATION:1 hour"), DATA),
    "a rule that is none": (_with("SUMMARY", "RRULE:every day"), DATA),
    "a rule without FREQ": (_with("SUMMARY", "RRULE:COUNT=3"), DATA),
    "a frequency that is none": (_with("SUMMARY", "RRULE:FREQ=FORTNIGHTLY"), DATA),
    "a day that is none": (_with("SUMMARY", "RRULE:FREQ=WEEKLY;BYDAY=XX"), DATA),
    "NUL": (WHOLE.replace(b"SUMMARY:x", b"SUMMARY:\x00"), DATA),
    "Latin-1": (WHOLE.replace(b"SUMMARY:x", b"SUMMARY:caf\xe9"), DATA),
    "half a character": (WHOLE.replace(b"SUMMARY:x", b"SUMMARY:\xf0\x9f\x98"), DATA),
    "UTF-16": ("\n".join(EVENT).encode("utf-16"), DATA),
    "a line without a colon": (_with("SUMMARY", "SUMMARY"), DATA),
    "nested too deeply": (_with("SUMMARY", *["BEGIN:X-A"] * 50, *["END:X-A"] * 50), DATA),
    "a type nobody knows": (
        crlf([line.replace("VEVENT", "VTHING") for line in EVENT]),
        "supported-calendar-component",
    ),
    "free and busy times": (
        crlf([line.replace("VEVENT", "VFREEBUSY") for line in EVENT]),
        "supported-calendar-component",
    ),
}
ADDRESS = "valid-address-data"
CARDS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ADDRESS),
    "words": (b"Dear all,\r\n", ADDRESS),
    "two cards": (crlf(CARD) * 2, ADDRESS),
    "no END": (crlf(CARD[:-1]), ADDRESS),
    "no UID": (_with("UID", lines=CARD), ADDRESS),
    "no FN": (_with("FN", lines=CARD), ADDRESS),
    "no VERSION": (_with("VERSION", lines=CARD), ADDRESS),
    "vCard 2.1": (_with("VERSION", "VERSION:2.1", lines=CARD), ADDRESS),
    "vCard 5.0": (_with("VERSION", "VERSION:5.0", lines=CARD), ADDRESS),
    "NUL": (crlf(CARD).replace(b"FN:Jane", b"FN:\x00"), ADDRESS),
    "Latin-1": (crlf(CARD).replace(b"FN:Jane", b"FN:Andr\xe9"), ADDRESS),
    "a line without a colon": (_with("FN", "FN", lines=CARD), ADDRESS),
    "an event": (WHOLE, ADDRESS),
    "a card in a card": (_with("N:", *CARD, lines=CARD), ADDRESS),
}
