"""Who takes part: ORGANIZER and ATTENDEE lines, and what scheduling reads from them. RFC 5545 §3.8.4, RFC 6638 §7."""

from collections.abc import Collection
from enum import StrEnum
from urllib.parse import unquote

from mailserver.ical.itip_tree import Line, Part

SCHEDULED = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
SCHEDULE_PARAMS = ("SCHEDULE-AGENT", "SCHEDULE-FORCE-SEND", "SCHEDULE-STATUS")  # never in a message, RFC 6638 §7

_MAILTO = "mailto:"


class PartStat(StrEnum):
    """What the server itself reads or writes; other values pass through."""

    NEEDS_ACTION = "NEEDS-ACTION"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    TENTATIVE = "TENTATIVE"
    DELEGATED = "DELEGATED"


class Status(StrEnum):
    """SCHEDULE-STATUS. RFC 6638 §3.2.9"""

    PENDING = "1.1"  # a mail that waits in the queue
    DELIVERED = "1.2"
    SUCCESS = "2.0"
    INVALID_USER = "3.7"
    NOT_PERMITTED = "3.8"
    FAILED = "5.1"
    NO_SCHEDULING = "5.3"


def address(of: Line | None) -> str:
    """The mail address in lower case; "" where there is none.

    Apple's clients write /principal/ or urn:uuid: values with the address in EMAIL.
    """
    if of is None:
        return ""
    value = of.value.strip()
    if value[: len(_MAILTO)].lower() == _MAILTO:
        return unquote(value[len(_MAILTO) :]).partition("?")[0].strip().lower()
    email = of.param("EMAIL").strip().lower()
    return email.removeprefix(_MAILTO) if "@" in email else value.lower()


def is_mail(calendar_user: str) -> bool:
    local, at, domain = calendar_user.rpartition("@")
    return bool(at and local and domain) and not any(each in calendar_user for each in " <>/\r\n\x00")


def components(calendar: Part) -> list[Part]:
    return [each for each in calendar.parts if each.name in SCHEDULED]


def organizer(calendar: Part) -> Line | None:
    return next((found for each in components(calendar) if (found := each.first("ORGANIZER")) is not None), None)


def organizers(calendar: Part) -> set[str]:
    """The addresses of all components; "" for a component without one."""
    return {address(each.first("ORGANIZER")) for each in components(calendar)}


def attendee(component: Part, addresses: Collection[str]) -> Line | None:
    return next((each for each in component.lines("ATTENDEE") if address(each) in addresses), None)


def attendees(calendar: Part) -> dict[str, Line]:
    """Address → the line in the first component that has it."""
    found: dict[str, Line] = {}
    for component in components(calendar):
        for each in component.lines("ATTENDEE"):
            found.setdefault(address(each), each)
    return found


def partstat(of: Line | None) -> str:
    """Upper case; "" where nobody is invited."""
    return "" if of is None else of.param("PARTSTAT", PartStat.NEEDS_ACTION).upper()


def is_by_server(of: Line) -> bool:
    """RFC 6638 §7.1: a value nobody knows counts as NONE."""
    return of.param("SCHEDULE-AGENT", "SERVER").upper() == "SERVER"


def sequence(component: Part) -> int:
    text = component.value("SEQUENCE", "0").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def highest_sequence(calendar: Part) -> int:
    return max(map(sequence, components(calendar)), default=0)


def with_attendee(component: Part, who: Collection[str], changed: dict[str, str | None]) -> Part:
    """Parameters of their ATTENDEE lines changed, every other line as it is."""

    def change(each: Line | Part) -> Line | Part:
        is_theirs = isinstance(each, Line) and each.name == "ATTENDEE" and address(each) in who
        return each.with_params(changed) if isinstance(each, Line) and is_theirs else each

    return component.mapped(change)
