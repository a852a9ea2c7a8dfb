"""An iTIP message and the object it is about → the object as it is from now on. RFC 5546 §2.1.5, §3.2.

REQUEST   the attendee's copy is made or brought up to date; what is his own in it stays
CANCEL    his copy says CANCELLED, or the instance goes
REPLY     the organizer's object gets the participation status
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from mailserver.ical import itip_times as times
from mailserver.ical.itip_instances import is_instance
from mailserver.ical.itip_parties import (
    SCHEDULE_PARAMS,
    PartStat,
    Status,
    address,
    attendee,
    components,
    partstat,
    sequence,
    with_attendee,
)
from mailserver.ical.itip_tree import Line, Part, line
from mailserver.ical.itip_views import instance, is_cancelled, recurrence_as, whole, without_excluded

MAX_REPLIED_INSTANCES = 100  # of one REPLY
# Of the attendee alone; a message does not touch them.
_OWN = frozenset({"TRANSP", "CATEGORIES", "COLOR", "CLASS"})
_OWN_PREFIXES = ("X-MOZ-", "X-APPLE-", "X-EVOLUTION-", "X-OWN-")


class Verdict(Enum):
    DONE = "done"
    UNCHANGED = "unchanged"  # nothing to do: it says what is known
    STALE = "stale"  # overtaken by a later message, RFC 5546 §2.1.5
    UNKNOWN = "unknown"  # about an event, an instance or a person that is not there


@dataclass(frozen=True, slots=True)
class Result:
    verdict: Verdict
    calendar: Part | None = None  # the new object, where the verdict is DONE
    answered: tuple[tuple[str, str, str], ...] = ()  # of a REPLY: instance, PARTSTAT, DTSTAMP


@dataclass(frozen=True, slots=True)
class Known:
    """What the organizer's side remembers of an attendee."""

    sent_sequence: int = 0  # of the last REQUEST
    stamps: tuple[tuple[str, str], ...] = ()  # instance → DTSTAMP of his last REPLY


# ---- REQUEST ----


def request(stored: Part | None, message: Part, own: frozenset[str], *, is_complete: bool) -> Result:
    """`is_complete`: the message has all there is, as ours do; mail from others may bring one instance alone."""
    arrived = _without_method(message)
    if stored is None:
        return Result(Verdict.DONE, arrived)
    was, new = whole(stored), whole(arrived)
    if not is_complete and all(_is_stale(each, was.instances.get(key)) for key, each in new.instances.items()):
        return Result(Verdict.STALE)
    merged: dict[str, Part] = {}
    for key, each in new.instances.items():
        known = was.instances.get(key)
        is_behind = not is_complete and _is_stale(each, known)
        merged[key] = known if known is not None and is_behind else _with_own(each, known or was.instances.get(""), own)
    if not is_complete:
        merged = _kept(was.instances, new.instances) | merged
    if "" in merged and "" not in new.instances:  # an instance is back that had been taken out
        merged[""] = without_excluded(merged[""], new.instances.keys())
    return Result(Verdict.DONE, _with_components(arrived, stored, merged))


def _is_stale(arrived: Part, known: Part | None) -> bool:
    """RFC 5546 §2.1.5: SEQUENCE first, then DTSTAMP."""
    if known is None:
        return False
    if sequence(arrived) != sequence(known):
        return sequence(arrived) < sequence(known)
    return arrived.value("DTSTAMP").strip() < known.value("DTSTAMP").strip()


def _kept(was: dict[str, Part], new: dict[str, Part]) -> dict[str, Part]:
    """Instances the message says nothing of; not those of a series that was set up anew."""
    series = new.get("")
    if series is None:
        return was
    return {key: each for key, each in was.items() if key and sequence(each) >= sequence(series)}


def _with_own(arrived: Part, known: Part | None, own: frozenset[str]) -> Part:
    if known is None:
        return arrived
    mine = [each for each in known.items if _is_own(each)]
    lines = [each for each in mine if isinstance(each, Line)]
    parts = [each for each in mine if isinstance(each, Part)]
    names = {each.name for each in lines}
    base = arrived.without(names).mapped(
        lambda each: None if isinstance(each, Part) and each.name == "VALARM" else each
    )
    base = base.with_lines(lines)
    base = replace(base, items=(*base.items, *parts))
    return _with_own_answer(base, known, own)


def _is_own(each: Line | Part) -> bool:
    if isinstance(each, Part):
        return each.name == "VALARM"
    return each.name in _OWN or each.name.startswith(_OWN_PREFIXES)


def _with_own_answer(arrived: Part, known: Part, own: frozenset[str]) -> Part:
    """An answer the organizer has not seen yet stays, as long as he did not set the event up anew."""
    answer = partstat(attendee(known, own))
    is_asked_again = partstat(attendee(arrived, own)) == PartStat.NEEDS_ACTION and sequence(arrived) > sequence(known)
    if not answer or answer == PartStat.NEEDS_ACTION or is_asked_again or _starts(arrived) != _starts(known):
        return arrived
    return with_attendee(arrived, own, {"PARTSTAT": answer, "RSVP": None})


def _starts(component: Part) -> list[str]:
    start = component.first("DTSTART")
    return [] if start is None or component.first("RECURRENCE-ID") is not None else times.keys(start)


def _without_method(message: Part) -> Part:
    return message.without({"METHOD"})


def _with_components(arrived: Part, stored: Part, merged: dict[str, Part]) -> Part:
    """In the order: head, time zones of both, series, instances."""
    head = [each for each in arrived.items if isinstance(each, Line)]
    zones: dict[str, Part] = {}
    for each in [*arrived.parts, *stored.parts]:
        if each.name == "VTIMEZONE":
            zones.setdefault(each.value("TZID"), each)
    found = [merged[key] for key in sorted(merged)]
    return replace(arrived, items=(*head, *zones.values(), *found))


# ---- CANCEL ----


def cancel(stored: Part | None, message: Part) -> Result:
    if stored is None:
        return Result(Verdict.UNKNOWN)
    calendar = stored
    verdict = Verdict.UNKNOWN
    for each in components(message):
        key = times.key(each.first("RECURRENCE-ID"))
        known = whole(calendar).instances.get(key)
        if known is not None and sequence(each) < sequence(known):
            verdict = Verdict.STALE if verdict is Verdict.UNKNOWN else verdict
            continue
        changed = _cancelled(calendar, each, key)
        if changed is not None:
            calendar, verdict = changed, Verdict.DONE
    if verdict is Verdict.DONE and calendar.render() == stored.render():
        return Result(Verdict.UNCHANGED)
    return Result(verdict, calendar if verdict is Verdict.DONE else None)


def _cancelled(calendar: Part, notice: Part, key: str) -> Part | None:
    seen = whole(calendar).instances
    if not key:
        return calendar.mapped(lambda each: _marked(each, notice) if each in components(calendar) else each)
    if key in seen:
        return calendar.mapped(lambda each: _marked(each, notice) if each is seen[key] else each)
    series = seen.get("")
    if series is None:
        return None
    if key in whole(calendar).excluded:
        return calendar
    if not _is_of(calendar, series, notice):
        return None
    without = series.with_lines([_in_form(recurrence_as(notice, "EXDATE"), series)])
    return calendar.mapped(lambda each: without if each is series else each)


def _is_of(calendar: Part, series: Part, about: Part) -> bool:
    """Whether the series has the instance a message is about."""
    recurrence = about.first("RECURRENCE-ID")
    return recurrence is not None and is_instance(calendar, series, recurrence)


def _in_form(exdate: Line, series: Part) -> Line:
    """Written as DTSTART is: some clients only know an EXDATE in that form again."""
    start = series.first("DTSTART")
    at = next(times.moments(exdate))[1]
    own_zone = None if start is None else times.zone(start.param("TZID"))
    if start is None or own_zone is None or not isinstance(at, datetime) or at.tzinfo is None:
        return exdate
    return line("EXDATE", f"{at.astimezone(own_zone):%Y%m%dT%H%M%S}", (("TZID", (start.param("TZID"),)),))


def _marked(each: Line | Part, notice: Part) -> Line | Part:
    if isinstance(each, Line) or is_cancelled(each):
        return each
    marked = each.with_line(line("STATUS", "CANCELLED"))
    if sequence(notice) > sequence(each):
        marked = marked.with_line(line("SEQUENCE", str(sequence(notice))))
    return marked


# ---- REPLY ----


def reply(stored: Part | None, message: Part, who: Collection[str], known: Known) -> Result:
    """`who`: the addresses by which the attendee may stand in the organizer's object, the one he wrote as with them."""
    if stored is None:
        return Result(Verdict.UNKNOWN)
    calendar, answered, verdict = stored, list[tuple[str, str, str]](), Verdict.UNKNOWN
    stamps = dict(known.stamps)
    for each in components(message)[:MAX_REPLIED_INSTANCES]:
        key, stamp = times.key(each.first("RECURRENCE-ID")), each.value("DTSTAMP").strip()
        if _is_overtaken(each, known, stamps.get(key, "")):
            verdict = Verdict.STALE if verdict is Verdict.UNKNOWN else verdict
            continue
        answer = _answer_in(each, who)
        changed = None if answer is None else _answered(calendar, each, key, who, answer)
        if answer is not None and changed is not None:
            calendar, verdict = changed, Verdict.DONE
            answered.append((key, partstat(answer), stamp))
    return Result(verdict, calendar if verdict is Verdict.DONE else None, tuple(answered))


def _answer_in(component: Part, who: Collection[str]) -> Line | None:
    """His line; the only one where the client wrote him by another of his names."""
    lines = component.lines("ATTENDEE")
    return attendee(component, who) or (lines[0] if len(lines) == 1 else None)


def _is_overtaken(component: Part, known: Known, last_stamp: str) -> bool:
    has_sequence = component.first("SEQUENCE") is not None  # some mail clients leave it out
    if has_sequence and sequence(component) < known.sent_sequence:
        return True
    return component.value("DTSTAMP").strip() < last_stamp


def _answered(calendar: Part, replied: Part, key: str, who: Collection[str], answer: Line) -> Part | None:
    seen = whole(calendar)
    target, series = seen.instances.get(key), seen.instances.get("")
    changed: dict[str, str | None] = {"PARTSTAT": partstat(answer), "RSVP": None, "SCHEDULE-STATUS": _status(replied)}
    if delegated := answer.param("DELEGATED-TO"):
        changed["DELEGATED-TO"] = delegated
    if target is not None:
        if attendee(target, who) is None:
            return None
        done = with_attendee(target, who, changed)
        calendar = calendar.mapped(lambda each: done if each is target else each)
        return calendar if key else _unanswered_too(calendar, who, changed)
    if series is None or key in seen.excluded or attendee(series, who) is None:
        return None
    if not _is_of(calendar, series, replied):
        return None
    override = with_attendee(instance(series, replied), who, changed)
    override = override.mapped(lambda each: None if isinstance(each, Part) else each)
    return replace(calendar, items=(*calendar.items, override))


def _unanswered_too(calendar: Part, who: Collection[str], changed: dict[str, str | None]) -> Part:
    """An answer for the series holds for its changed instances that have none of their own."""

    def change(each: Line | Part) -> Line | Part:
        if not isinstance(each, Part) or each.first("RECURRENCE-ID") is None:
            return each
        return with_attendee(each, who, changed) if _waits(each, who) else each

    return calendar.mapped(change)


def _waits(component: Part, who: Collection[str]) -> bool:
    return partstat(attendee(component, who)) == PartStat.NEEDS_ACTION


def _status(replied: Part) -> str:
    said = replied.value("REQUEST-STATUS").split(";", 1)[0].strip()
    return said if said[:1] in {"2", "3", "4", "5"} and len(said) < 10 else Status.SUCCESS


# ---- what others answered ----


def with_answers(stored: Part, who: str, answers: Collection[tuple[str, str, str]]) -> Part | None:
    """The copy of somebody else who is invited, with what this attendee answered; None where it says so already.

    Instances that only the organizer has an override of are left: they come with his next message.
    """
    said = {key: answer for key, answer, _ in answers}
    seen = whole(stored).instances

    def change(each: Line | Part) -> Line | Part:
        key = next((key for key, component in seen.items() if component is each), None)
        answer = None if key is None else said.get(key)
        return with_attendee(each, {who}, {"PARTSTAT": answer}) if answer and isinstance(each, Part) else each

    changed = stored.mapped(change)
    return None if changed.render() == stored.render() else changed


def with_answer(calendar: Part, own: frozenset[str], answer: str) -> Part:
    """The answer of an automatic reply in the attendee's own copy."""
    return calendar.mapped(
        lambda each: with_attendee(each, own, {"PARTSTAT": answer, "RSVP": None}) if isinstance(each, Part) else each
    )


def without_notes(calendar: Part) -> Part:
    """As it comes from outside: SCHEDULE-… parameters are of another server."""

    def change(each: Line | Part) -> Line | Part:
        if isinstance(each, Part):
            return each.mapped(change)
        return each.with_params(dict.fromkeys(SCHEDULE_PARAMS)) if address(each) and each.name in _PARTIES else each

    return calendar.mapped(change)


_PARTIES = frozenset({"ORGANIZER", "ATTENDEE"})
