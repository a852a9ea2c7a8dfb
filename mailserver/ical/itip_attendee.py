"""What the organizer is told when somebody invited stores or deletes his copy, and what he may change in it.

RFC 6638 §3.2.2: participation status, alarms, transparency and notes are his own; what the event is, and who else
comes, is the organizer's.
"""

from collections.abc import Iterable
from datetime import datetime

from mailserver.ical import itip_times as times
from mailserver.ical.itip_instances import is_instance
from mailserver.ical.itip_messages import Message, Method, for_reply, message
from mailserver.ical.itip_parties import PartStat, address, attendee, components, is_by_server, organizer, partstat
from mailserver.ical.itip_tree import Part, line
from mailserver.ical.itip_views import View, at_moment, instance, is_cancelled, whole

# Of the organizer: a difference in one of these is a change an attendee may not make. Texts are compared without
# their white space, which clients trim.
_TEXTS = ("SUMMARY", "LOCATION", "DESCRIPTION", "URL", "STATUS", "DURATION")
_MOMENTS = ("DTSTART", "DTEND", "DUE", "RDATE")
_TASKS = frozenset({"VTODO", "VJOURNAL"})  # whose STATUS says how far an attendee has come, RFC 5546 §3.4


def messages(
    before: Part | None, after: Part | None, own: frozenset[str], now: datetime, *, wants_reply: bool = True
) -> list[Message]:
    """One REPLY or none. `wants_reply`: False where the client asked for none as it deletes (Schedule-Reply: F)."""
    at_hand = after or before
    if at_hand is None:
        return []
    to = organizer(at_hand)
    first = components(at_hand)[0]
    if to is None or not is_by_server(to):
        return []
    if after is None:
        answers = _declined(whole(before), own) if wants_reply else []
    else:
        is_forced = to.param("SCHEDULE-FORCE-SEND").upper() == Method.REPLY
        answers = _answers(whole(before), whole(after), own, is_forced=is_forced)
    if not answers:
        return []
    mine = address(attendee(answers[0][0], own))
    replies = [for_reply(component, own, answer) for component, answer in answers]
    return [message(Method.REPLY, at_hand, mine, address(to), replies, first.value("UID").strip(), now)]


def _declined(before: View, own: frozenset[str]) -> list[tuple[Part, str]]:
    return [
        (each, PartStat.DECLINED)
        for each in before.instances.values()
        if _answer(each, own) not in {"", PartStat.DECLINED} and not is_cancelled(each)
    ]


def _answers(before: View, after: View, own: frozenset[str], *, is_forced: bool) -> list[tuple[Part, str]]:
    """Components whose participation status is new, with it; the series first."""
    found: list[tuple[Part, str]] = []
    for key, each in sorted(after.instances.items()):
        answer = _answer(each, own)
        if answer and (is_forced or answer != _earlier(before, key, own)):
            found.append((each, answer))
    return [*found, *_excluded(before, after, own), *_reverted(before, after, own)]


def _earlier(before: View, key: str, own: frozenset[str]) -> str:
    """What the organizer knows by now; an instance says what its series says."""
    known = before.instances.get(key) or before.instances.get("")
    return PartStat.NEEDS_ACTION if known is None else _answer(known, own) or PartStat.NEEDS_ACTION


def _excluded(before: View, after: View, own: frozenset[str]) -> Iterable[tuple[Part, str]]:
    """An EXDATE of his own means he does not come. RFC 6638 §3.2.2.3"""
    series = before.instances.get("")
    start = None if series is None else series.first("DTSTART")
    if series is None or start is None:
        return
    for key, exdate in after.excluded.items():
        known = before.instances.get(key)
        if key in before.excluded or (known is not None and is_cancelled(known)):
            continue
        if _earlier(before, key, own) != PartStat.DECLINED:
            moment = line("RECURRENCE-ID", times.first_value(exdate), exdate.params)
            yield known or at_moment(series, moment, start), PartStat.DECLINED


def _reverted(before: View, after: View, own: frozenset[str]) -> Iterable[tuple[Part, str]]:
    """An override taken out again: what the series says holds for it."""
    series = after.instances.get("")
    if series is None:
        return
    for key in before.instances.keys() - after.instances.keys() - after.excluded.keys():
        answer = _answer(series, own)
        if answer and answer != _answer(before.instances[key], own):
            yield instance(series, before.instances[key]), answer


def _answer(component: Part, own: frozenset[str]) -> str:
    return partstat(attendee(component, own))


def forbidden_change(before: Part, after: Part, own: frozenset[str]) -> str | None:
    """The property an attendee changed that is the organizer's, or None. RFC 6638 §3.2.2.1, §3.2.4.4"""
    was, now = whole(before), whole(after)
    for key, component in now.instances.items():
        like = _expected(before, was, key, component)
        if like is None:
            return "RECURRENCE-ID"
        if changed := _difference(like, component, own, is_series=not key):
            return changed
    if (missing := was.instances.keys() - now.instances.keys()) and not all(
        _may_vanish(each, was, now, own) for each in missing
    ):
        return "RECURRENCE-ID" if "" not in missing else "UID"
    return "EXDATE" if was.excluded.keys() - now.excluded.keys() else None


def _expected(before: Part, was: View, key: str, component: Part) -> Part | None:
    """What an instance is by now; None where there is none at that moment."""
    if key in was.instances:
        return was.instances[key]
    series, recurrence = was.instances.get(""), component.first("RECURRENCE-ID")
    if series is None or recurrence is None or not is_instance(before, series, recurrence):
        return None
    return instance(series, component)


def _may_vanish(key: str, was: View, now: View, own: frozenset[str]) -> bool:
    """He excluded the instance, or dropped an override that held nothing but his answer."""
    series = was.instances.get("")
    if not key or series is None:
        return False
    gone = was.instances[key]
    return key in now.excluded or _difference(instance(series, gone), gone, own, is_series=False) is None


def _difference(was: Part, now: Part, own: frozenset[str], *, is_series: bool) -> str | None:
    if address(was.first("ORGANIZER")) != address(now.first("ORGANIZER")):
        return "ORGANIZER"
    for name in _MOMENTS:
        if _moments(was, name) != _moments(now, name):
            return name
    if is_series and _rules(was) != _rules(now):
        return "RRULE"
    for name in _TEXTS:
        if _text(was, name) != _text(now, name) and not (name == "STATUS" and now.name in _TASKS):
            return name
    return "ATTENDEE" if _others(was, own) != _others(now, own) else None


def _moments(component: Part, name: str) -> list[str]:
    return sorted(key for each in component.lines(name) for key in times.keys(each))


def _rules(component: Part) -> list[list[str]]:
    return sorted(sorted(each.value.strip().upper().split(";")) for each in component.lines("RRULE"))


def _text(component: Part, name: str) -> str:
    value = component.value(name).replace("\\n", " ").replace("\\N", " ")
    return " ".join(value.replace("\\", "").split())


def _others(component: Part, own: frozenset[str]) -> set[str]:
    """Who comes besides him. What they answered is kept as it is stored, whatever he sends: itip_answers.py"""
    return {address(each) for each in component.lines("ATTENDEE")} - own
