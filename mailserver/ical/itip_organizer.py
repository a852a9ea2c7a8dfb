"""What the people invited are told when the organizer stores or deletes an object. RFC 6638 §3.2.1."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mailserver.ical import itip_times as times
from mailserver.ical.itip_messages import Message, Method, for_cancel, for_request, message
from mailserver.ical.itip_parties import address, attendees, components, highest_sequence, is_by_server
from mailserver.ical.itip_tree import Line, Part, line
from mailserver.ical.itip_views import View, at_moment, is_cancelled, is_changed, lost, of_attendee


@dataclass(frozen=True, slots=True)
class _Change:
    before: Part | None
    after: Part | None
    organizer: str
    uid: str
    now: datetime


def messages(before: Part | None, after: Part | None, own: frozenset[str], now: datetime) -> list[Message]:
    """In the order in which they are to be processed; `own`: addresses of the organizer, who is told nothing."""
    at_hand = after or before
    if at_hand is None:
        return []
    first = components(at_hand)[0]
    change = _Change(before, after, address(first.first("ORGANIZER")), first.value("UID").strip(), now)
    told: list[Message] = []
    for who in _invited(before) | _invited(after):
        if who not in own:
            told += _told(change, who)
    return told


def _invited(calendar: Part | None) -> dict[str, None]:
    """By this server, in the order of their lines."""
    if calendar is None:
        return {}
    lines = ((address(each), each) for part in components(calendar) for each in part.lines("ATTENDEE"))
    return {who: None for who, each in lines if who and is_by_server(each)}


def _told(change: _Change, who: str) -> Iterable[Message]:
    before, after = of_attendee(change.before, who), of_attendee(change.after, who)
    if before.instances and not after.instances:
        if not _is_over(before):
            yield _uninvited(change, who, before)
        return
    if after.has_series and is_cancelled(after.instances[""]):
        if not _is_over(before):
            yield _called_off(change, who, after)
        return
    gone = lost(before, after)
    if before.has_series and not after.has_series:
        yield _uninvited(change, who, View({"": before.instances[""]}, {}))
        before, gone = View({}, {}), {}
    is_told_anew = is_changed(before, after) or _is_forced(change.after, who)
    if is_told_anew:
        yield _request(change, who, after)
    if gone and not (is_told_anew and after.has_series):
        yield _instances_off(change, who, before, gone)


def _is_over(view: View) -> bool:
    """He knows already that nothing is left of it; or was never told of anything."""
    return all(map(is_cancelled, view.instances.values()))


def _is_forced(after: Part | None, who: str) -> bool:
    found = None if after is None else attendees(after).get(who)
    return found is not None and found.param("SCHEDULE-FORCE-SEND").upper() == Method.REQUEST


def _request(change: _Change, who: str, after: View) -> Message:
    return _message(change, Method.REQUEST, who, map(for_request, after.instances.values()))


def request(calendar: Part, who: str, now: datetime) -> Message | None:
    """The object as it stands, for somebody who asks again (REFRESH). None where he is not invited."""
    first = components(calendar)[0]
    view = of_attendee(calendar, who)
    change = _Change(None, calendar, address(first.first("ORGANIZER")), first.value("UID").strip(), now)
    return _request(change, who, view) if view.instances else None


def _uninvited(change: _Change, who: str, before: View) -> Message:
    is_called_off = change.after is None
    at_least = _next_sequence(change)
    series = [before.instances[""]] if before.has_series else list(before.instances.values())
    found = (for_cancel(each, who, at_least=at_least, is_called_off=is_called_off) for each in series)
    return _message(change, Method.CANCEL, who, found)


def _called_off(change: _Change, who: str, after: View) -> Message:
    at_least = _next_sequence(change)
    found = [for_cancel(after.instances[""], who, at_least=at_least, is_called_off=True)]
    return _message(change, Method.CANCEL, who, found)


def _instances_off(change: _Change, who: str, before: View, gone: dict[str, Line | Part]) -> Message:
    at_least = _next_sequence(change)
    series = before.instances.get("")
    found = [_as_instance(each, series) for each in gone.values()]
    cancelled = (for_cancel(each, who, at_least=at_least, is_called_off=True) for each in found)
    return _message(change, Method.CANCEL, who, cancelled)


def _as_instance(gone: Line | Part, series: Part | None) -> Part:
    if isinstance(gone, Part):
        return gone
    start = None if series is None else series.first("DTSTART")
    if series is None or start is None:
        raise ValueError("an EXDATE belongs to a series")
    return at_moment(series, line("RECURRENCE-ID", times.first_value(gone), gone.params), start)


def _next_sequence(change: _Change) -> int:
    """Of a CANCEL: higher than what was sent, RFC 5546 §2.1.4, where the client has not seen to it."""
    if change.after is not None:
        return highest_sequence(change.after)
    return 0 if change.before is None else highest_sequence(change.before) + 1


def _message(change: _Change, method: Method, who: str, found: Iterable[Part]) -> Message:
    source = change.after or change.before
    if source is None:
        raise ValueError("nothing was changed")
    return message(method, source, change.organizer, who, found, change.uid, change.now)
