"""What a free-busy page is asked for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dav.free_busy_query import Asked, asked
from mailserver.errors import BadRequest
from mailserver.ical.filters import TimeRange

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", ms(2026, 3, 1), ms(2026, 4, 12)),
        ("start=2026-03-02", ms(2026, 3, 2), ms(2026, 4, 13)),
        ("start=20260302&end=20260303", ms(2026, 3, 2), ms(2026, 3, 3)),
        ("start=20260302T103000Z&period=PT2H", ms(2026, 3, 2, 10, 30), ms(2026, 3, 2, 12, 30)),
        ("start=2026-03-02T10:30:00%2B02:00&period=P1W", ms(2026, 3, 2, 8, 30), ms(2026, 3, 9, 8, 30)),
        ("start=2026-03-02T10:30:00+02:00&period=P1D", ms(2026, 3, 2, 8, 30), ms(2026, 3, 3, 8, 30)),
        ("start=2026-03-02T10:30:00-0800&period=P1D", ms(2026, 3, 2, 18, 30), ms(2026, 3, 3, 18, 30)),
        ("start=2026-03-02&other=1", ms(2026, 3, 2), ms(2026, 4, 13)),
    ],
)
def test_ways_to_ask(query: str, start: int, end: int) -> None:
    assert asked(query, NOW) == Asked(TimeRange(start, end), None)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("start=soon", "start is a day"),
        ("start=2026-02-30", "start is a day"),
        ("start=2026-03-02T25:00:00Z", "start is a day"),
        ("start=1026-03-02", "start is a day"),
        ("start=2026-03-02T10:00:00", "start is a day"),  # of no zone
        ("end=2026-02-01", "end comes after start"),
        ("period=P400D", "at most 370 days"),
        ("period=-P1D", "end comes after start"),
        ("period=long", "period is a duration"),
        ("period=P1D&end=2026-03-03", "not both"),
        ("start=%ff", "UTF-8"),
        ("&".join(f"a{n}=1" for n in range(30)), "name=value"),
    ],
)
def test_what_can_not_be_asked(query: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        asked(query, NOW)


@given(st.text(max_size=60), st.sampled_from(["start", "end", "period", "token"]))
def test_anything_is_answered_or_refused(text: str, name: str) -> None:
    try:
        found = asked(f"{name}={text}", NOW)
    except BadRequest:
        return
    assert found.window.start < found.window.end
