"""What a server answers, and what follows from it: reply code and enhanced status alone, never words. RFC 5321 §4.2.

"451 4.7.1 greylisted, error 550 in 5 minutes" is temporary, whatever its text says; a text is only kept for people.
Framing is blind to read borders; a reply that is none, or never ends, is BadReply and ends the connection.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

MAX_REPLY_OCTETS = 32_768  # of all lines of one reply; a long EHLO has 1,000
MAX_LINE_OCTETS = 8192  # of one line; RFC 5321 §4.5.3.1.5 has 512
MAX_TEXT = 1000  # characters kept for people
NULL_STATUS = ""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class BadReply(Exception):  # noqa: N818 - an event of the peer's making
    """Octets that are no SMTP reply; nothing after them can be trusted."""


@dataclass(frozen=True, slots=True)
class Reply:
    code: int  # 200 to 599
    lines: tuple[str, ...]  # without codes and line ends; octets that are no UTF-8 as surrogates

    @property
    def is_ok(self) -> bool:
        return self.code < 300

    @property
    def status(self) -> str:
        """The enhanced status "5.1.1" of its first line; "" where there is none that fits the code. RFC 2034 §4."""
        found = _STATUS.match(self.lines[0])
        return found[1] if found and found[1][0] == str(self.code)[0] else NULL_STATUS

    @property
    def text(self) -> str:
        """All lines as one, without enhanced statuses, printable, at most MAX_TEXT characters."""
        words = [_STATUS.sub("", line, count=1) if self.status else line for line in self.lines]
        return _UNSEEN.sub("?", " ".join(" ".join(words).split())[:MAX_TEXT])

    @property
    def said(self) -> str:
        """All but the code: "5.1.1 No such user"."""
        return " ".join(filter(None, (self.status, self.text)))

    def __str__(self) -> str:
        """As people know it: "550 5.1.1 No such user"."""
        return " ".join(filter(None, (str(self.code), self.said)))


class ReplyReader:
    """Takes reads cut anywhere and gives whole replies."""

    def __init__(self, max_octets: int = MAX_REPLY_OCTETS, max_line: int = MAX_LINE_OCTETS) -> None:
        self._max, self._max_line = max_octets, max_line
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._octets = 0  # of the lines that are read already
        self._searched = 0  # of the buffer, for a line end

    @property
    def is_clear(self) -> bool:
        """Nothing has come that is not part of a reply handed out."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """Raises BadReply. A bare LF ends a line too: what is read is never sent on."""
        self._buffer += data
        replies: list[Reply] = []
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[: end + 1])
            del self._buffer[: end + 1]
            self._searched = 0
            if (reply := self._take(line)) is not None:
                replies.append(reply)
        self._searched = len(self._buffer)
        self._check(len(self._buffer))
        return replies

    def _take(self, line: bytes) -> Reply | None:
        self._check(len(line))
        found = _LINE.fullmatch(line.rstrip(b"\r\n"))
        if found is None:
            raise BadReply(f"not an SMTP reply: {_shown(line)}")
        self._octets += len(line)
        self._lines.append((found[3] or b"").decode("utf-8", "surrogateescape"))
        if found[2] == b"-":
            return None
        reply = Reply(int(found[1]), tuple(self._lines))  # where codes differ the last one counts, as with others
        self._lines, self._octets = [], 0
        return reply

    def _check(self, line_octets: int) -> None:
        if line_octets > self._max_line:
            raise BadReply(f"a reply line longer than {self._max_line} octets")
        if self._octets + line_octets > self._max:
            raise BadReply(f"a reply longer than {self._max} octets")


def _shown(line: bytes) -> str:
    return ascii(line[:80].decode("latin-1").rstrip())


class Stage(Enum):
    """Where in a session a reply came."""

    GREETING = "greeting"
    HELLO = "EHLO"
    LOGIN = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"


class Meaning(Enum):
    """What a reply says about the recipients it stands for."""

    OK = auto()
    DEFER = auto()  # try again later
    FAIL = auto()  # never
    LATER = auto()  # too many recipients at once: this one in another transaction of the same connection


TOO_MANY = frozenset((452, 552))  # RFC 5321 §4.5.3.1.10: 552 was said for it before 452 was, and is temporary
TOO_MANY_STATUS = frozenset((NULL_STATUS, "4.5.3", "5.5.3"))
CLOSING = 421  # the server hangs up after it, whatever the command was; RFC 5321 §3.8
# Between us and our relay, or for want of TLS: nothing the sender could mend. RFC 4954 §6, RFC 3207 §4.
DENIES_ACCESS = frozenset((530, 534, 535, 538))


def meaning(reply: Reply, stage: Stage, *, is_ours: bool = False) -> Meaning:
    """`is_ours`: that the server wants a login or TLS is a matter of our settings, or of TLS that failed."""
    if stage is Stage.RCPT and reply.code in TOO_MANY and reply.status in TOO_MANY_STATUS:
        return Meaning.LATER
    if is_ours and (reply.code in DENIES_ACCESS or stage is Stage.LOGIN):
        return Meaning.DEFER
    return _CLASSES[str(reply.code)[0]]


# An intermediate reply where none is asked for is a fault of the server: it may be gone tomorrow.
_CLASSES = {"2": Meaning.OK, "3": Meaning.DEFER, "4": Meaning.DEFER, "5": Meaning.FAIL}
