"""Calendar objects made by chance, and when they are in a time range by the letter of the RFCs.

The second opinion: the table of RFC 4791 §9.9 copied out row by row, and dateutil for rules. It shares nothing with
the server but the text of the object.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from random import Random
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

YEARS = timedelta(days=13 * 366)  # around what is asked, where it is open: dateutil goes through each one

ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")]
RULES = [
    "FREQ=DAILY;COUNT=5", "FREQ=DAILY;INTERVAL=9", "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=20",
    "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=TH", "FREQ=YEARLY;BYYEARDAY=-1,100",
    "FREQ=DAILY;UNTIL={until}", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO", "FREQ=HOURLY;INTERVAL=30;COUNT=40",
]  # fmt: skip


@dataclass(frozen=True)
class When:
    """A DATE or a DATE-TIME: naive by the wall clock, with the zone it is of."""

    local: datetime
    zone: tzinfo | None
    is_date: bool = False

    def line(self, name: str) -> str:
        if self.is_date:
            return f"{name};VALUE=DATE:{self.local:%Y%m%d}"
        if self.zone is UTC:
            return f"{name}:{self.local:%Y%m%dT%H%M%SZ}"
        tzid = f";TZID={self.zone}" if self.zone else ""
        return f"{name}{tzid}:{self.local:%Y%m%dT%H%M%S}"

    def plus(self, length: timedelta) -> "When":
        return When(self.local + length, self.zone, self.is_date)

    def instant(self, floating: tzinfo) -> datetime:
        return self.local.replace(tzinfo=self.zone or floating).astimezone(UTC)


@dataclass
class Made:
    """One component: its times and what stands beside them."""

    kind: str
    start: When | None = None
    end: When | None = None  # DTEND or DUE
    duration: timedelta | None = None
    completed: datetime | None = None
    created: datetime | None = None
    rule: str = ""
    excluded: list[When] = field(default_factory=list)
    added: list[When] = field(default_factory=list)
    recurrence_id: When | None = None
    is_from_then: bool = False  # RANGE=THISANDFUTURE

    def text(self, uid: str) -> str:
        lines = [f"BEGIN:{self.kind}", f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
        lines += [self.start.line("DTSTART")] if self.start else []
        lines += [self.end.line("DUE" if self.kind == "VTODO" else "DTEND")] if self.end else []
        if self.duration is not None:
            seconds = int(self.duration.total_seconds())
            lines.append(f"DURATION:P{seconds // 86_400}D" if seconds % 86_400 == 0 else f"DURATION:PT{seconds}S")
        lines += [f"COMPLETED:{self.completed:%Y%m%dT%H%M%SZ}"] if self.completed else []
        lines += [f"CREATED:{self.created:%Y%m%dT%H%M%SZ}"] if self.created else []
        lines += [f"RRULE:{self.rule}"] if self.rule else []
        lines += [each.line("EXDATE") for each in self.excluded] + [each.line("RDATE") for each in self.added]
        if self.recurrence_id:
            range_ = "RECURRENCE-ID;RANGE=THISANDFUTURE" if self.is_from_then else "RECURRENCE-ID"
            lines.append(self.recurrence_id.line(range_))
        return "".join(f"{line}\r\n" for line in [*lines, f"END:{self.kind}"])


def octets(uid: str, parts: list[Made]) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(part.text(uid) for part in parts)}END:VCALENDAR\r\n".encode()


# ---- made by chance ----


def some_object(chance: Random, now: datetime) -> list[Made]:
    kind = chance.choice(["VEVENT", "VEVENT", "VEVENT", "VTODO", "VTODO", "VJOURNAL"])
    days = chance.choice([chance.randint(-40, 40), chance.randint(-1500, 1500)])
    local = (now + timedelta(days=days)).replace(tzinfo=None, microsecond=0, second=0)
    local = local.replace(hour=chance.choice([0, 1, 2, 3, 12, 22, 23]), minute=chance.choice([0, 0, 30]))
    if chance.random() < 0.2:  # a night on which clocks change
        local = local.replace(year=2026, month=chance.choice([3, 10]), day=chance.choice([28, 29, 24, 25]))
    form = chance.choice(["utc", "zone", "zone", "floating", "date"])
    zone = {"utc": UTC, "zone": chance.choice(ZONES)}.get(form)
    start = When(local.replace(hour=0, minute=0) if form == "date" else local, zone, form == "date")
    made = Made(kind, start)
    if kind == "VTODO" and chance.random() < 0.5:
        return [_task_without_start(chance, made, now)]
    _add_length(chance, made, start)
    if chance.random() < 0.5:
        return [made, *_add_recurrence(chance, made, start)]
    return [made]


def _task_without_start(chance: Random, made: Made, now: datetime) -> Made:
    made.start, start = None, made.start
    which = chance.choice(["due", "completed", "created", "both", "none"])
    stamp = now.replace(microsecond=0) + timedelta(days=chance.randint(-100, 100))
    made.end = start if which == "due" else None
    made.completed = stamp if which in {"completed", "both"} else None
    made.created = stamp - timedelta(days=chance.randint(-30, 30)) if which in {"created", "both"} else None
    return made


def _add_length(chance: Random, made: Made, start: When) -> None:
    if start.is_date:
        length = timedelta(days=chance.choice([1, 1, 2, 40]))
    else:
        length = chance.choice([timedelta(minutes=30), timedelta(hours=3), timedelta(hours=30), timedelta(days=9)])
    which = chance.choice(["end", "duration", "none"])
    if which == "duration" and made.kind != "VJOURNAL":
        made.duration = chance.choice([length, length, timedelta(0)]) if not start.is_date else length
    elif which == "end" and made.kind != "VJOURNAL":
        made.end = start.plus(length if made.kind == "VEVENT" or chance.random() < 0.8 else -length)


def _add_recurrence(chance: Random, made: Made, start: When) -> list[Made]:
    until = start.plus(timedelta(days=chance.randint(0, 60)))
    said = f"{until.local:%Y%m%d}" if start.is_date or start.zone is None else f"{until.instant(UTC):%Y%m%dT%H%M%SZ}"
    rules = [rule for rule in RULES if not (start.is_date and "HOURLY" in rule)]
    made.rule = chance.choice(rules).format(until=said)
    instances = list(_locals(made, start.local - timedelta(days=1), start.local + timedelta(days=1200)))[:30]
    if chance.random() < 0.4:
        made.excluded = [When(chance.choice(instances), start.zone, start.is_date)]
    if chance.random() < 0.3:
        made.added = [start.plus(timedelta(days=chance.randint(1, 400)))]
    if chance.random() < 0.5:
        original = When(chance.choice(instances), start.zone, start.is_date)
        moved = original.plus(timedelta(days=chance.choice([0, 1, -3, 60, 900])))
        other = Made(made.kind, moved, recurrence_id=original, is_from_then=chance.random() < 0.2)
        if other.is_from_then:  # moved far they would come in another order
            other.start = original.plus(timedelta(days=chance.choice([0, 1])))
        _add_length(chance, other, other.start or original)
        return [other]
    return []


# ---- the letter of the RFCs ----


def is_in(parts: list[Made], start: datetime | None, end: datetime | None, floating: tzinfo) -> bool:
    """Whether some instance is in the range; None where it is open."""
    return any(
        _meets(part, when, start or datetime.min.replace(tzinfo=UTC), end or datetime.max.replace(tzinfo=UTC), floating)
        for part, when in _instances(parts, start, end)
    )


def _instances(parts: list[Made], start: datetime | None, end: datetime | None) -> Iterator[tuple[Made, When | None]]:
    master, *overrides = parts
    yield from ((part, part.start) for part in overrides)
    if master.start is None or not master.rule:
        yield master, master.start
        return
    low = (start or (end or datetime.now(UTC)) - YEARS).replace(tzinfo=None) - timedelta(days=120)
    high = (end or (start or datetime.now(UTC)) + YEARS).replace(tzinfo=None) + timedelta(days=120)
    gone = {
        each.local for each in (*master.excluded, *(part.recurrence_id for part in overrides if part.recurrence_id))
    }
    for local in _locals(master, low, high):
        if local in gone:
            continue
        later = next((part for part in overrides if part.is_from_then and local >= _said(part).local), None)
        if later is not None and later.start is not None:
            shift = later.start.local - _said(later).local
            yield later, When(local + shift, later.start.zone, later.start.is_date)
        else:
            yield master, When(local, master.start.zone, master.start.is_date)


def _said(part: Made) -> When:
    assert part.recurrence_id is not None
    return part.recurrence_id


def _locals(made: Made, low: datetime, high: datetime) -> list[datetime]:
    """By the wall clock: DTSTART, RDATE and what dateutil makes of the rule."""
    assert made.start is not None
    rule = made.rule
    if "UNTIL=" in rule:
        head, _, until = rule.partition("UNTIL=")
        moment = datetime.strptime(until, "%Y%m%dT%H%M%SZ" if "T" in until else "%Y%m%d")  # noqa: DTZ007 - wall clock
        if "T" in until:
            moment = moment.replace(tzinfo=UTC).astimezone(made.start.zone).replace(tzinfo=None)
        else:
            moment += timedelta(seconds=86_399)
        rule = f"{head}UNTIL={moment:%Y%m%dT%H%M%S}"
    times = set(rrulestr(rule, dtstart=made.start.local).between(low, high, inc=True))
    return sorted({*times, made.start.local, *(each.local for each in made.added)})


def _ends(made: Made, when: When, floating: tzinfo) -> datetime:
    """Of an instance, RFC 5545 §3.8.5.3: DTEND means as many seconds each time, DURATION as many days."""
    begin = when.instant(floating)
    if made.end is not None and made.start is not None:
        if when.zone is None:
            return When(when.local + (made.end.local - made.start.local), None).instant(floating)
        return begin + (made.end.instant(floating) - made.start.instant(floating))
    if made.duration is not None:
        if made.duration.seconds == 0:
            return When(when.local + made.duration, when.zone).instant(floating)
        days, rest = timedelta(days=made.duration.days), timedelta(seconds=made.duration.seconds)
        exact = made.duration if made.duration.seconds else None
        return begin + exact if exact else When(when.local + days, when.zone).instant(floating) + rest
    if when.is_date and made.kind != "VTODO":
        return When(when.local + timedelta(days=1), None).instant(floating)
    return begin


def _meets(made: Made, when: When | None, start: datetime, end: datetime, floating: tzinfo) -> bool:
    return {"VEVENT": _event, "VTODO": _task, "VJOURNAL": _journal}[made.kind](made, when, start, end, floating)


def _event(made: Made, when: When | None, start: datetime, end: datetime, floating: tzinfo) -> bool:
    assert when is not None
    begins, ends = when.instant(floating), _ends(made, when, floating)
    return start < ends and end > begins if ends > begins else start <= begins and end > begins


def _journal(made: Made, when: When | None, start: datetime, end: datetime, floating: tzinfo) -> bool:
    if when is None:
        return False
    begins, ends = when.instant(floating), _ends(made, when, floating)
    return start < ends and end > begins if when.is_date else start <= begins and end > begins


def _task(made: Made, when: When | None, start: datetime, end: datetime, floating: tzinfo) -> bool:
    if when is not None:
        begins, ends = when.instant(floating), _ends(made, when, floating)
        if made.duration is not None:
            return start <= ends and (end > begins or end >= ends)
        if made.end is not None:
            return (start < ends or start <= begins) and (end > begins or end >= ends)
        return start <= begins and end > begins
    if made.end is not None:
        return start < made.end.instant(floating) and end >= made.end.instant(floating)
    completed, created = made.completed, made.created
    if completed and created:
        return (start <= created or start <= completed) and (end >= created or end >= completed)
    if completed:
        return start <= completed and end >= completed
    return end > created if created else True
