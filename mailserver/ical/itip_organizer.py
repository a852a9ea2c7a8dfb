"""What the people invited are told when the organizer stores or deletes an object. RFC 6638 §3.2.1."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailserver.ical import itip_times as times
from mailserver.ical.itip_messages import Message, Method, for_cancel, for_request, message
from mailserver.ical.itip_parties import address, attendees, components, highest_sequence
from mailserver.ical.itip_tree import Line, Part, line
from mailserver.ical.itip_views import Audience, View, at_moment, is_cancelled, is_changed, lost


@dataclass(frozen=True, slots=True)
class _Change:
    before: Part | None
    after: Part | None
    organizer: str
    uid: str
    now: datetime
    # by the identity of views: what those who see the same are told is made once, however many they are
    changed: dict[tuple[int, int], bool] = field(default_factory=dict)
    requests: dict[int, Message] = field(default_factory=dict)


def messages(before: Part | None, after: Part | None, own: frozenset[str], now: datetime) -> list[Message]:
    """In the order in which they are to be processed; `own`: addresses of the organizer, who is told nothing."""
    at_hand = after or before
    if at_hand is None:
        return []
    first = components(at_hand)[0]
    change = _Change(before, after, address(first.first("ORGANIZER")), first.value("UID").strip(), now)
    was, becomes, forced = Audience(before), Audience(after), _forced(after)
    told: list[Message] = []
    for who in was.invited | becomes.invited:
        if who not in own:
            told += _told(change, who, was.view(who), becomes.view(who), is_forced=who in forced)
    return told


def _told(change: _Change, who: str, before: View, after: View, *, is_forced: bool) -> Iterable[Message]:
    if before.instances and not after.instances:
        if not _is_over(before):
            yield _uninvited(change, who, before)
        return
    if after.has_series and is_cancelled(after.instances[""]):
        if not _is_over(before):
            yield _called_off(change, who, after)
        return
    gone = lost(before, after)
    is_new = not before.instances
    if before.has_series and not after.has_series:
        yield _uninvited(change, who, View({"": before.instances[""]}, {}))
        is_new, gone = True, {}
    is_told_anew = is_forced or is_new or _is_changed(change, before, after)
    if is_told_anew:
        yield _request(change, who, after)
    if gone and not (is_told_anew and after.has_series):
        yield _instances_off(change, who, before, gone)


def _is_changed(change: _Change, before: View, after: View) -> bool:
    key = id(before), id(after)
    if key not in change.changed:
        change.changed[key] = is_changed(before, after)
    return change.changed[key]


def _is_over(view: View) -> bool:
    """He knows already that nothing is left of it; or was never told of anything."""
    return all(map(is_cancelled, view.instances.values()))


def _forced(after: Part | None) -> frozenset[str]:
    """Those whom the client wants to be told in any case. RFC 6638 §7.2"""
    lines = {} if after is None else attendees(after)
    return frozenset(who for who, each in lines.items() if each.param("SCHEDULE-FORCE-SEND").upper() == Method.REQUEST)


def _request(change: _Change, who: str, after: View) -> Message:
    found = change.requests.get(id(after))
    if found is None:
        found = _message(change, Method.REQUEST, who, map(for_request, after.instances.values()))
        change.requests[id(after)] = found
    return replace(found, recipient=who)


def request(calendar: Part, who: str, now: datetime) -> Message | None:
    """The object as it stands, for somebody who asks again (REFRESH). None where he is not invited."""
    first = components(calendar)[0]
    view = Audience(calendar).view(who)
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
