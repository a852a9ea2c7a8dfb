"""Commands are found whatever way the octets were cut, and nothing a mistake left behind becomes one."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.wire.frames import (
    BEFORE_LOGIN,
    AppendStart,
    Command,
    Item,
    LiteralChunk,
    NeedLiteral,
    RawLine,
    Refused,
    after_login,
)
from mailserver.imap.wire.framing import CommandFramer
from tests.growth import is_linear

AFTER = after_login(1_000_000)


def shown(item: Item) -> object:
    """An item as a value that compares; chunks are joined by `run`."""
    match item:
        case Command(tag, name, r):
            return "command", tag, name, r.text, tuple(r.literals)
        case AppendStart(tag, r, octets, synchronising, literal8, first):
            return "append", tag, r.text, tuple(r.literals), octets, synchronising, literal8, first
        case _:
            return item


def run(data: bytes, cuts: list[int] | None = None, limits: object = AFTER) -> list[object]:
    framer = CommandFramer(limits)  # type: ignore[arg-type]
    edges = [0, *sorted(cuts or []), len(data)]
    seen: list[object] = []
    for start, end in itertools.pairwise(edges):
        framer.feed(data[start:end])
        while (item := framer.next()) is not None:
            if isinstance(item, LiteralChunk) and seen and isinstance(seen[-1], LiteralChunk) and not seen[-1].last:
                item = LiteralChunk(seen.pop().data + item.data, item.last)
            seen.append(shown(item))
    return seen


def refusals(seen: list[object]) -> list[tuple[bytes, bytes, bool]]:
    return [(item.tag, item.status, item.close) for item in seen if isinstance(item, Refused)]


def commands(seen: list[object]) -> list[tuple[object, ...]]:
    return [item[1:] for item in seen if isinstance(item, tuple) and item[0] == "command"]


WHOLE = [
    (b"a NOOP\r\n", [(b"a", "NOOP", b"", ())]),
    (b"a noop\n", [(b"a", "NOOP", b"", ())]),  # typed by hand
    (b"A.1-x login bob pw\r\n", [(b"A.1-x", "LOGIN", b" bob pw", ())]),
    (b"a uid fetch 1 FLAGS\r\n", [(b"a", "UID FETCH", b" 1 FLAGS", ())]),
    (b"a UID\r\n", [(b"a", "UID", b"", ())]),
    (b"a LOGIN {3}\r\nbob {2}\r\npw\r\n", [(b"a", "LOGIN", b" {3}\r\n {2}\r\n", (b"bob", b"pw"))]),
    (b"a LOGIN {3+}\r\nbob {2+}\r\n\r\n\r\n", [(b"a", "LOGIN", b" {3+}\r\n {2+}\r\n", (b"bob", b"\r\n"))]),
    (b"a X {0+}\r\n\r\nb NOOP\r\n", [(b"a", "X", b" {0+}\r\n", (b"",)), (b"b", "NOOP", b"", ())]),
    (b"a X ~{2+}\r\n\0\0\r\n", [(b"a", "X", b" ~{2+}\r\n", (b"\0\0",))]),
    (b"a X {5\r\nb Y 5}\r\n", [(b"a", "X", b" {5", ()), (b"b", "Y", b" 5}", ())]),
    (b"a X {-5}\r\nb Y {}\r\n", [(b"a", "X", b" {-5}", ()), (b"b", "Y", b" {}", ())]),
]


@pytest.mark.parametrize(("data", "wanted"), WHOLE)
def test_commands_are_cut_out_of_the_stream(data: bytes, wanted: list[tuple[object, ...]]) -> None:
    seen = run(data)
    assert commands(seen) == wanted
    assert not refusals(seen)


def test_a_synchronising_literal_is_asked_for_once() -> None:
    framer = CommandFramer()
    framer.feed(b"a LOGIN {3}\r\n")
    assert framer.next() == NeedLiteral(b"a", 3)
    assert framer.next() is None
    framer.feed(b"bob pw\r\n")
    item = framer.next()
    assert isinstance(item, Command)
    r = item.reader
    r.sp()
    assert r.astring() == b"bob"
    r.sp()
    assert r.astring() == b"pw"
    r.end()


STREAM = (
    b"a1 LOGIN {3+}\r\nbob {2}\r\npw\r\n"
    b"a2 APPEND {5+}\r\nInbox (\\Seen) {10}\r\n0123456789\r\n"
    b"a3 APPEND x {3+}\r\nabc (\\Seen) ~{4+}\r\nd\0ef\r\n"
    b"+ bad tag {4+}\r\nX Y\n z\r\n"
    b"a4 APPEND y {2000000}\r\n"
    b"a5 SEARCH TEXT {999999+}\r\n" + b"a6 BAD\r\n" * 125_000 + b"\r\n"
    b"a7 UID STORE 1 FLAGS ()\r\n\r\na8 NOOP\n"
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_framer_does_not_see_read_borders(cuts: list[int]) -> None:
    assert run(STREAM, cuts) == run(STREAM)


def test_octet_by_octet_is_the_same() -> None:
    data = STREAM[:250]
    assert run(data, list(range(len(data)))) == run(data)


REFUSED = [
    (b"\r\n", b"*", b"BAD"),
    (b"a\r\n", b"a", b"BAD"),
    (b"a \r\n", b"a", b"BAD"),
    (b"* NOOP\r\n", b"*", b"BAD"),
    (b"+ NOOP\r\n", b"*", b"BAD"),
    (b"a\tNOOP\r\n", b"*", b"BAD"),
    (b"\xff\x00 NOOP\r\n", b"*", b"BAD"),
    (b"a NO\0OP\r\n", b"a", b"BAD"),
    (b"a" * 101 + b" NOOP\r\n", b"*", b"BAD"),
    (b"a LOGIN {5}\n", b"a", b"BAD"),  # a bare LF would move the literal's first octet
    (b"a LOGIN {102401}\r\n", b"a", b"BAD"),
    (b"a LOGIN {99999999999999999999}\r\n", b"a", b"BAD"),
    (b"a LOGIN {" + b"9" * 5000 + b"}\r\n", b"a", b"BAD"),
    (b"a APPEND x {99999999999999999999}\r\n", b"a", b"BAD"),
    (b"a APPEND x {1000001}\r\n", b"a", b"NO"),
    (b"a APPEND x ~{1000001}\r\n", b"a", b"NO"),
]


@pytest.mark.parametrize(("data", "tag", "status"), REFUSED)
def test_a_mistake_is_answered_and_the_next_command_runs(data: bytes, tag: bytes, status: bytes) -> None:
    seen = run(data + b"z NOOP\r\n")
    assert refusals(seen) == [(tag, status, False)]
    assert commands(seen) == [(b"z", "NOOP", b"", ())]


SWALLOWED = [
    b"+ LOGIN {8+}\r\nx NOOP\r\n z\r\n",
    b"a {8+}\r\nx NOOP\r\n\r\n",
    b"a LOGIN {200000+}\r\n" + b"x NOOP\r\n" * 25_000 + b" rest\r\n",
    b"a LOGIN {200000+}\r\n" + b"x NOOP\r\n" * 25_000 + b" {8+}\r\nx NOOP\r\n {8+}\r\nx NOOP\r\n\r\n",
    b"a LOGIN {8+}\nx NOOP\r\n pw\r\n",
    b"a LOGIN " + b"x" * 70_000 + b" {8+}\r\nx NOOP\r\n\r\n",
]


@pytest.mark.parametrize("data", SWALLOWED)
def test_swallowed_literals_never_run_as_commands(data: bytes) -> None:
    for cuts in ([], list(range(0, len(data), 1000)), list(range(max(len(data) - 60, 0), len(data)))):
        seen = run(data + b"z NOOP\r\n", cuts)
        assert len(refusals(seen)) == 1
        assert commands(seen) == [(b"z", "NOOP", b"", ())]


HUNG_UP = [
    b"a LOGIN {99999999999999999999+}\r\nx NOOP\r\n",
    b"a LOGIN {2000000+}\r\nx NOOP\r\n",
    b"a APPEND x {2000000+}\r\nx NOOP\r\n",
    b"a NOOP " + b"x" * 70_000 + b"{" + b"9" * 5000 + b"+}\r\nx NOOP\r\n",
    b"a NOOP " + b"x" * 2_000_000,
    b"a NOOP " + b"x" * 70_000 + b" {1+}\r\nx" * 150_000,
]


@pytest.mark.parametrize("data", HUNG_UP)
def test_what_can_not_be_swallowed_ends_the_connection(data: bytes) -> None:
    seen = run(data + b"\r\nz NOOP\r\n", [30_000, 71_000])
    assert refusals(seen)[-1][2]
    assert commands(seen) == []


def test_before_login_little_is_taken() -> None:
    framer = CommandFramer()
    held = 0
    closed = False
    for _ in range(1024):  # 64 MiB without a line end
        framer.feed(b"x" * 65_536)
        while (item := framer.next()) is not None:
            closed = isinstance(item, Refused) and item.close
        held = max(held, framer.pending)
    assert closed
    assert held <= 8192
    assert refusals(run(b"a LOGIN {5000}\r\nb LOGIN {4096}\r\n", limits=BEFORE_LOGIN)) == [(b"a", b"BAD", False)]
    assert refusals(run(b"a LOGIN " + b"x" * 8192 + b"\r\n", limits=BEFORE_LOGIN)) == [(b"a", b"BAD", False)]
    many = b"a LOGIN" + b" {1+}\r\nx" * 17 + b"\r\n"
    assert refusals(run(many, limits=BEFORE_LOGIN)) == [(b"a", b"BAD", False)]


def test_id_before_login_may_carry_thirty_long_values() -> None:
    quoted = b"a ID (" + b" ".join(b'"field%02d" "%b"' % (n, b"v" * 1024) for n in range(30)) + b")\r\n"
    literals = b"b ID (" + b" ".join(b'"field%02d" {1024+}\r\n%b' % (n, b"v" * 1024) for n in range(30)) + b")\r\n"
    seen = run(quoted + literals, list(range(0, 60_000, 100)), limits=BEFORE_LOGIN)
    assert [command[0] for command in commands(seen)] == [b"a", b"b"]
    assert not refusals(seen)


def test_before_login_append_is_a_command_like_all_others() -> None:
    seen = run(b"a APPEND x {3+}\r\nabc\r\n", limits=BEFORE_LOGIN)
    assert commands(seen) == [(b"a", "APPEND", b" x {3+}\r\n", (b"abc",))]


def test_literal_counts_and_totals_are_limited() -> None:
    assert commands(run(b"a X" + b" {1+}\r\nx" * 1000 + b"\r\n"))
    assert refusals(run(b"a X" + b" {1+}\r\nx" * 1001 + b"\r\n")) == [(b"a", b"BAD", False)]
    data = b"a X" + (b" {100000+}\r\n" + b"x" * 100_000) * 3 + b"\r\n"
    assert refusals(run(data)) == [(b"a", b"BAD", False)]


def test_append_hands_the_message_over_in_pieces() -> None:
    framer = CommandFramer(AFTER)
    framer.feed(b"a APPEND {5+}\r\nInbox (\\Seen) {200000}\r\n")
    start = framer.next()
    assert isinstance(start, AppendStart)
    assert (start.octets, start.synchronising, start.first) == (200_000, True, True)
    r = start.reader
    r.sp()
    assert r.mailbox() == "INBOX"
    r.sp()
    assert r.flag_list().text == "\\Seen"
    r.sp()
    r.end()
    assert framer.next() is None
    octets, last = 0, False
    for _ in range(50):
        framer.feed(b"m" * 4000)
        while (item := framer.next()) is not None:
            assert isinstance(item, LiteralChunk)
            octets += len(item.data)
            last = item.last
        assert framer.pending == 0
    assert last
    assert octets == 200_000
    framer.feed(b"\r\n")
    assert shown(framer.next()) == ("command", b"a", "APPEND", b"", ())  # type: ignore[arg-type]


def test_an_empty_message_has_one_last_chunk() -> None:
    seen = run(b"a APPEND x {0+}\r\n\r\n")
    assert seen[1:] == [LiteralChunk(b"", last=True), ("command", b"a", "APPEND", b"", ())]


def test_several_messages_in_one_append() -> None:
    seen = run(b"a APPEND x {3+}\r\nabc (\\Seen) {2+}\r\nde\r\n")
    assert seen == [
        ("append", b"a", b" x ", (), 3, False, False, True),
        LiteralChunk(b"abc", last=True),
        ("append", b"a", b" (\\Seen) ", (), 2, False, False, False),
        LiteralChunk(b"de", last=True),
        ("command", b"a", "APPEND", b"", ()),
    ]


@pytest.mark.parametrize("synchronising", [True, False])
def test_a_refused_message_is_not_run(synchronising: bool) -> None:
    framer = CommandFramer(AFTER)
    message = b"x NOOP\r\n" * 1000
    framer.feed(b"a APPEND missing {8000%b}\r\n" % (b"" if synchronising else b"+"))
    if not synchronising:
        framer.feed(message[:3000])
    assert isinstance(framer.next(), AppendStart)
    framer.refuse()
    if not synchronising:
        framer.feed(message[3000:] + b" {8+}\r\nx NOOP\r\n\r\n")
    framer.feed(b"z NOOP\r\n")
    assert shown(framer.next()) == ("command", b"z", "NOOP", b"", ())  # type: ignore[arg-type]
    assert framer.next() is None


def test_a_message_may_be_refused_in_its_middle() -> None:
    framer = CommandFramer(AFTER)
    framer.feed(b"a APPEND x {16}\r\n")
    assert isinstance(framer.next(), AppendStart)
    assert framer.next() is None  # "+"
    framer.feed(b"x NOOP\r\n")
    assert isinstance(framer.next(), LiteralChunk)
    framer.refuse()
    framer.feed(b"y NOOP\r\n\r\nz NOOP\r\n")
    assert shown(framer.next()) == ("command", b"z", "NOOP", b"", ())  # type: ignore[arg-type]


def test_refusing_a_command_that_has_ended_takes_nothing_of_the_next() -> None:
    framer = CommandFramer(AFTER)
    framer.feed(b"a APPEND x {3+}\r\nabc\r\nz NOOP\r\n")
    assert [type(framer.next()) for _ in range(3)] == [AppendStart, LiteralChunk, Command]
    framer.refuse()
    assert shown(framer.next()) == ("command", b"z", "NOOP", b"", ())  # type: ignore[arg-type]


def test_a_large_message_that_was_refused_is_swallowed_up_to_the_append_limit() -> None:
    framer = CommandFramer(after_login(50_000_000))
    framer.feed(b"a APPEND x {5000000+}\r\n")
    assert isinstance(framer.next(), AppendStart)
    framer.refuse()
    for _ in range(50):
        framer.feed(b"x" * 100_000)
        assert framer.next() is None
    framer.feed(b"\r\nz NOOP\r\n")
    assert shown(framer.next()) == ("command", b"z", "NOOP", b"", ())  # type: ignore[arg-type]


def test_a_refused_argument_literal_is_not_waited_for() -> None:
    framer = CommandFramer()
    framer.feed(b"a LOGIN {3}\r\n")
    assert isinstance(framer.next(), NeedLiteral)
    framer.refuse()
    framer.feed(b"z NOOP\r\n")
    assert shown(framer.next()) == ("command", b"z", "NOOP", b"", ())  # type: ignore[arg-type]


def test_idle_and_done_may_come_in_one_read() -> None:
    framer = CommandFramer(AFTER)
    framer.feed(b"a IDLE\r\nDONE\r\nb NOOP\r\n")
    assert isinstance(framer.next(), Command)
    framer.expect_line(1000)
    assert framer.next() == RawLine(b"DONE")
    assert isinstance(framer.next(), Command)


def test_a_raw_line_has_a_limit() -> None:
    framer = CommandFramer(AFTER)
    framer.expect_line(10)
    framer.feed(b"0123456789\r\n")
    assert framer.next() == Refused(b"*", b"BAD", b"Line longer than 10 octets", close=True)
    framer.feed(b"a NOOP\r\n")
    assert framer.next() is None


def test_what_came_in_clear_behind_starttls_is_thrown_away() -> None:
    framer = CommandFramer()
    framer.feed(b"a STARTTLS\r\nb LOGIN eve pw\r\nc NO")
    assert isinstance(framer.next(), Command)
    assert framer.take_pending() == b"b LOGIN eve pw\r\nc NO"
    framer.feed(b"d NOOP\r\n")
    assert shown(framer.next()) == ("command", b"d", "NOOP", b"", ())  # type: ignore[arg-type]


def test_limits_may_change_between_two_commands() -> None:
    framer = CommandFramer()
    framer.feed(b"a LOGIN u p\r\nb APPEND x {100000}\r\n")
    assert isinstance(framer.next(), Command)
    framer.limits = AFTER
    assert isinstance(framer.next(), AppendStart)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_octets_are_framed_without_an_exception(data: bytes, cuts: list[int]) -> None:
    cuts = [cut for cut in cuts if cut <= len(data)]
    assert run(data, cuts) == run(data)


@pytest.mark.parametrize("octet", [b"(", b"{", b"}", b'"', b"\\", b" ", b"x", b"{1}", b"\r", b"\n", b"1+}", b"\0"])
def test_time_is_linear(octet: bytes) -> None:
    def framed(count: int) -> Callable[[], object]:
        data = b"a X " + octet * count
        return lambda: run(data, list(range(0, len(data), 1000)))

    assert is_linear(framed, 20_000 // len(octet))


APPENDS = [  # what each message literal has before it, and what follows the last
    (b"APPEND x {1+}\r\na (\\Seen) ~{1+}\r\nb {1+}\r\nc\r\n", [b" x ", b" (\\Seen) ", b" "], b""),
    (b"APPEND {1+}\r\nx {1+}\r\na\r\n", [b" {1+}\r\n "], b""),
    (b"APPEND URL {1+}\r\na\r\n", [b" URL "], b""),  # a mailbox of that name
    (b"APPEND x CATENATE (TEXT {1+}\r\na URL {3+}\r\n/u1 TEXT {1+}\r\nb URL /u2)\r\n",
     [b" x CATENATE (TEXT ", b" URL {3+}\r\n TEXT "], b" URL /u2)"),
    (b"APPEND x CATENATE (URL {3+}\r\n/u1 TEXT {1+}\r\na)\r\n", [b" x CATENATE (URL {3+}\r\n TEXT "], b")"),
    (b"APPEND x {1+}\r\na CATENATE (URL {3+}\r\n/u1)\r\n", [b" x "], b" CATENATE (URL {3+}\r\n)"),
    (b"APPEND x UTF8 (~{1+}\r\na) {1+}\r\nb\r\n", [b" x UTF8 (", b") "], b""),
    (b"REPLACE 5 x {1+}\r\na\r\n", [b" 5 x "], b""),
    (b"UID REPLACE * {1+}\r\nx {1+}\r\na\r\n", [b" * {1+}\r\n "], b""),
]  # fmt: skip


@pytest.mark.parametrize(("command", "before", "tail"), APPENDS)
def test_messages_are_told_from_other_literals(command: bytes, before: list[bytes], tail: bytes) -> None:
    for cuts in ([], list(range(len(command) + 2))):
        seen = run(b"a " + command, cuts)
        starts = [item for item in seen if isinstance(item, tuple) and item[0] == "append"]
        assert [start[2] for start in starts] == before
        assert [start[-1] for start in starts] == [True] + [False] * (len(before) - 1)
        assert [found[2] for found in commands(seen)] == [tail]
        assert not refusals(seen)


def test_a_thousand_messages_are_no_long_command() -> None:
    data = b"a APPEND x" + b' (\\Seen $Label1 $Label2) "17-Jul-1996 02:44:25 -0700" {3+}\r\nabc' * 1000 + b"\r\n"
    assert not refusals(run(data))
    refused = run(b"a APPEND x" + b" {3+}\r\nabc" * 1001 + b"\r\nb NOOP\r\n")
    assert refusals(refused) == [(b"a", b"NO", False)]
    assert commands(refused) == [(b"b", "NOOP", b"", ())]


def test_what_is_refused_in_the_middle_is_swallowed_and_not_run() -> None:
    """The framer refused the second message by itself; the session then says that the command was answered."""
    framer = CommandFramer(AFTER)
    framer.feed(b"a APPEND x {3+}\r\nabc {1000001+}\r\n" + b"z LOGOUT\r\n" * 100_000 + b"!")
    framer.feed(b"\r\nb NOOP\r\n")
    seen = []
    while (item := framer.next()) is not None:
        seen.append(item)
        if isinstance(item, Refused):
            framer.refuse()
    assert refusals(seen) == [(b"a", b"NO", False)]
    assert [item.tag for item in seen if isinstance(item, Command)][-1:] == [b"b"]
    assert not any(item.name == "LOGOUT" for item in seen if isinstance(item, Command))


@pytest.mark.parametrize(
    ("most", "octets", "taken"),
    [(None, 5000, True), (4096, 4096, True), (4096, 4097, False), (0, 1, False), (0, 0, True)],
)
def test_a_literal_that_nobody_asked_for_has_a_limit_of_its_own(most: int | None, octets: int, taken: bool) -> None:
    framer = CommandFramer(AFTER, most_unasked=most)
    framer.feed(b"a RENAME x {%d+}\r\n" % octets + b"y" * octets + b"\r\nb NOOP\r\n")
    first, second = framer.next(), framer.next()
    assert isinstance(first, Command if taken else Refused)
    assert isinstance(second, Command)
    assert second.tag == b"b"
    framer.feed(b"c RENAME x {5000}\r\n")
    assert isinstance(framer.next(), NeedLiteral)  # who waits for "+" may send as much as ever
