"""Objects of the simplest kind, so that these tests are about storing alone: "uid: x" and what else there is."""

from mailserver.errors import InvalidCalendarData, UnsupportedComponent
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.scheduled import Change, Settled
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Tx

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


class Invites:
    """Scheduling that only writes down what it was told of: `href`, or `-href` where it is removed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stored(self, tx: Tx, change: Change) -> Settled:
        del tx
        self.told.append(change.href)
        assert change.data is not None
        assert change.accepted is not None
        return Settled(change.data, change.accepted, "tag")

    def removed(self, tx: Tx, change: Change) -> None:
        del tx
        self.told.append(f"-{change.href}")
