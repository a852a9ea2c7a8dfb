"""Feeds as other servers write them."""

HOST = "feeds.example.net"
OSLO = (
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\n"
    "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)
ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"


def event(uid: str, *lines: str, start: str = "DTSTART;TZID=Europe/Oslo:20260302T100000", stamp: int = 0) -> str:
    fields = (f"UID:{uid}", f"DTSTAMP:20260101T{stamp:06}Z", start, *(lines or (f"SUMMARY:Event {uid}",)))
    return "BEGIN:VEVENT\r\n" + "".join(f"{line}\r\n" for line in fields) + "END:VEVENT\r\n"


def ics(*components: str, zone: str = OSLO) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{zone}{''.join(components)}END:VCALENDAR\r\n".encode()
