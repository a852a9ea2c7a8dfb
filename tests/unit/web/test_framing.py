"""Requests are cut out of a stream in one way only; whatever could be cut in two ways is refused."""

import contextlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.web.framing import (
    MAX_BODY_OCTETS,
    MAX_HEAD_OCTETS,
    MAX_HEADERS,
    MAX_SMALL_CHUNKS,
    MAX_TARGET_OCTETS,
    BadFraming,
    Framing,
)
from tests.growth import is_linear

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
REQUESTS = [GET, PUT, CHUNKED, GET]
STREAM = b"".join(REQUESTS)


def taken(framing: Framing) -> list[bytes]:
    """Request by request, as somebody does who answers each before the next."""
    requests, request = [], b""
    while piece := framing.take(may_begin=not request):
        request += piece
        if framing.in_head:
            requests.append(request)
            request = b""
    return [*requests, request] if request else requests


def head(*lines: str, method: str = "PUT") -> bytes:
    return "\r\n".join([f"{method} /x HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


def test_one_request_is_taken_at_a_time() -> None:
    framing = Framing()
    framing.add(STREAM)
    assert taken(framing) == REQUESTS
    assert framing.is_between


def test_the_next_request_waits_until_it_may_begin() -> None:
    framing = Framing()
    framing.add(GET + GET)
    assert framing.take(may_begin=True) == GET
    assert framing.take(may_begin=False) == b""
    assert framing.waiting == len(GET)


@given(st.lists(st.integers(0, len(STREAM))))
def test_borders_of_reads_do_not_matter(cuts: list[int]) -> None:
    framing, got, begun = Framing(), b"", False
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(edges):
        framing.add(STREAM[start:end])
        while piece := framing.take(may_begin=not begun):
            got += piece
            begun = not framing.in_head
    assert got == STREAM
    assert framing.is_between


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(head("Content-Length: 5", "Transfer-Encoding: chunked"), 400, id="CL.TE"),
        pytest.param(head("Transfer-Encoding: chunked", "Content-Length: 5"), 400, id="TE.CL"),
        pytest.param(head("Content-Length: 5", "Content-Length: 5"), 400, id="two lengths that agree"),
        pytest.param(head("Content-Length: 5", "Content-Length: 6"), 400, id="two lengths that do not"),
        pytest.param(head("Content-Length: 5, 5"), 400, id="two lengths in one"),
        pytest.param(head("Content-Length: +5"), 400, id="a sign"),
        pytest.param(head("Content-Length: -5"), 400, id="a negative one"),
        pytest.param(head("Content-Length: 0x5"), 400, id="hexadecimal"),
        pytest.param(head("Content-Length: 5_0"), 400, id="an underscore, which int() takes"),
        pytest.param(head("Content-Length: \u00b2"), 400, id="a superscript, which isdigit() takes"),
        pytest.param(head("Content-Length:"), 400, id="no length"),
        pytest.param(head("Content-Length: 99999999999999999999"), 400, id="more digits than a length has"),
        pytest.param(head(f"Content-Length: {MAX_BODY_OCTETS + 1}"), 413, id="more than anything takes"),
        pytest.param(head("Transfer-Encoding: xchunked"), 400, id="another coding"),
        pytest.param(head("Transfer-Encoding: gzip, chunked"), 400, id="a coding more"),
        pytest.param(head("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), 400, id="TE.TE"),
        pytest.param(head("Transfer-Encoding : chunked"), 400, id="space before the colon"),
        pytest.param(head("Transfer-Encoding:\x0bchunked"), 400, id="a vertical tab"),
        pytest.param(head("X: a\r\n b"), 400, id="a folded line"),
        pytest.param(head(" X: a"), 400, id="space before the name"),
        pytest.param(head("X: a\nY: b"), 400, id="bare LF"),
        pytest.param(head("X: a\rY: b"), 400, id="bare CR"),
        pytest.param(head("X: a\0b"), 400, id="NUL in a value"),
        pytest.param(head("X\0: a"), 400, id="NUL in a name"),
        pytest.param(head("no colon"), 400, id="a line that is no field"),
        pytest.param(head("Host: y"), 400, id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="two spaces"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400, id="another version"),
        pytest.param(b"GET /\r\n\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, id="LF alone throughout"),
        pytest.param("GET /ü HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400, id="a target that is not ASCII"),
        pytest.param(b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunks in HTTP/1.0"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(head(method="TRACE"), 501, id="TRACE"),
        pytest.param(head(method="CONNECT"), 501, id="CONNECT"),
        pytest.param(head(method="get"), 501, id="methods have a case"),
        pytest.param(b"GET /" + b"x" * MAX_TARGET_OCTETS + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, id="a long target"),
        pytest.param(b"GET /" + b"x" * MAX_TARGET_OCTETS, 414, id="its end is not waited for"),
        pytest.param(head("X: " + "x" * MAX_HEAD_OCTETS), 431, id="a long header"),
        pytest.param(GET[:-2] + b"X: " + b"x" * MAX_HEAD_OCTETS, 431, id="nor is its end waited for"),
        pytest.param(head(*["X: x"] * MAX_HEADERS), 431, id="many fields"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(sent: bytes, status: int) -> None:
    framing = Framing()
    framing.add(sent)
    with pytest.raises(BadFraming) as refused:
        taken(framing)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"5;ext=1\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"000000005\r\nhello\r\n0\r\n\r\n",
        b"FFFFFFFF\r\nhello",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nX: trailer\r\n\r\n",
        b"1\r\nx\r\n" * (MAX_SMALL_CHUNKS + 1),
    ],
)
def test_chunks_have_a_size_and_nothing_else(body: bytes) -> None:
    framing = Framing()
    framing.add(head("Transfer-Encoding: chunked") + body)
    with pytest.raises(BadFraming):
        taken(framing)


def test_nothing_is_upgraded_to() -> None:
    """A parser that believed it would take what follows for another protocol."""
    framing = Framing()
    framing.add(head("Connection: Upgrade", "upgrade: h2c", "Content-Length: 2") + b"hi" + GET)
    requests = taken(framing)
    assert len(requests) == 2
    assert b"h2c" not in requests[0]


def test_an_empty_line_before_a_request_is_passed_over() -> None:
    """RFC 9112 §2.2: old clients send one after a body."""
    framing = Framing()
    framing.add(b"\r\n" + GET)
    assert taken(framing)[0].lstrip() == GET


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Upgrade"])
def test_a_field_costs_as_much_as_it_is_long(name: str) -> None:
    """Nobody has logged in yet: spaces in Host held the whole server for seconds."""

    def work(spaces: int) -> Callable[[], object]:
        head = f"GET / HTTP/1.1\r\n{name}: x{' ' * spaces}y\r\n\r\n".encode()
        return lambda: _taken_or_refused(head)

    assert is_linear(work, MAX_HEAD_OCTETS // 2 - 100)


def _taken_or_refused(head: bytes) -> None:
    framing = Framing()
    framing.add(head)
    with contextlib.suppress(BadFraming):
        framing.take(may_begin=True)
