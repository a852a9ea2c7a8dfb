"""Whether a moment is an instance of a series: messages about others change nothing. RFC 5546 §2.1.5"""

from dataclasses import replace
from datetime import UTC
from itertools import islice

from mailserver.errors import InvalidCalendarData, UnsupportedComponent
from mailserver.ical import lines
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import valid_object
from mailserver.ical.itip_tree import Line, Part
from mailserver.ical.recurrence import Occurrence
from mailserver.ical.times import Moment, moment_of
from mailserver.ical.zones import Zones

AROUND_MS = 2 * 86_400_000  # days are as long as 50 hours, told in all zones
MAX_LOOKED_AT = 6_000  # instances within that: one a minute
MAX_STEPS = 20_000


def is_instance(calendar: Part, series: Part, recurrence: Line) -> bool:
    """`series`: of the calendar, which knows the time zones. True as well where a rule is too much to be followed."""
    zones = [each for each in calendar.parts if each.name == "VTIMEZONE"]
    head = [each for each in calendar.items if isinstance(each, Line)]
    alone = replace(calendar, items=(*head, *zones, series.without({"EXDATE"})))
    try:
        read = valid_object(lines.parse(alone.render()))
        wanted = moment_of(_read(recurrence), Zones(read.root))
        if not read.series.recurs:
            return False
        at = wanted.seconds(UTC) * 1000
        near = read.series.occurrences(at - AROUND_MS, at + AROUND_MS, UTC, Budget(MAX_STEPS))
        return any(_is_at(each, wanted) for each in islice(near, MAX_LOOKED_AT))
    except (InvalidCalendarData, UnsupportedComponent):
        return False
    except BudgetSpent:
        return True


def _read(line: Line) -> lines.Line:
    return next(read for _, _, read in lines.content_lines(line.octets))


def _is_at(found: Occurrence, wanted: Moment) -> bool:
    start = found.start
    if start is None:
        return False
    if start.is_date or wanted.is_date:
        return start.local.date() == wanted.local.date()
    if start.zone is None or wanted.zone is None:
        return start.local == wanted.local
    return start.seconds(UTC) == wanted.seconds(UTC)
