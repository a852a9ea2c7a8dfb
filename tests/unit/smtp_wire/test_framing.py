"""Command lines and replies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import NoSuchUser, Refusal
from mailserver.smtp.wire import replies
from mailserver.smtp.wire.framing import MAX_OVERLONG, Framing, LineTooLong, NotALine

LIMIT = 20


def cut(*pieces: bytes) -> list[bytes | str]:
    framing = Framing()
    seen: list[bytes | str] = []
    for piece in pieces:
        framing.feed(piece)
        while True:
            try:
                line = framing.line(LIMIT)
            except (LineTooLong, NotALine) as fault:
                seen.append(type(fault).__name__)
                if isinstance(fault, NotALine):
                    return seen
                continue
            if line is None:
                break
            seen.append(line)
    return seen


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"NOOP\r\nQUIT\r\n", [b"NOOP", b"QUIT"]),
        (b"\r\n", [b""]),
        (b"NOOP\r\nQU", [b"NOOP"]),
        (b"x" * 18 + b"\r\n", [b"x" * 18]),
        (b"x" * 19 + b"\r\nNOOP\r\n", ["LineTooLong", b"NOOP"]),
        (b"x" * 500 + b"\r\nNOOP\r\n", ["LineTooLong", b"NOOP"]),
        (b"NOOP\n", ["NotALine"]),
        (b"\n", ["NotALine"]),
        (b"NO\rOP\r\n", ["NotALine"]),
        (b"NOOP\r\r\n", ["NotALine"]),
        (b"NOOP\r\nQUIT\n", [b"NOOP", "NotALine"]),
        (b"x" * (MAX_OVERLONG + 1), ["NotALine"]),
    ],
)
def test_lines_end_with_crlf_and_have_a_bound(stream: bytes, lines: list[bytes | str]) -> None:
    assert cut(stream) == lines


@given(st.lists(st.integers(0, 80)))
def test_read_borders_do_not_matter(cuts: list[int]) -> None:
    stream = b"EHLO a\r\n" + b"x" * 40 + b"\r\nMAIL\r\n\r\nQUIT\r\n"
    edges = [0, *sorted(min(c, len(stream)) for c in cuts), len(stream)]
    assert cut(*(stream[a:b] for a, b in pairwise(edges))) == cut(stream)


def test_an_overlong_line_is_not_kept() -> None:
    framing = Framing()
    for _ in range(100):
        framing.feed(b"x" * 1000)
        assert framing.line(LIMIT) is None
        assert len(framing) == 0


def test_what_follows_a_line_is_taken_as_it_is() -> None:
    framing = Framing()
    framing.feed(b"DATA\r\n\n.\n")
    assert framing.line(LIMIT) == b"DATA"
    assert framing.take() == b"\n.\n"
    assert framing.take() == b""
    framing.feed(b"T\r\n")
    framing.put_back(b"QUI")
    assert framing.line(LIMIT) == b"QUIT"


def test_a_reply_is_one_line_of_ascii() -> None:
    class Odd(Refusal):
        smtp, text = "550 5.1.1", "no\r\n250 such ü " + "x" * 1000

    reply = replies.refused(Odd())
    assert reply.startswith(b"550 5.1.1 no??250 such ? xxx")
    assert reply.endswith(b"\r\n")
    assert reply.count(b"\r\n") == 1
    assert len(reply) <= 512
    assert replies.refused(NoSuchUser()) == b"550 5.1.1 No such user here\r\n"
    assert replies.lines("250", ["a", "b", "c"]) == b"250-a\r\n250-b\r\n250 c\r\n"
