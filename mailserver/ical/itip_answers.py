"""Answers that came while a client worked on an older copy: they are not written over. RFC 6638 §3.2.10."""

from mailserver.ical.itip_parties import PartStat, address, is_by_server, partstat
from mailserver.ical.itip_tree import Line, Part
from mailserver.ical.itip_views import whole

_STATUS = "SCHEDULE-STATUS"
_WHEN = ("DTSTART", "DTEND", "DURATION", "DUE", "RRULE")


def keep_answers(stored: Part, sent: Part, own: frozenset[str], *, all_of_them: bool = False) -> Part:
    """`sent` with the PARTSTAT of others as the stored object has it.

    Of an organizer's object only where the client says NEEDS-ACTION and the time is the same: whoever moves an event
    asks anew. `all_of_them`: of an attendee's copy, where others' answers are never his to write.
    """
    was, becomes = whole(stored).instances, whole(sent).instances
    keys = {id(component): key for key, component in becomes.items()}

    def change(each: Line | Part) -> Line | Part:
        known = was.get(keys[id(each)]) if isinstance(each, Part) and id(each) in keys else None
        if known is None or not isinstance(each, Part) or not (all_of_them or _is_same_time(known, each)):
            return each
        said = {address(line): partstat(line) for line in known.lines("ATTENDEE")}
        return each.mapped(lambda line: _kept(line, said, own, all_of_them))

    return sent.mapped(change)


def keep_status(stored: Part, sent: Part) -> Part:
    """`sent` with the SCHEDULE-STATUS that the stored object has of an attendee and a client left out."""
    was, becomes = whole(stored).instances, whole(sent).instances
    keys = {id(component): key for key, component in becomes.items()}

    def change(each: Line | Part) -> Line | Part:
        known = was.get(keys[id(each)]) if isinstance(each, Part) and id(each) in keys else None
        if known is None or not isinstance(each, Part):
            return each
        noted = {address(line): status for line in known.lines("ATTENDEE") if (status := line.param(_STATUS))}
        return each.mapped(lambda line: _noted(line, noted)) if noted else each

    return sent.mapped(change)


def _noted(line: Line | Part, noted: dict[str, str]) -> Line | Part:
    if not isinstance(line, Line) or line.name != "ATTENDEE" or line.param(_STATUS) or not is_by_server(line):
        return line
    status = noted.get(address(line))
    return line.with_params({_STATUS: status}) if status else line


def _kept(line: Line | Part, said: dict[str, str], own: frozenset[str], all_of_them: bool) -> Line | Part:
    if not isinstance(line, Line) or line.name != "ATTENDEE" or address(line) in own:
        return line
    earlier = said.get(address(line), "")
    is_open = partstat(line) == PartStat.NEEDS_ACTION
    if not earlier or earlier == partstat(line) or not (all_of_them or is_open):
        return line
    return line.with_params({"PARTSTAT": earlier})


def _is_same_time(one: Part, other: Part) -> bool:
    return all([each.value for each in one.lines(name)] == [each.value for each in other.lines(name)] for name in _WHEN)
