"""When alarms ring. RFC 5545 §3.6.6, §3.8.6."""

import re
from dataclasses import dataclass

from mailserver.errors import InvalidCalendarData
from mailserver.ical.lines import Component
from mailserver.ical.times import Duration, Moment, duration_of, moment_of
from mailserver.ical.zones import Zones

MAX_REPEATS = 1_000  # of one alarm

_TIME = re.compile(r"\s*\d{8}T", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Relative to the start or the end of each occurrence, or once at a time of its own."""

    offset: Duration
    is_from_end: bool
    absolute: Moment | None
    repeats: int
    pause: int  # seconds between repetitions

    def rings(self, anchor: int, start: int, end: int) -> bool:
        """Whether it or a repetition is in the range (milliseconds); `anchor`: seconds since the epoch."""
        first = anchor * 1000 + self._offset_ms
        pause = self.pause * 1000
        passed = -((first - start) // pause) if first < start and pause else 0
        return passed <= self.repeats and start <= first + passed * pause < end

    @property
    def _offset_ms(self) -> int:
        """Days are 24 hours: nobody is woken at another hour for it."""
        return (self.offset.days * 86_400 + self.offset.seconds) * 1000

    @property
    def margins(self) -> tuple[int, int]:
        """Milliseconds: how much earlier and later than its anchor it rings at most, with a second to spare."""
        return self._offset_ms - 1000, self._offset_ms + self.pause * self.repeats * 1000 + 1000


def trigger_of(alarm: Component, zones: Zones) -> Trigger | None:
    """None where it can not be read: such an alarm never rings."""
    line = alarm.line("TRIGGER")
    if line is None:
        return None
    try:
        repeats, pause = _repeats(alarm)
        if (line.param("VALUE") or "").upper() == "DATE-TIME" or _TIME.match(line.value):  # some leave VALUE out
            return Trigger(Duration(0, 0), False, moment_of(line, zones), repeats, pause)
        from_end = (line.param("RELATED") or "").upper() == "END"
        return Trigger(duration_of(line.value), from_end, None, repeats, pause)
    except InvalidCalendarData:
        return None


def _repeats(alarm: Component) -> tuple[int, int]:
    count, pause = (alarm.value("REPEAT") or "").strip(), alarm.value("DURATION")
    if pause is None or not count.isascii() or not count.isdigit() or len(count) > 9:
        return 0, 0
    length = duration_of(pause)
    return min(int(count), MAX_REPEATS), max(0, length.days * 86_400 + length.seconds)
