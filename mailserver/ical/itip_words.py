"""An iTIP message in words, for who has no calendar program: English, times as the event writes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mailserver.ical import itip_times as times
from mailserver.ical.itip_messages import Method
from mailserver.ical.itip_parties import PartStat, address, attendee, components, partstat
from mailserver.ical.itip_tree import Line, Part
from mailserver.ical.lines import unescaped

MAX_SUMMARY = 200  # characters
MAX_NOTES = 5_000
MAX_NAMES = 50

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_ANSWERS: dict[str, tuple[str, str]] = {
    PartStat.ACCEPTED: ("Accepted", "accepts"),
    PartStat.DECLINED: ("Declined", "declines"),
    PartStat.TENTATIVE: ("Tentative", "may come to"),
    PartStat.DELEGATED: ("Delegated", "sends somebody else to"),
}
_OPENING = {Method.REQUEST: "{0} invites you to:", Method.CANCEL: "{0} has called off:"}
_SUBJECTS = {Method.REQUEST: "Invitation", Method.CANCEL: "Cancelled"}
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    opening: str
    facts: tuple[tuple[str, str], ...]  # ("When", "…"), ("Where", "…") …
    notes: str

    @property
    def text(self) -> str:
        lines = [self.opening, "", *(f"{name}:".ljust(9) + value for name, value in self.facts)]
        return "\n".join([*lines, *(["", self.notes] if self.notes else [])]) + "\n"


def words(method: Method, calendar: Part, sender: str, *, is_update: bool = False) -> Words:
    first = components(calendar)[0]
    summary = _one_line(first.value("SUMMARY"))[:MAX_SUMMARY] or "(no title)"
    when = when_words(first)
    name = display_name(_party(first, sender)) or sender
    facts = tuple(_facts(calendar, first, summary, when))
    subject_when = f" ({when})" if when else ""
    if method is Method.REPLY:
        word, verb = _ANSWERS.get(partstat(attendee(first, {sender})), ("Answer", "has answered about"))
        return Words(f"{word}: {summary}{subject_when}", f"{name} {verb}:", facts[:-1], _comment(first))
    subject = "Updated invitation" if is_update and method is Method.REQUEST else _SUBJECTS.get(method, "Event")
    opening = _OPENING.get(method, "{0} writes about:").format(name)
    notes = unescaped(first.value("DESCRIPTION"))[:MAX_NOTES].strip() if method is Method.REQUEST else ""
    return Words(f"{subject}: {summary}{subject_when}", opening, facts, notes)


def _facts(calendar: Part, first: Part, summary: str, when: str) -> Iterator[tuple[str, str]]:
    yield "What", summary
    if when:
        yield "When", when
    rule = first.value("RRULE")
    if rule:
        yield "Repeats", rule_words(rule)
    more = len(components(calendar)) - 1
    if more:
        yield "And", f"{more} more of the same series with a time or an answer of their own"
    if place := _one_line(first.value("LOCATION")):
        yield "Where", place
    yield "Who", _who(first)


def _who(component: Part) -> str:
    organizer = component.first("ORGANIZER")
    names = [f"{display_name(organizer)} (organizer)"] if organizer is not None else []
    leader = address(organizer)
    others = [each for each in component.lines("ATTENDEE") if address(each) != leader]
    names += [display_name(each) for each in others[:MAX_NAMES]]
    more = len(others) - MAX_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def display_name(of: Line | None) -> str:
    """CN, or the address."""
    return "" if of is None else _one_line(of.param("CN")) or address(of)


def _party(component: Part, sender: str) -> Line | None:
    lines = [*component.lines("ORGANIZER"), *component.lines("ATTENDEE")]
    return next((each for each in lines if address(each) == sender), None)


def _comment(component: Part) -> str:
    return unescaped(component.value("COMMENT"))[:MAX_NOTES].strip()


def _one_line(value: str) -> str:
    return " ".join(unescaped(value).split())


def when_words(component: Part) -> str:
    """ "Tuesday, 10 March 2026, 10:00 – 11:00 (Europe/Berlin)"; "" where no time is known."""
    start, end = component.first("DTSTART"), component.first("DTEND") or component.first("DUE")
    begins = None if start is None else next(times.moments(start))[1]
    if start is None or begins is None:
        return ""
    ends = _end(component, begins, end)
    if not isinstance(begins, datetime):
        last = ends - timedelta(days=1) if ends is not None and not isinstance(ends, datetime) else begins
        return _day(begins) if last <= begins else f"{_day(begins)} – {_day(last)}"
    text = f"{_day(begins)}, {begins:%H:%M}"
    if isinstance(ends, datetime) and ends > begins:
        text += f" – {ends:%H:%M}" if ends.date() == begins.date() else f" – {_day(ends)}, {ends:%H:%M}"
    zone = "UTC" if start.value.strip()[-1:] == "Z" else start.param("TZID")
    return f"{text} ({zone})" if zone else text


def _end(component: Part, begins: date | datetime, end: Line | None) -> date | datetime | None:
    if end is not None:
        at = next(times.moments(end))[1]
        if isinstance(at, datetime) and isinstance(begins, datetime):
            has_zones = at.tzinfo is not None and begins.tzinfo is not None
            return at.astimezone(begins.tzinfo) if has_zones else at.replace(tzinfo=begins.tzinfo)
        return at if isinstance(at, datetime) == isinstance(begins, datetime) else None
    length = times.duration(component.value("DURATION"))
    try:
        return None if length is None else begins + length
    except OverflowError:
        return None


def _day(at: date) -> str:
    return f"{_DAYS[at.weekday()]}, {at.day} {_MONTHS[at.month - 1]} {at.year}"


def rule_words(rule: str) -> str:
    parts = dict(part.upper().partition("=")[::2] for part in rule.split(";"))
    unit = _UNITS.get(parts.get("FREQ", ""))
    if unit is None:
        return "several times"
    interval = parts.get("INTERVAL", "1")
    every = f"every {unit}" if interval == "1" else f"every {interval} {unit}s"
    until = times.moment(parts.get("UNTIL", ""), "")
    if until is not None:
        return f"{every} until {_day(until)}"
    return f"{every}, {parts['COUNT']} times" if "COUNT" in parts else every
