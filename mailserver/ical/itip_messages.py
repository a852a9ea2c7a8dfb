"""iTIP messages as values and as octets. RFC 5546 §3.2."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailserver.ical.itip_parties import SCHEDULE_PARAMS, address, attendee, sequence
from mailserver.ical.itip_tree import Line, Part, line, part

PRODID = "-//mailserver//scheduling//EN"

# Of the organizer alone: reminders and what his client keeps about them.
_PRIVATE = ("X-MOZ-LASTACK", "X-MOZ-SNOOZE", "X-MOZ-GENERATION", "X-APPLE-DEFAULT-ALARM", "X-LIC-ERROR")
_PRIVATE_PARTS = frozenset({"VALARM"})
_PARTIES = frozenset({"ORGANIZER", "ATTENDEE"})
# Of a CANCEL or a REPLY: enough to find the event and to show it. RFC 5546 §3.2.3, §3.2.5
_SHORT = frozenset(
    {"UID", "DTSTART", "DTEND", "DURATION", "DUE", "RECURRENCE-ID", "ORGANIZER", "SUMMARY", "LOCATION", "SEQUENCE"}
    | {"COMMENT", "PERCENT-COMPLETE", "COMPLETED", "RRULE"}
)


class Method(StrEnum):
    """RFC 5546 §1.4, without those that only exchange mail between people's programs."""

    REQUEST = "REQUEST"
    REPLY = "REPLY"
    CANCEL = "CANCEL"
    ADD = "ADD"
    REFRESH = "REFRESH"
    COUNTER = "COUNTER"
    DECLINECOUNTER = "DECLINECOUNTER"
    PUBLISH = "PUBLISH"


@dataclass(frozen=True, slots=True)
class Message:
    method: Method
    uid: str
    sender: str  # address of the calendar user it is from
    recipient: str
    sequence: int  # the highest of its components
    calendar: Part  # with METHOD

    @property
    def data(self) -> bytes:
        return self.calendar.render()


def message(
    method: Method, source: Part, sender: str, recipient: str, found: Iterable[Part], uid: str, now: datetime
) -> Message:
    """`found`: components out of for_request, for_cancel or for_reply; `source` gives the time zones."""
    scheduled = [stamped(each, now) for each in found]
    zones = [each for each in source.parts if each.name == "VTIMEZONE"]
    head = [line("VERSION", "2.0"), line("PRODID", PRODID), line("CALSCALE", "GREGORIAN"), line("METHOD", method)]
    calendar = part("VCALENDAR", [*head, *zones, *scheduled])
    return Message(method, uid, sender, recipient, max(map(sequence, scheduled), default=0), calendar)


def stamped(component: Part, now: datetime) -> Part:
    """DTSTAMP of a message is when it was made. RFC 5545 §3.8.7.2"""
    return component.with_line(line("DTSTAMP", utc(now)))


def utc(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}"


def for_request(component: Part) -> Part:
    """Everything the invited shall see."""

    def change(each: Line | Part) -> Line | Part | None:
        if isinstance(each, Part):
            return None if each.name in _PRIVATE_PARTS else each
        return None if each.name.startswith(_PRIVATE) else _unmarked(each)

    return component.mapped(change)


def for_cancel(component: Part, who: str, *, at_least: int, is_called_off: bool) -> Part:
    """`is_called_off`: nobody comes; False where only he is no longer invited, RFC 5546 §3.2.5."""
    shortened = _shortened(component, {who}).without({"STATUS", "COMMENT"})
    if sequence(shortened) < at_least:
        shortened = shortened.with_line(line("SEQUENCE", str(at_least)))
    return shortened.with_line(line("STATUS", "CANCELLED")) if is_called_off else shortened


def for_reply(component: Part, own: frozenset[str], partstat: str) -> Part:
    """His own ATTENDEE line alone, RFC 5546 §3.2.3."""

    def change(each: Line | Part) -> Line | Part:
        if isinstance(each, Line) and each.name == "ATTENDEE":
            return each.with_params({"PARTSTAT": partstat, "RSVP": None})
        return each

    return _shortened(component, own).mapped(change).with_line(line("REQUEST-STATUS", "2.0;Success"))


def _shortened(component: Part, who: Iterable[str]) -> Part:
    theirs = attendee(component, frozenset(who))

    def change(each: Line | Part) -> Line | Part | None:
        if not isinstance(each, Line):
            return None
        if each is theirs or each.name in _SHORT:
            return _unmarked(each)
        return None

    return component.mapped(change)


def _unmarked(each: Line) -> Line:
    """What scheduling notes on parties stays here. RFC 6638 §7.1-7.3"""
    return each.with_params(dict.fromkeys(SCHEDULE_PARAMS)) if each.name in _PARTIES else each


def without_force(calendar: Part) -> Part:
    """An object as it is kept: SCHEDULE-FORCE-SEND asks once. RFC 6638 §7.2"""

    def unforced(each: Line | Part) -> Line | Part:
        if isinstance(each, Line):
            return each.with_params({"SCHEDULE-FORCE-SEND": None}) if each.name in _PARTIES else each
        return each.mapped(unforced)

    return calendar.mapped(unforced)


def with_status(calendar: Part, statuses: dict[str, str]) -> Part:
    """SCHEDULE-STATUS on the lines of these parties, RFC 6638 §7.3; other octets stay."""
    return _on_parties(calendar, lambda each: {"SCHEDULE-STATUS": statuses.get(address(each))}, statuses)


def _on_parties(calendar: Part, params: Callable[[Line], dict[str, str | None]], who: Iterable[str]) -> Part:
    who = frozenset(who)

    def change(each: Line | Part) -> Line | Part:
        if isinstance(each, Part):
            return each.mapped(change)
        return each.with_params(params(each)) if each.name in _PARTIES and address(each) in who else each

    return calendar.mapped(change)
