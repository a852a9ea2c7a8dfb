"""The grammar's terminals: one whole command, read from left to right. RFC 9051 §9, RFC 3501 §9.

A command's text holds its literal markers ("{5}" and the CRLF behind it); the literals' octets stand beside it, in
order. Every method either consumes what it names or raises BadSyntax and is not to be called again.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import NoReturn, TypeVar

from mailserver.errors import BadValue, LimitReached
from mailserver.imap.wire import utf7
from mailserver.mail.flags import SYSTEM_FLAGS, FlagSet, canonical
from mailserver.mail.sequence import STAR, SequenceSet

MAX_NUMBER = 2**32 - 1
MAX_NUMBER64 = 2**63 - 1
MAX_FLAGS = 100  # in one flag list
MAX_KEYWORD_OCTETS = 255
MONTHS = (b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC")

T = TypeVar("T")

# atom-specials are ( ) { SP CTL % * " \ ]; every class below is what they leave. RFC 9051 §9
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_MAILBOX = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_ITEM_NAME = re.compile(rb"[A-Za-z0-9.\-]+")
_QUOTED = re.compile(rb'"((?:[^"\\\x00\r\n\x80-\xff]|\\["\\])*+)"')
_QUOTED_UTF8 = re.compile(rb'"((?:[^"\\\x00\r\n]|\\["\\])*+)"')
_ESCAPE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{[0-9]{1,20}\+?\}\r\n")
_LITERAL8 = re.compile(rb"~?\{[0-9]{1,20}\+?\}\r\n")
_DIGITS = re.compile(rb"[0-9]+")
_SEQUENCE = re.compile(rb"[0-9*:,]+")
_RANGE = re.compile(rb"(\*|[1-9][0-9]{0,9})(?::(\*|[1-9][0-9]{0,9}))?")
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME = re.compile(
    rb'"( [0-9]|[0-9]{2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INBOX = re.compile("inbox(?=/|$)", re.IGNORECASE | re.ASCII)


class BadSyntax(Exception):  # noqa: N818 - an answer to the client, not an error of ours
    """The command is not in the grammar: answered with a tagged BAD. `text` never repeats the client's octets."""

    code: str | None = None  # response code

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class UidRequired(BadSyntax):
    """A message number from a client that enabled UIDONLY, RFC 9586 §3."""

    code = "UIDREQUIRED"

    def __init__(self) -> None:
        super().__init__("Message numbers can not be used after ENABLE UIDONLY")


class ClientBug(BadSyntax):
    code = "CLIENTBUG"


class Reader:
    """Stands behind the command's name, before the first SP; `position` counts octets of `text`."""

    def __init__(
        self, tag: bytes, name: str, text: bytes, literals: Sequence[bytes] = (), *, utf8: bool = False
    ) -> None:
        self.tag = tag
        self.name = name  # upper case; "UID COPY" for the UID form
        self.text = text
        self.literals = literals
        self.rev2 = False  # what IMAP4rev2 made obsolete is not in the grammar, RFC 9051 appendix E
        self.uid_only = False  # message numbers are not, RFC 9586
        self.utf8 = utf8  # quoted strings and mailbox names are UTF-8: IMAP4rev2 or UTF8=ACCEPT is enabled
        self.position = 0
        self._literal = 0

    @property
    def uid(self) -> bool:
        """The UID form of the command: its numbers are UIDs. RFC 9051 §6.4.9."""
        return self.name.startswith("UID ")

    # --- steps ---------------------------------------------------------------------------------------------

    def fail(self, wanted: str) -> NoReturn:
        raise BadSyntax(f"{wanted} expected at octet {self.position} of the arguments")

    def at_end(self) -> bool:
        return self.position == len(self.text)

    def end(self) -> None:
        if not self.at_end():
            self.fail("End of the command")

    def peek(self, octets: int = 1) -> bytes:
        """The next octets, fewer at the end; nothing is consumed."""
        return self.text[self.position : self.position + octets]

    def accept(self, text: bytes) -> bool:
        """Consume `text` if it comes next, whatever its case."""
        if self.peek(len(text)).upper() != text.upper():
            return False
        self.position += len(text)
        return True

    def accept_word(self, word: bytes) -> bool:
        """As accept, but only a whole atom: "NIL" is not the beginning of "NILS"."""
        found = _ATOM.match(self.text, self.position)
        if found is None or found[0].upper() != word.upper():
            return False
        self.position = found.end()
        return True

    def expect(self, text: bytes) -> None:
        if not self.accept(text):
            self.fail(text.decode("ascii"))

    def sp(self) -> None:
        if self.peek() != b" ":
            self.fail("SP")
        self.position += 1

    def rest(self) -> bytes:
        """Everything up to the end, which no literal may be part of."""
        if b"\n" in self.text[self.position :]:
            raise BadSyntax("No literal is allowed here")
        start, self.position = self.position, len(self.text)
        return self.text[start:]

    def parenthesised(self, item: Callable[[], T], *, empty: bool = False) -> list[T]:
        """ "(" item *(SP item) ")", with `empty` also "()"."""
        self.expect(b"(")
        if empty and self.accept(b")"):
            return []
        items = [item()]
        while not self.accept(b")"):
            self.sp()
            items.append(item())
        return items

    def _take(self, pattern: re.Pattern[bytes], wanted: str) -> re.Match[bytes]:
        found = pattern.match(self.text, self.position)
        if found is None:
            self.fail(wanted)
        self.position = found.end()
        return found

    # --- strings -------------------------------------------------------------------------------------------

    def atom(self) -> bytes:
        return self._take(_ATOM, "Atom")[0]

    def word(self) -> str:
        """An atom in upper case."""
        return self.atom().upper().decode("ascii")

    def item_name(self) -> str:
        """Letters, digits, "." and "-", in upper case: the name in BODY.PEEK[…]."""
        return self._take(_ITEM_NAME, "Name")[0].upper().decode("ascii")

    def astring(self) -> bytes:
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._take(_ASTRING, "Atom or string")[0]

    def string(self) -> bytes:
        return self._literal_octets(_LITERAL) if self.peek() == b"{" else self._quoted()

    def nstring(self) -> bytes | None:
        return None if self.accept_word(b"NIL") else self.string()

    def literal8(self) -> bytes:
        """A literal in which NUL is allowed: "~{n}", or "{n}" without NUL. RFC 9051 §4.3.1."""
        return self._literal_octets(_LITERAL8)

    def _quoted(self) -> bytes:
        text = self._take(_QUOTED_UTF8 if self.utf8 else _QUOTED, "String")[1]
        return _ESCAPE.sub(rb"\1", text) if b"\\" in text else text

    def _literal_octets(self, pattern: re.Pattern[bytes]) -> bytes:
        marker = self._take(pattern, "Literal")[0]
        if self._literal == len(self.literals):
            self.fail("Literal")
        octets = self.literals[self._literal]
        self._literal += 1
        if b"\0" in octets and not marker.startswith(b"~"):
            raise BadSyntax("NUL in a literal")
        return octets

    # --- numbers -------------------------------------------------------------------------------------------

    def number(self) -> int:
        """0 to 2^32-1."""
        return self._number(10, MAX_NUMBER)

    def nz_number(self) -> int:
        """1 to 2^32-1, without leading zeros."""
        if self.peek() == b"0":
            self.fail("Number from 1 on")
        return self._number(10, MAX_NUMBER)

    def number64(self) -> int:
        """0 to 2^63-1."""
        return self._number(19, MAX_NUMBER64)

    def _number(self, digits: int, largest: int) -> int:
        found = self._take(_DIGITS, "Number")[0]
        if len(found) > digits or (value := int(found)) > largest:
            raise BadSyntax("Number too large")
        return value

    def sequence_set(self) -> SequenceSet:
        """Numbers, ranges and "*", or "$" for the saved search result."""
        if self.accept(b"$"):
            return SequenceSet((), saved=True)
        return SequenceSet(tuple(map(_range, self._take(_SEQUENCE, "Sequence set")[0].split(b","))))

    # --- names and flags -----------------------------------------------------------------------------------

    def mailbox(self) -> str:
        """A mailbox name, decoded; "" and names that can not exist included, the service refuses those."""
        return self._mailbox_name(self.astring())

    def mailbox_and_spelling(self) -> tuple[str, str]:
        """`mailbox`, and the name as the client spells it: INBOX comes in any case."""
        octets = self.astring()
        name = self._mailbox_name(octets)
        return name, octets.decode("utf-8") if self.utf8 else utf7.decode(octets)

    def list_mailbox(self) -> str:
        """A name that may hold the wildcards % and *."""
        if self.peek() in (b'"', b"{"):
            return self._mailbox_name(self.string())
        return self._mailbox_name(self._take(_LIST_MAILBOX, "Mailbox pattern")[0])

    def _mailbox_name(self, octets: bytes) -> str:
        try:
            name = octets.decode("utf-8") if self.utf8 else utf7.decode(octets)
        except ValueError:
            raise BadSyntax("Mailbox name is not valid " + ("UTF-8" if self.utf8 else "modified UTF-7")) from None
        if _CONTROL.search(name):
            raise BadSyntax("Control character in a mailbox name")
        return _INBOX.sub("INBOX", name, count=1) if _INBOX.match(name) else name

    def flag(self) -> str:
        """A system flag a client may set, in its usual spelling, or a keyword as sent.

        \\Recent can not be changed by clients and other backslash flags do not exist: BadSyntax. RFC 9051 §2.3.2.
        """
        if not self.accept(b"\\"):
            return self.keyword()
        flag = canonical("\\" + self.atom().decode("ascii"))
        if flag not in SYSTEM_FLAGS:
            raise BadSyntax("No system flag of this name can be set")
        return flag

    def keyword(self) -> str:
        keyword = self.atom().decode("ascii")
        if len(keyword) > MAX_KEYWORD_OCTETS:
            raise LimitReached(f"A keyword has at most {MAX_KEYWORD_OCTETS} octets")
        if "," in keyword:  # it separates flags where they are kept
            raise BadValue("Keywords with a comma are not supported")
        return keyword

    def flag_list(self) -> FlagSet:
        """ "(" [flag *(SP flag)] ")" """
        return self.flag_set(self.parenthesised(self.flag, empty=True))

    def flag_set(self, flags: Sequence[str]) -> FlagSet:
        if len(flags) > MAX_FLAGS:
            raise LimitReached(f"At most {MAX_FLAGS} flags at once")
        return FlagSet.of(flags)

    # --- time ----------------------------------------------------------------------------------------------

    def date(self) -> date:
        """1-Feb-1994, quoted or not."""
        found = self._take(_DATE, "Date")
        try:
            return date(int(found[4]), _month(found[3]), int(found[2]))
        except ValueError:
            raise BadSyntax("No such date") from None

    def date_time(self) -> int:
        """ " 1-Feb-1994 21:52:25 -0800" in its quotes, as epoch seconds; a leap second is the next one."""
        found = self._take(_DATE_TIME, "Date and time")
        day, year, hour, minute, second, zone_hour, zone_minute = map(int, found.group(1, 3, 4, 5, 6, 8, 9))
        if second > 60 or zone_hour > 23 or zone_minute > 59:
            raise BadSyntax("No such time")
        try:
            start = datetime(year, _month(found[2]), day, hour, minute, tzinfo=UTC)
        except ValueError:
            raise BadSyntax("No such date and time") from None
        east = (zone_hour * 60 + zone_minute) * (-60 if found[7] == b"-" else 60)  # seconds
        return int(start.timestamp()) + second - east


def _range(text: bytes) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise BadSyntax("Not a sequence set")
    first = _sequence_number(found[1])
    return first, first if found[2] is None else _sequence_number(found[2])


def _sequence_number(text: bytes) -> int:
    number = STAR if text == b"*" else int(text)
    if number > MAX_NUMBER:
        raise BadSyntax("Number too large")
    return number


def _month(name: bytes) -> int:
    """1 to 12; ValueError."""
    return MONTHS.index(name.upper()) + 1
