"""What is written can be read again, and nothing a peer wrote gets onto a line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.wire import writer
from mailserver.imap.wire.frames import Command, NeedLiteral, after_login
from mailserver.imap.wire.framing import CommandFramer
from mailserver.imap.wire.reader import Reader
from mailserver.mail.flags import EMPTY, FlagSet


def read_back(octets: bytes, *, utf8: bool = False) -> Reader:
    """Octets as the argument of a command, through the framer."""
    framer = CommandFramer(after_login(1000))
    framer.utf8 = utf8
    framer.feed(b"a X " + octets + b"\r\n")
    item = framer.next()
    if isinstance(item, NeedLiteral):
        item = framer.next()
    assert isinstance(item, Command)
    item.reader.sp()
    return item.reader


STRINGS = [
    (b"", b'""'),
    (b"a b", b'"a b"'),
    (b'a"b\\c', b'"a\\"b\\\\c"'),
    (b"a\r\nb", b"{4}\r\na\r\nb"),
    (b"a\nb", b"{3}\r\na\nb"),
    (b"\0", b"{1}\r\n\0"),
    (b"\xc3\xa9", b"{2}\r\n\xc3\xa9"),
    (b"x" * 1001, b"{1001}\r\n" + b"x" * 1001),
]


@pytest.mark.parametrize(("octets", "wanted"), STRINGS)
def test_strings(octets: bytes, wanted: bytes) -> None:
    assert writer.string(octets) == wanted
    assert writer.nstring(octets) == wanted


@pytest.mark.parametrize(
    ("octets", "wanted"),
    [(b"INBOX", b"INBOX"), (b"a]", b"a]"), (b"nil", b'"nil"'), (b"", b'""'), (b"a%", b'"a%"'), (b"a(", b'"a("')],
)
def test_astrings_are_atoms_where_they_can_be(octets: bytes, wanted: bytes) -> None:
    assert writer.astring(octets) == wanted


def test_nothing_is_nil() -> None:
    assert writer.nstring(None) == b"NIL"


@given(st.binary())
def test_strings_survive(octets: bytes) -> None:
    if b"\0" not in octets:
        assert read_back(writer.string(octets)).string() == octets
        assert read_back(writer.astring(octets)).astring() == octets
        assert read_back(writer.nstring(octets)).nstring() == octets
    assert read_back(writer.literal8(octets)).literal8() == octets


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_mailbox_names_survive(name: str) -> None:
    if name.upper().startswith("INBOX"):
        name = "x" + name
    assert read_back(writer.mailbox(name)).mailbox() == name
    assert read_back(writer.mailbox(name, utf8=True), utf8=True).mailbox() == name


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_keeps_to_its_line(text: str) -> None:
    for utf8 in (False, True):
        written = writer.text_string(text, utf8=utf8)
        if written.startswith(b'"'):
            assert not {*written} & {0, 10, 13}
            assert utf8 or written.isascii()
    line = writer.coded(None, text)
    assert line.isascii()
    assert line.decode().isprintable()
    assert not line.startswith(b"[")


def test_mailboxes() -> None:
    assert writer.mailbox("Entwürfe") == b"Entw&APw-rfe"
    assert writer.mailbox("Entwürfe", utf8=True) == '"Entwürfe"'.encode()
    assert writer.mailbox("A&B", utf8=True) == b"A&B"
    assert writer.mailbox("A&B") == b"A&-B"
    assert writer.mailbox("a b") == b'"a b"'


def test_flags() -> None:
    assert writer.flag_list(EMPTY) == b"()"
    assert writer.flag_list(EMPTY, b"\\Recent") == b"(\\Recent)"
    assert writer.flag_list(FlagSet.of(["$x", "\\Seen"]), b"\\*") == b"(\\Seen $x \\*)"
    assert writer.atoms(["\\HasNoChildren", "\\Sent"]) == b"(\\HasNoChildren \\Sent)"


def test_times() -> None:
    assert writer.date_time(837_596_665) == b'"17-Jul-1996 09:44:25 +0000"'
    assert writer.date_time(0) == b'" 1-Jan-1970 00:00:00 +0000"'
    assert writer.date_time(-(10**20)) == b'" 1-Jan-0001 00:00:00 +0000"'
    assert writer.date_time(10**20) == b'"31-Dec-9999 23:59:59 +0000"'


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive(when: datetime) -> None:
    seconds = int(when.replace(microsecond=0).timestamp())
    assert read_back(writer.date_time(seconds)).date_time() == seconds


def test_responses() -> None:
    assert writer.untagged(b"3 EXISTS") == b"* 3 EXISTS\r\n"
    assert writer.status(b"a1", b"OK", b"done") == b"a1 OK done\r\n"
    assert writer.continuation() == b"+ \r\n"
    assert writer.continuation(b"idling") == b"+ idling\r\n"
    assert writer.coded("TRYCREATE", "No such\r\nmailbox") == b"[TRYCREATE] No such??mailbox"
    assert writer.coded(None, "[ALERT] x") == b"(ALERT] x"
    assert writer.coded(None, "") == b"Done"
