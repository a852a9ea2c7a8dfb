"""Messages on their way out: stuffing, the end mark, TOP."""

import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.pop3.wire.content import Stuffer, Top

MESSAGES = st.lists(
    st.sampled_from([b".", b"..", b"\r\n", b"\n", b"\r", b"a", b"A: 1\r\n", b"\r\n\r\n", b"\r\n.\r\n", b"\n.\n"])
).map(b"".join)
CUTS = st.lists(st.integers(0, 60))


def pieces(message: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    return [message[a:b] for a, b in pairwise(edges)]


def sent(parts: list[bytes]) -> bytes:
    stuffer = Stuffer()
    return b"".join([*map(stuffer.feed, parts), stuffer.finish()])


def top(parts: list[bytes], lines: int) -> bytes:
    cutter, taken = Top(lines), b""
    for part in parts:
        if cutter.done:
            break
        taken += cutter.feed(part)
    return taken


@pytest.mark.parametrize(
    ("message", "octets"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n..c\r\n", b"a\r\n..b\r\n...c\r\n.\r\n"),
        (b"a.\r\n", b"a.\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),  # the end mark needs a line of its own
        (b"a\n", b"a\n\r\n.\r\n"),
        (b"a\r", b"a\r\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\n..\nb\r\n.\r\n"),  # clients that read by LF must not take it for the end
        (b"", b".\r\n"),
    ],
)
def test_stuffed(message: bytes, octets: bytes) -> None:
    assert sent([message]) == octets


@given(MESSAGES, CUTS)
def test_stuffing_does_not_see_where_pieces_end(message: bytes, cuts: list[int]) -> None:
    assert sent(pieces(message, cuts)) == sent([message])


@given(MESSAGES)
def test_a_client_that_reads_by_lf_gets_the_message_back(message: bytes) -> None:
    """As poplib and fetchmail do: a line of a single dot ends, a dot before another one goes."""
    lines = io.BytesIO(sent([message])).readlines()
    end = lines.index(b".\r\n")
    assert end == len(lines) - 1
    got = b"".join(line[1:] if line.startswith(b".") else line for line in lines[:end])
    assert got == message or got == message + b"\r\n"
    assert got.endswith(b"\r\n") or not got


@pytest.mark.parametrize(
    ("message", "lines", "taken"),
    [
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 0, b"A: 1\r\n\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 1, b"A: 1\r\n\r\none\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 2, b"A: 1\r\n\r\none\r\ntwo\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 9, b"A: 1\r\n\r\none\r\ntwo\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo", 2, b"A: 1\r\n\r\none\r\ntwo"),
        (b"A: 1\r\n\r\n\r\n\r\n", 1, b"A: 1\r\n\r\n\r\n"),
        (b"\r\none\r\ntwo\r\n", 1, b"\r\none\r\n"),  # no header
        (b"A: 1\n\none\ntwo\n", 1, b"A: 1\n\none\n"),
        (b"A: 1\r\nB: 2\r\n", 5, b"A: 1\r\nB: 2\r\n"),  # no body
        (b"", 5, b""),
    ],
)
def test_top(message: bytes, lines: int, taken: bytes) -> None:
    assert top([message], lines) == taken


@given(MESSAGES, st.integers(0, 6), CUTS)
def test_top_is_header_and_lines_however_it_is_read(message: bytes, lines: int, cuts: list[int]) -> None:
    found = re.search(rb"(?:\A|(?<=\n))\r?\n", message)
    expected = message
    if found:
        body = io.BytesIO(message[found.end() :]).readlines()
        expected = message[: found.end()] + b"".join(body[:lines])
    assert top([message], lines) == expected
    assert top(pieces(message, cuts), lines) == expected
