"""What is looked for in a contact: names, addresses, numbers, days. RFC 6350 §6, and 2.1 and 3.0 in the same words.

Groups do not matter here: `item1.EMAIL` is an EMAIL.
"""

import re
from calendar import isleap
from dataclasses import dataclass

from mailserver.vcard.lines import Card, Line
from mailserver.vcard.values import components, text

MAX_LISTED = 100  # addresses, numbers and members that are looked at; a list is a group with thousands
MAX_FIELD = 1000  # characters of one that is looked for

_GROUP_KINDS = ("KIND", "X-ADDRESSBOOKSERVER-KIND")
_DAY = re.compile(r"(\d{4}|--)-?(\d\d)-?(\d\d)(?:[T ].*)?")
_APPLE_YEAR = "X-APPLE-OMIT-YEAR"  # the year that stands for none: 1604
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LABEL = re.compile(r"_\$!<(.*)>!\$_")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the year; the year is None where nobody told it."""

    year: int | None
    month: int
    day: int

    def __str__(self) -> str:
        return f"{'-' if self.year is None else format(self.year, '04')}-{self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class Fields:
    uid: str  # "" where it has none
    full_name: str
    given_name: str
    family_name: str
    nickname: str
    organization: str
    emails: tuple[str, ...]  # preferred first, then as written
    phones: tuple[str, ...]
    is_group: bool
    birthday: Day | None
    anniversary: Day | None


def read_fields(card: Card) -> Fields:
    named = dict[str, list[Line]]()
    for line in card.lines:
        named.setdefault(line.name, []).append(line)
    name = components(_value(named, "N"), 2)
    emails = _contacts(named.get("EMAIL", []), "mailto:")
    return Fields(
        text(_value(named, "UID")).strip(),
        _full_name(named, name, emails),
        name[1][:MAX_FIELD],
        name[0][:MAX_FIELD],
        text(_value(named, "NICKNAME"))[:MAX_FIELD],
        ", ".join(filter(None, components(_value(named, "ORG"), 1)))[:MAX_FIELD],
        emails,
        _contacts(named.get("TEL", []), "tel:"),
        any(_value(named, each).strip().lower() == "group" for each in _GROUP_KINDS),
        _day(named.get("BDAY", []) or named.get("X-BIRTHDAY", [])),
        _day(named.get("ANNIVERSARY", []) or named.get("X-ANNIVERSARY", []) or _labelled(named, "Anniversary")),
    )


def day(value: str) -> Day | None:
    """1980-02-29, 19800229, --0229, 1980-02-29T00:00:00Z; None for what names no day. RFC 6350 §4.3.1, §6.2.5."""
    found = _DAY.fullmatch(value.strip())
    if found is None:
        return None
    year = None if found[1] == "--" else int(found[1])
    month, number = int(found[2]), int(found[3])
    if not 1 <= month <= 12 or not 1 <= number <= _LENGTHS[month - 1] or year == 0:
        return None
    if (month, number) == (2, 29) and year is not None and not isleap(year):
        return None
    return Day(year, month, number)


def _full_name(named: dict[str, list[Line]], name: list[str], emails: tuple[str, ...]) -> str:
    """FN; where it is empty, as some phones send it, what a person would be found by."""
    written = text(_value(named, "FN")).strip()
    instead = " ".join(filter(None, (name[1], name[0]))) or text(_value(named, "ORG")).strip(";")
    return (written or instead or next(iter(emails), ""))[:MAX_FIELD]


def _value(named: dict[str, list[Line]], name: str) -> str:
    return next((line.value for line in named.get(name, ()) if line.value), "")


def _contacts(lines: list[Line], scheme: str) -> tuple[str, ...]:
    if len(lines) > 1:
        lines = sorted(lines[:MAX_LISTED], key=_preference)
    found = dict[str, None]()
    for line in lines[:MAX_LISTED]:
        value = text(line.value).strip()[:MAX_FIELD]
        found[value[len(scheme) :] if value.lower().startswith(scheme) else value] = None
    found.pop("", None)
    return tuple(found)


def _preference(line: Line) -> int:
    """PREF=1 of 4.0 is first, TYPE=pref of 3.0 the same; 101 where nothing is said."""
    number = next(iter(line.values_of("PREF")), "")
    if number.isascii() and number.isdigit():
        return int(number[:4])
    return 1 if "pref" in line.types else 101


def _day(lines: list[Line]) -> Day | None:
    for line in lines:
        found = day(text(line.value))
        if found is not None:
            omitted = line.values_of(_APPLE_YEAR)
            return Day(None, found.month, found.day) if str(found.year) in omitted else found
    return None


def _labelled(named: dict[str, list[Line]], label: str) -> list[Line]:
    """Apple's: item1.X-ABDATE with item1.X-ABLabel:_$!<Anniversary>!$_ beside it."""
    dates = named.get("X-ABDATE", [])
    if not dates:
        return []
    groups = {line.group for line in named.get("X-ABLABEL", []) if _LABEL.sub(r"\1", line.value) == label}
    return [line for line in dates if line.group is not None and line.group in groups]


def members(card: Card) -> list[str]:
    """UIDs or addresses of a group's members, as written: MEMBER of 4.0, X-ADDRESSBOOKSERVER-MEMBER of Apple."""
    lines = [line for line in card.lines if line.name in ("MEMBER", "X-ADDRESSBOOKSERVER-MEMBER")]
    return [text(line.value) for line in lines]
