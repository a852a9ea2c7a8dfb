"""Where DATA ends, dots, and bare CR and LF: the same for every cut of the reads."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.wire.line_ends import DataReader, LineEnds
from tests.growth import is_linear

CHUNK = 65_536


def read(*pieces: bytes) -> tuple[bytes, bytes | None]:
    reader = DataReader()
    content = b""
    rest = b""
    for piece in pieces:
        if reader.rest is None:
            content += reader.feed(piece)
        else:
            rest += piece
    return content, None if reader.rest is None else reader.rest + rest


def stuffed(content: bytes) -> bytes:
    """What an honest client sends for content that ends with CRLF, RFC 5321 §4.5.2."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", content) + b".\r\n"


@pytest.mark.parametrize(
    ("sent", "content", "rest"),
    [
        (b"Hi\r\n.\r\n", b"Hi\r\n", b""),
        (b".\r\n", b"", b""),  # an empty message
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"...\r\n.\r\n", b"..\r\n", b""),
        (b".x\r\n.\r\n", b"x\r\n", b""),
        (b"a\r\n..b\r\n.c\r\n.\r\n", b"a\r\n.b\r\nc\r\n", b""),
        (b"a\r\n.\r\nMAIL FROM:<>\r\n", b"a\r\n", b"MAIL FROM:<>\r\n"),
        (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
        (b"a.\r\n.b.\r\n.\r\n", b"a.\r\nb.\r\n", b""),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n", b""),
    ],
)
def test_data_ends_and_dots_go(sent: bytes, content: bytes, rest: bytes) -> None:
    assert read(sent) == (content, rest)
    assert read(*(sent[i : i + 1] for i in range(len(sent)))) == (content, rest)


SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\n\n.\n\n",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\r\n.\n",
    b"\r\n .\r\n",
]


@pytest.mark.parametrize("end", SMUGGLED)
def test_nothing_but_crlf_dot_crlf_ends_data(end: bytes) -> None:
    sent = b"Subject: x\r\n\r\none" + end + b"MAIL FROM:<evil@example.org>\r\n.\r\n"
    content, rest = read(sent)
    assert rest == b""
    assert b"MAIL FROM:<evil@example.org>" in content
    # Only where a line of nothing but other octets stands between are all line ends proper.
    line_ends = LineEnds(normalise=False)
    line_ends.feed(content)
    assert line_ends.improper == (end not in {b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n .\r\n"})


@pytest.mark.parametrize("end", SMUGGLED)
def test_what_is_normalised_has_no_bare_line_end_left(end: bytes) -> None:
    line_ends = LineEnds(normalise=True)
    out = line_ends.feed(b"one" + end) + line_ends.feed(b"two\r\n") + line_ends.finish()
    assert out.count(b"\r\n") == out.count(b"\r") == out.count(b"\n")


OCTETS = st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r", b"\n", b"\0"]), max_size=30).map(b"".join)


@given(OCTETS, st.lists(st.integers(0, 60)))
def test_read_borders_do_not_matter(content: bytes, cuts: list[int]) -> None:
    stream = content + b"\r\n.\r\nQUIT\r\n"
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert read(*pieces) == read(stream)


@given(OCTETS)
def test_content_survives_dot_stuffing(content: bytes) -> None:
    content += b"\r\n"
    assert read(stuffed(content)) == (content, b"")


@given(OCTETS, st.lists(st.integers(0, 60)), st.booleans())
def test_line_ends_do_not_see_read_borders(content: bytes, cuts: list[int], normalise: bool) -> None:
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieced, whole = LineEnds(normalise), LineEnds(normalise)
    out = b"".join(pieced.feed(content[a:b]) for a, b in pairwise(edges)) + pieced.finish()
    assert out == whole.feed(content) + whole.finish()
    assert pieced.improper == whole.improper == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", content))
    if not normalise:
        assert out == content
    else:
        assert out == re.sub(rb"\r\n|\r|\n", b"\r\n", content)


def test_a_line_without_end_is_not_held_back() -> None:
    reader = DataReader()
    assert sum(len(reader.feed(b"x" * CHUNK)) for _ in range(16)) == 16 * CHUNK


@pytest.mark.parametrize("piece", [b"\r\n.", b".\r\n", b"\r\n..", b"\r\n", b"\r", b"\n.", b"x" * 998 + b"\r\n"])
def test_time_is_linear_in_octets(piece: bytes) -> None:
    def read(count: int) -> Callable[[], object]:
        data = piece * count

        def work() -> None:
            reader, line_ends = DataReader(), LineEnds(normalise=True)
            for at in range(0, len(data), CHUNK):
                if reader.rest is None:
                    line_ends.feed(reader.feed(data[at : at + CHUNK]))

        return work

    assert is_linear(read, (2 << 20) // len(piece))
