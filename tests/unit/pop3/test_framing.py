"""Command lines out of a stream that was cut anywhere."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.pop3.wire.framing import MAX_OVERLONG, LineFramer, LineTooLong, NotALine
from tests.growth import is_linear

LIMIT = 20


def lines_of(*pieces: bytes) -> list[bytes | str]:
    framer = LineFramer()
    return [line for piece in pieces for line in _after(framer, piece)]


def _after(framer: LineFramer, piece: bytes) -> Iterator[bytes | str]:
    framer.feed(piece)
    while True:
        try:
            line = framer.next(LIMIT)
        except LineTooLong:
            yield "too long"
            continue
        except NotALine:
            yield "not a line"
            return
        if line is None:
            return
        yield line


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"NOOP\r\nQUIT\r\n", [b"NOOP", b"QUIT"]),
        (b"\r\n", [b""]),
        (b"NOOP\r\nQU", [b"NOOP"]),
        (b"NOOP\nQUIT\r\n", [b"NOOP", b"QUIT"]),  # typed by hand
        (b"NO\rOP\r\n", [b"NO\rOP"]),  # no command has that name
        (b"NOOP\r\r\n", [b"NOOP\r"]),
        (b"x" * 18 + b"\r\n", [b"x" * 18]),
        (b"x" * 19 + b"\r\nNOOP\r\n", ["too long", b"NOOP"]),
        (b"x" * 500 + b"\r\nNOOP\r\n", ["too long", b"NOOP"]),
        (b"x" * (MAX_OVERLONG + 1), ["not a line"]),
    ],
)
def test_lines(stream: bytes, lines: list[bytes | str]) -> None:
    assert lines_of(stream) == lines


@given(
    st.lists(st.sampled_from([b"NOOP\r\n", b"LIST 1\r\n", b"\r\n", b"\n", b"\r", b"x" * 7, b"x" * 30, b"\0", b"\xff"])),
    st.lists(st.integers(0, 200)),
)
def test_lines_do_not_see_read_borders(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert lines_of(*(stream[a:b] for a, b in pairwise(edges))) == lines_of(stream)


@given(st.binary(max_size=300))
def test_any_octets_are_cut_and_no_long_line_is_kept(stream: bytes) -> None:
    assert all(line == "too long" or len(line) < LIMIT for line in lines_of(stream))


def test_a_long_pipeline_costs_what_it_is_long() -> None:
    assert is_linear(lambda n: lambda: lines_of(b"NOOP\r\n" * n), 100_000)


def test_single_octets_cost_what_they_are() -> None:
    assert is_linear(lambda n: lambda: lines_of(*[b"x"] * n), 100_000)
