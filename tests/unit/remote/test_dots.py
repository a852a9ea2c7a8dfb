"""What leaves us after 354: only CRLF, every dot at a line's beginning doubled, one end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.remote.dots import DotStuffer
from mailserver.smtp.wire.line_ends import DataReader

CONTENT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\0", b"\r\n.\r\n", b"\xff"])).map(b"".join)


def stuffed(*pieces: bytes) -> bytes:
    stuffer = DotStuffer()
    return b"".join(map(stuffer.feed, pieces)) + stuffer.finish()


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n..\r\n", b"..\r\n...\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),  # what smuggles: no server sees an end in it
        (b"a\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"a\r\r\n", b"a\r\n\r\n.\r\n"),
        (b"\xff\0\r\n", b"\xff\0\r\n.\r\n"),
    ],
)
def test_lines_are_stuffed(content: bytes, sent: bytes) -> None:
    assert stuffed(content) == sent


@given(CONTENT, st.integers(1, 7))
def test_cuts_change_nothing_and_no_end_is_inside(content: bytes, size: int) -> None:
    sent = stuffed(*(content[at : at + size] for at in range(0, len(content), size)))
    assert sent == stuffed(content)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", sent)
    reader = DataReader()
    received = reader.feed(sent)
    assert reader.rest == b"", "one end of data, the last octets"
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert received == lines or received == lines + b"\r\n"
