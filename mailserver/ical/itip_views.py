"""What of an object one attendee is invited to, and whether a change to it concerns him. RFC 6638 §3.2.1"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from mailserver.ical import itip_times as times
from mailserver.ical.itip_parties import address, components, is_by_server, organizer
from mailserver.ical.itip_tree import Line, Part, line

OWN_PREFIX = "X-"  # properties nobody else is told of a change of
INSIGNIFICANT = frozenset(
    {"DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "TRANSP", "CATEGORIES", "COMMENT", "REQUEST-STATUS", "COLOR"}
    | {"PERCENT-COMPLETE", "COMPLETED", "ACKNOWLEDGED", "EXDATE", "ORGANIZER"}
)
MOMENTS = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE"})
_TOLD = frozenset({"CN", "ROLE", "CUTYPE", "MEMBER"})  # of an attendee; his answer is no reason to write to all


@dataclass(frozen=True, slots=True)
class View:
    """Components by instance: "" is the series itself."""

    instances: dict[str, Part]
    excluded: dict[str, Line]  # EXDATE of the series: instance → a line with it alone

    @property
    def has_series(self) -> bool:
        return "" in self.instances


def whole(calendar: Part | None) -> View:
    """As its owner sees it."""
    if calendar is None:
        return View({}, {})
    found = {times.key(each.first("RECURRENCE-ID")): each for each in components(calendar)}
    series = found.get("")
    return View(found, {} if series is None else _excluded(series))


class Audience:
    """What of an object each of those invited sees; those who see the same share one view."""

    def __init__(self, calendar: Part | None) -> None:
        self._seen = whole(calendar)
        self._invited = {key: _invited(part) for key, part in self._seen.instances.items()}
        self._views: dict[frozenset[str], View] = {}

    @property
    def invited(self) -> dict[str, None]:
        """Addresses of those invited by this server, in the order of their lines."""
        return {who: None for each in self._invited.values() for who in each}

    def view(self, who: str) -> View:
        """What he is invited to by this server; the series without the instances that leave him out."""
        keys = frozenset(key for key, invited in self._invited.items() if who in invited)
        found = self._views.get(keys)
        if found is None:
            found = self._views[keys] = _view(self._seen, keys)
        return found


def _invited(part: Part) -> dict[str, None]:
    lines = ((address(each), each) for each in part.lines("ATTENDEE"))
    first: dict[str, Line] = {}
    for who, each in lines:
        first.setdefault(who, each)
    return {who: None for who, each in first.items() if who and is_by_server(each)}


def _view(seen: View, keys: Collection[str]) -> View:
    mine = {each: part for each, part in seen.instances.items() if each in keys}
    if "" not in mine:
        return View(mine, {})
    left_out = {
        each: recurrence_as(part, "EXDATE") for each, part in seen.instances.items() if each and each not in mine
    }
    series = mine[""].with_lines(list(left_out.values()))
    return View(mine | {"": series}, seen.excluded | left_out)


def recurrence_as(part: Part, name: str) -> Line:
    """The moment of its RECURRENCE-ID, as a property of another name."""
    found = part.first("RECURRENCE-ID")
    if found is None:
        raise ValueError("not an instance")
    return line(name, found.value.strip(), (each for each in found.params if each[0] in {"TZID", "VALUE"}))


def _excluded(series: Part) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for each in series.lines("EXDATE"):
        for key, (value, _) in zip(times.keys(each), times.moments(each), strict=True):
            found[key] = line("EXDATE", value, each.params)
    return found


def without_excluded(series: Part, again: Collection[str]) -> Part:
    """EXDATE of these instances taken out, the other values kept."""

    def change(each: Line | Part) -> Line | Part | None:
        if not isinstance(each, Line) or each.name != "EXDATE":
            return each
        pairs = list(zip(times.keys(each), times.moments(each), strict=True))
        kept = [value for key, (value, _) in pairs if key not in again]
        if len(kept) == len(pairs):
            return each
        return line("EXDATE", ",".join(kept), each.params) if kept else None

    return series.mapped(change)


def is_changed(before: View, after: View) -> bool:
    """Something an invited person has to know. An instance less is not told here: see lost()."""
    if any(each not in before.instances and not _is_only_repeated(after, each, before) for each in after.instances):
        return True
    if before.excluded.keys() - after.excluded.keys():
        return True
    gone = before.instances.keys() - after.instances.keys()
    if any(each not in after.excluded for each in gone if after.has_series):
        return True
    both = before.instances.keys() & after.instances.keys()
    return any(signature(before.instances[each]) != signature(after.instances[each]) for each in both)


def _is_only_repeated(after: View, each: str, before: View) -> bool:
    """A new override that says what the series says for that instance (somebody answered for one day)."""
    series = before.instances.get("")
    if not each or series is None:
        return False
    return signature(instance(series, after.instances[each])) == signature(after.instances[each])


def instance(series: Part, like: Part) -> Part:
    """What the series is at the moment of an override's RECURRENCE-ID."""
    recurrence = like.first("RECURRENCE-ID")
    start = series.first("DTSTART")
    if recurrence is None or start is None:
        return series
    return at_moment(series, recurrence, start)


def at_moment(series: Part, recurrence: Line, start: Line) -> Part:
    """One instance of the series as an override of its own; `start` is the series' DTSTART."""
    params = tuple(each for each in start.params if each[0] in {"TZID", "VALUE"})
    value, at = next(times.moments(recurrence))
    begins, tzid = times.moment(start.value, start.param("TZID")), start.param("TZID")
    own_zone = getattr(begins, "tzinfo", None)
    if own_zone is not None and getattr(at, "tzinfo", None) is not None:
        value = f"{at.astimezone(own_zone):%Y%m%dT%H%M%S}" + "Z" * (start.value.strip()[-1:] == "Z")  # type: ignore[union-attr]
    elif tzid and value[-1:] == "Z":
        params = ()
    here = line("DTSTART", value, params)

    def change(each: Line | Part) -> Line | Part | None:
        if not isinstance(each, Line):
            return each
        if each.name in {"RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"}:
            return None
        if each.name == "DTSTART":
            return here
        return times.moved(each, here, start) if each.name in {"DTEND", "DUE"} else each

    moved = series.mapped(change)
    kept = line("RECURRENCE-ID", value, params)
    return replace(moved, items=(kept, *moved.items))


def lost(before: View, after: View) -> dict[str, Line | Part]:
    """Instances he was invited to and is no more: the override he had, or the EXDATE that takes it away."""
    if after.has_series:
        return {
            each: before.instances.get(each, found)
            for each, found in after.excluded.items()
            if each not in before.excluded and (before.has_series or each in before.instances)
        }
    return {each: part for each, part in before.instances.items() if each not in after.instances}


def signature(component: Part) -> tuple[object, ...]:
    """Equal where nobody invited needs to know of the difference."""
    return tuple(sorted(_facts(component)))


def _facts(component: Part) -> Iterable[tuple[str, ...]]:
    for each in component.items:
        if not isinstance(each, Line) or each.name in INSIGNIFICANT or each.name.startswith(OWN_PREFIX):
            continue
        if each.name == "ATTENDEE":
            yield ("ATTENDEE", address(each), *(f"{k}={v}" for k, v in sorted(each.params) if k in _TOLD))
        elif each.name in MOMENTS:
            yield (each.name, *sorted(times.keys(each)))
        elif each.name == "RRULE":
            yield ("RRULE", *sorted(each.value.strip().upper().split(";")))
        elif each.value.strip() or each.name == "ATTACH":
            yield (each.name, each.value.strip())


def is_cancelled(component: Part) -> bool:
    return component.value("STATUS").strip().upper() == "CANCELLED"


def organizer_address(calendar: Part | None) -> str:
    return "" if calendar is None else address(organizer(calendar))
