"""Replies of other servers: framed for every cut of the reads, judged by their codes alone."""

import contextlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.remote.replies import BadReply, Meaning, Reply, ReplyReader, Stage, meaning
from tests.growth import is_linear

STREAM = (
    b"220 mx.example.net ESMTP\r\n"
    b"250-mx.example.net\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
    b"550 5.1.1 No such user\r\n250\r\n354-\xff\r\n354 go\n"
)


def read(*pieces: bytes) -> list[Reply]:
    reader = ReplyReader()
    return [reply for piece in pieces for reply in reader.feed(piece)]


def reply(line: bytes) -> Reply:
    [found] = read(line + b"\r\n")
    return found


def test_lines_of_one_reply_are_one_reply() -> None:
    assert read(STREAM) == [
        Reply(220, ("mx.example.net ESMTP",)),
        Reply(250, ("mx.example.net", "SIZE 1000", "8BITMIME")),
        Reply(550, ("5.1.1 No such user",)),
        Reply(250, ("",)),
        Reply(354, ("\udcff", "go")),
    ]


@given(st.lists(st.integers(0, len(STREAM))))
def test_replies_do_not_see_read_borders(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in pairwise(edges))) == read(STREAM)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n",
        b"hello\r\n",
        b"25 short\r\n",
        b"2500 long\r\n",
        b"+25 signed\r\n",
        b" 250 early\r\n",
        b"150 wait\r\n",
        b"650 never\r\n",
        b"250_odd\r\n",
        b"\x16\x03\x01\x00\xa5\r\n",
        "２５０ wide\r\n".encode(),
        b"250 " + b"x" * 8192 + b"\r\n",
        b"x" * 8193,
        b"250-" + b"x" * 8000 + b"\r\n250-" + b"x" * 8000 + b"\r\n" + (b"250-" + b"x" * 8000 + b"\r\n") * 3,
    ],
)
def test_what_is_no_reply_is_told_apart(garbage: bytes) -> None:
    with pytest.raises(BadReply):
        read(garbage)


def test_the_longest_reply_is_read() -> None:
    lines = [b"250-" + b"x" * 1018 + b"\r\n"] * 31 + [b"250 " + b"x" * 1018 + b"\r\n"]
    [found] = read(b"".join(lines))
    assert sum(map(len, lines)) == 32_768
    assert len(found.lines) == 32


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_octets_give_replies_or_one_fault(octets: bytes, size: int) -> None:
    reader = ReplyReader()
    with contextlib.suppress(BadReply):
        for at in range(0, len(octets), size):
            for each in reader.feed(octets[at : at + size]):
                assert 200 <= each.code <= 599
                assert each.text.isprintable()


def test_drops_of_one_octet_cost_no_more_than_one_read() -> None:
    def drip(n: int) -> Callable[[], None]:
        def run() -> None:
            reader = ReplyReader(max_octets=n + 1, max_line=n + 1)
            for _ in range(n):
                reader.feed(b"x")

        return run

    assert is_linear(drip, 200_000)


def test_octets_behind_a_reply_are_noticed() -> None:
    reader = ReplyReader()
    reader.feed(b"220 go ahead\r\n")
    assert reader.is_clear
    reader.feed(b"2")
    assert not reader.is_clear
    reader.feed(b"50-more\r\n")
    assert not reader.is_clear


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        (b"550 5.1.1 No such user", "5.1.1", "No such user"),
        (b"550 5.1.1", "5.1.1", ""),
        (b"550 4.1.1 of another class", "", "4.1.1 of another class"),
        (b"451 5.7.1 of another class", "", "5.7.1 of another class"),
        (b"550 No such user", "", "No such user"),
        (b"550 5.1.1234 no status", "", "5.1.1234 no status"),
        (b"550 5.1.1no status", "", "5.1.1no status"),
        (b"550 \x1b[31mred\x07", "", "?[31mred?"),
        (b"550  much \t space ", "", "much space"),
    ],
)
def test_status_and_text_are_taken_apart(line: bytes, status: str, text: str) -> None:
    assert (reply(line).status, reply(line).text) == (status, text)


def test_each_line_may_repeat_the_status() -> None:
    [found] = read(b"550-5.7.1 Blocked, see\r\n550 5.7.1 https://example.net\r\n")
    assert str(found) == "550 5.7.1 Blocked, see https://example.net"


@pytest.mark.parametrize(
    ("line", "stage", "expected"),
    [
        (b"250 ok", Stage.RCPT, Meaning.OK),
        (b"251 will forward", Stage.RCPT, Meaning.OK),
        (b"451 4.7.1 Greylisted: error 550 5.7.1, try again in 5 minutes", Stage.RCPT, Meaning.DEFER),
        (b"550 not now, 450 421 try later", Stage.RCPT, Meaning.FAIL),
        (b"421 closing", Stage.MAIL, Meaning.DEFER),
        (b"450 4.2.0 busy", Stage.RCPT, Meaning.DEFER),
        (b"452 4.2.2 mailbox full", Stage.RCPT, Meaning.DEFER),
        (b"452 too many recipients", Stage.RCPT, Meaning.LATER),
        (b"452 4.5.3 too many recipients", Stage.RCPT, Meaning.LATER),
        (b"552 too many recipients", Stage.RCPT, Meaning.LATER),  # RFC 5321 §4.5.3.1.10
        (b"552 5.5.3 too many recipients", Stage.RCPT, Meaning.LATER),
        (b"552 5.2.2 mailbox full", Stage.RCPT, Meaning.FAIL),
        (b"552 5.3.4 too big", Stage.MAIL, Meaning.FAIL),
        (b"552 too big", Stage.CONTENT, Meaning.FAIL),
        (b"452 4.3.1 disk full", Stage.MAIL, Meaning.DEFER),
        (b"530 5.7.0 login first", Stage.MAIL, Meaning.FAIL),
        (b"354 what", Stage.MAIL, Meaning.DEFER),
        (b"554 no service", Stage.GREETING, Meaning.FAIL),
    ],
)
def test_codes_decide_and_words_do_not(line: bytes, stage: Stage, expected: Meaning) -> None:
    assert meaning(reply(line), stage) is expected


@pytest.mark.parametrize(
    ("line", "stage", "expected"),
    [
        (b"530 5.7.0 login first", Stage.MAIL, Meaning.DEFER),
        (b"535 5.7.8 wrong", Stage.LOGIN, Meaning.DEFER),
        (b"504 5.5.4 no such mechanism", Stage.LOGIN, Meaning.DEFER),
        (b"550 5.1.1 unknown", Stage.RCPT, Meaning.FAIL),
    ],
)
def test_nobodys_mail_comes_back_for_a_fault_in_our_settings(line: bytes, stage: Stage, expected: Meaning) -> None:
    assert meaning(reply(line), stage, is_ours=True) is expected
