"""Objects of the simplest kind, so that these tests are about storing alone: "uid: x" and what else there is."""

from mailserver.errors import InvalidCalendarData, UnsupportedComponent
from mailserver.groupware.accepted import Accepted
from mailserver.store.collections import Collection, Family

FIRST = {Family.CALENDARS: "calendar", Family.ADDRESSBOOKS: "contacts"}  # what every user begins with


def thing(uid: str, text: str = "", **lines: str) -> bytes:
    fields = {"uid": uid, "text": text, **lines}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()


def accept(data: bytes, collection: Collection) -> Accepted:
    """`zone` goes into a derived column, so that a test sees for which time zone it was derived."""
    lines = dict(line.split(": ", 1) for line in data.decode().splitlines())
    if "uid" not in lines:
        raise InvalidCalendarData("no uid")
    component = lines.get("component", collection.components[0])
    if component not in collection.components:
        raise UnsupportedComponent
    column = "summary" if collection.family is Family.CALENDARS else "full_name"
    columns = {column: f"{lines['text']} {collection.timezone_id}"}
    return Accepted(lines["uid"], component, columns, is_scheduled="organizer" in lines)


ACCEPT = dict.fromkeys(Family, accept)
