"""The scheduling outbox: who has time when. RFC 6638 §5, RFC 5546 §3.3.

Anybody of the server may ask, and hears busy or not and nothing else. Of people elsewhere nobody here knows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.errors import BadSchedulingMessage, InvalidCalendarData
from mailserver.groupware.scheduling import busy
from mailserver.groupware.scheduling.busy import BUSY, Period
from mailserver.groupware.scheduling.calendar_users import CalendarUsers, Where
from mailserver.ical import itip_times as times
from mailserver.ical import itip_tree
from mailserver.ical.itip_messages import PRODID, Method, stamped, utc
from mailserver.ical.itip_parties import address
from mailserver.ical.itip_tree import Line, Part, line, part
from mailserver.store.database import Rx
from mailserver.store.store import Store

MAX_REQUEST_OCTETS = 262_144
MAX_RECIPIENTS = 100  # of one question
MAX_DAYS = 400  # of one question

SUCCESS, NOBODY = "2.0;Success", "3.7;Invalid calendar user"
ELSEWHERE = "5.3;No scheduling support for user"


@dataclass(frozen=True, slots=True)
class Answer:
    """A CALDAV:response in a CALDAV:schedule-response."""

    recipient: str  # URI as it was asked for
    request_status: str
    data: bytes | None  # VFREEBUSY with METHOD:REPLY


@dataclass(frozen=True, slots=True)
class _Question:
    calendar: Part
    component: Part
    organizer: Line
    attendees: tuple[Line, ...]
    start: datetime
    end: datetime


class Outbox:
    def __init__(self, store: Store, users: CalendarUsers) -> None:
        self._store = store
        self._users = users

    async def ask(self, user_id: int, data: bytes) -> list[Answer]:
        """`user_id`: whose outbox it is. Raises BadSchedulingMessage."""
        asked = question(data)
        own = await self._store.read(self._users.whose, address(asked.organizer))
        if own != user_id:
            raise BadSchedulingMessage("ORGANIZER has to be an address of yours")
        return [await self._store.read(self._answer, asked, attendee) for attendee in asked.attendees]

    def _answer(self, rx: Rx, asked: _Question, attendee: Line) -> Answer:
        user_id = self._users.whose(rx, address(attendee))
        if isinstance(user_id, Where):
            return Answer(attendee.value, NOBODY if user_id is Where.NOBODY else ELSEWHERE, None)
        start, end = (int(each.timestamp() * 1000) for each in (asked.start, asked.end))
        masked = asked.component.value("X-CALENDARSERVER-MASK-UID").strip()  # Apple: the event that is being moved
        own = self._users.addresses(rx, user_id)
        found = busy.periods(rx, user_id, own, start, end, masked)
        return Answer(
            attendee.value, SUCCESS, reply(asked.component, asked.organizer, attendee, found, self._store.clock.now())
        )


def question(data: bytes) -> _Question:
    """Raises BadSchedulingMessage."""
    try:
        calendar = itip_tree.parse(data)
    except InvalidCalendarData as fault:
        raise BadSchedulingMessage(fault.text) from None
    found = [each for each in calendar.parts if each.name == "VFREEBUSY"]
    if calendar.value("METHOD").strip().upper() != Method.REQUEST or len(found) != 1:
        raise BadSchedulingMessage("The outbox takes a METHOD:REQUEST with one VFREEBUSY; store events in a calendar")
    component = found[0]
    organizer, attendees = component.first("ORGANIZER"), tuple(component.lines("ATTENDEE"))
    if organizer is None or not attendees:
        raise BadSchedulingMessage("A free-busy request has an ORGANIZER and at least one ATTENDEE")
    if len(attendees) > MAX_RECIPIENTS:
        raise BadSchedulingMessage(f"A free-busy request asks about at most {MAX_RECIPIENTS} people")
    start, end = _moment(component, "DTSTART"), _moment(component, "DTEND")
    if not start < end or (end - start).days > MAX_DAYS:
        raise BadSchedulingMessage(f"DTEND comes after DTSTART, at most {MAX_DAYS} days later")
    return _Question(calendar, component, organizer, attendees, start, end)


def _moment(component: Part, name: str) -> datetime:
    found = component.first(name)
    at = None if found is None else times.moment(found.value, found.param("TZID"))
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise BadSchedulingMessage(f"{name} of a free-busy request is a time in UTC")
    return at.astimezone(UTC)


def reply(asked: Part, organizer: Line, attendee: Line, found: list[Period], now: datetime) -> bytes:
    """One FREEBUSY line for each period: some clients read no lists."""
    kept = [each for name in ("UID", "DTSTART", "DTEND") for each in asked.lines(name)[:1]]
    lines = [
        line("FREEBUSY", _period(each), (() if each.kind == BUSY else (("FBTYPE", (each.kind,)),))) for each in found
    ]
    component = stamped(part("VFREEBUSY", [*kept, organizer, attendee, *lines]), now)
    head = [line("VERSION", "2.0"), line("PRODID", PRODID), line("METHOD", Method.REPLY)]
    return part("VCALENDAR", [*head, component]).render()


def _period(each: Period) -> str:
    since, until = (datetime.fromtimestamp(at / 1000, UTC) for at in (each.since, each.until))
    return f"{utc(since)}/{utc(until)}"
