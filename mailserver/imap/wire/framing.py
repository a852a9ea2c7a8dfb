"""Where a command ends: lines, literals, and what is thrown away after a mistake. RFC 9051 §2.2, §4.3, RFC 7888.

    framer.feed(octets)                       # one read, cut anywhere
    while (item := framer.next()) is not None:
        match item: ...

Items come one at a time because what the session does with one decides how the next octets are read: LOGIN raises
the limits, AUTHENTICATE and IDLE ask for a bare line (`expect_line`), STARTTLS throws away what came in clear
(`take_pending`). The buffer never holds more than one command's line and the last read.

A mistake is answered at once, with the first octet that proves it. What the client had already announced, the rest
of a long line or a non-synchronising literal, is swallowed without being kept and never run as a command; a client
that announced more than Limits.swallow is told BYE.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

from mailserver.imap.wire.frames import (
    BEFORE_LOGIN,
    CHUNK_OCTETS,
    AppendStart,
    Command,
    Item,
    Limits,
    LiteralChunk,
    NeedLiteral,
    RawLine,
    Refused,
)
from mailserver.imap.wire.lines import HEAD_OCTETS, Announced, announced, content_of, head
from mailserver.imap.wire.reader import Reader

TAIL_OCTETS = 64  # kept of a swallowed line, to see a literal announced at its end

# Commands with messages in literals, and what stands between the name and the literal that is the mailbox instead.
_MAILBOX = {
    "APPEND": re.compile(rb" "),
    "REPLACE": re.compile(rb" [0-9*]{1,10} "),
    "UID REPLACE": re.compile(rb" [0-9*]{1,10} "),
}


class _State(Enum):
    LINE = auto()  # a command's first line, or what follows a literal
    RAW = auto()  # the line of `expect_line`
    LITERAL = auto()  # an argument, collected
    MESSAGE = auto()  # handed over in chunks
    SKIP_LITERAL = auto()  # swallowed, a line follows
    SKIP_LINE = auto()
    CLOSED = auto()


class _Progress(Enum):
    WAIT = auto()  # for more octets
    AGAIN = auto()  # in the new state


class CommandFramer:
    """One connection's commands. Its public fields may be set at any time between two items."""

    def __init__(self, limits: Limits = BEFORE_LOGIN, most_unasked: int | None = None) -> None:
        """`most_unasked`: octets of the largest non-synchronising literal, RFC 7888; None: as large as others."""
        self.limits = limits
        self.most_unasked = most_unasked
        self.utf8 = False
        self._buffer = bytearray()
        self._state = _State.LINE
        self._raw_limit = 0
        self._begin()

    def _begin(self) -> None:
        """Between two commands."""
        self._state = _State.LINE
        self._scanned = 0  # of the buffer, without a line end
        self._tag = b""
        self._name = ""  # "" until the first line is whole
        self._text: list[bytes] = []
        self._text_octets = 0
        self._literals: list[bytes] = []
        self._literal_count = 0
        self._literal_octets = 0
        self._left = 0  # octets of the literal that is being read or swallowed
        self._asked = False  # "+" is the session's to write, and `next` was not called since
        self._messages = 0
        self._swallowed = 0

    # --- for the session -----------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Octets received and not yet part of an item."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        if self._state is not _State.CLOSED:
            self._buffer += data

    def next(self) -> Item | None:
        """The next item, None when it needs more octets. After NeedLiteral or AppendStart it means: go on."""
        self._asked = False
        step: Item | _Progress = _Progress.AGAIN
        while step is _Progress.AGAIN:
            step = _STEPS[self._state](self)
        return None if step is _Progress.WAIT else step

    def refuse(self) -> None:
        """The running command was answered: what the client still sends of it is swallowed.

        A synchronising literal that was not asked for yet will not be sent.
        """
        if self._asked:
            self._begin()
        elif self._state in (_State.LITERAL, _State.MESSAGE):
            self._state = _State.SKIP_LITERAL
        elif self._name and self._state is _State.LINE:
            self._state = _State.SKIP_LINE

    def expect_line(self, limit: int) -> None:
        """Hand over the next line as it is: a SASL response, or DONE. A longer one is Refused and ends all."""
        self._state, self._raw_limit = _State.RAW, limit

    def take_pending(self) -> bytes:
        """Take out what was received and not framed: it came in clear before TLS, or is to be inflated first."""
        pending = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return pending

    # --- lines ---------------------------------------------------------------------------------------------

    def _line(self) -> Item | _Progress:
        end = self._line_end()
        octets = self._text_octets + (len(self._buffer) if end < 0 else end + 1)
        if octets > self.limits.text and octets > self._limits().text:
            return self._too_long()
        if end < 0:
            return _Progress.WAIT
        self._text_octets = octets
        content, crlf = content_of(self._take(end + 1))
        return self._rest(content, crlf) if self._name else self._first_line(content, crlf)

    def _first_line(self, content: bytes, crlf: bool) -> Item | _Progress:
        self._tag, self._name, end = head(content)
        if not self._name:
            return self._refuse(announced(content), b"Command expected" if self._tag else b"Tag expected")
        return self._rest(content[end:], crlf)

    def _rest(self, content: bytes, crlf: bool) -> Item | _Progress:
        """What follows the command's name, or a literal."""
        literal = announced(content)
        if literal is not None:
            return self._announcement(literal, content, crlf)
        self._text.append(content)
        command = Command(self._tag, self._name, self._reader())
        self._begin()
        return command

    def _raw(self) -> Item | _Progress:
        end = self._line_end()
        if max(end, len(self._buffer) if end < 0 else 0) > self._raw_limit:
            return self._hang_up(Refused(b"*", b"BAD", b"Line longer than %d octets" % self._raw_limit))
        if end < 0:
            return _Progress.WAIT
        line = RawLine(content_of(self._take(end + 1))[0])
        self._begin()
        return line

    def _line_end(self) -> int:
        """Where the next LF is, -1 if it has not come; no octet is looked at twice."""
        end = self._buffer.find(b"\n", self._scanned)
        self._scanned = len(self._buffer) if end < 0 else end
        return end

    def _take(self, octets: int) -> bytes:
        taken = bytes(self._buffer[:octets])
        del self._buffer[:octets]
        self._scanned = 0
        return taken

    def _reader(self) -> Reader:
        return Reader(self._tag, self._name, b"".join(self._text), self._literals, utf8=self.utf8)

    def _limits(self) -> Limits:
        """Of the running command, whose name may be no further than in the buffer."""
        name = self._name or head(bytes(self._buffer[:HEAD_OCTETS]))[1]
        return self.limits.by_name.get(name, self.limits)

    # --- literals ------------------------------------------------------------------------------------------

    def _announcement(self, literal: Announced, content: bytes, crlf: bool) -> Item | _Progress:
        if not crlf:  # elsewhere a bare LF ends a line; where it would move a literal's first octet it must not
            return self._refuse(literal, b"CRLF expected after the size of a literal")
        if self._is_too_large_unasked(literal):
            return self._refuse(
                literal, b"[TOOBIG] Wait for + before you send more than %d octets" % (self.most_unasked or 0)
            )
        if self._name in _MAILBOX and self.limits.append is not None:
            before = b"".join([*self._text, content[: literal.start]])
            if not self._is_argument(before):
                return self._message_start(literal, before, self.limits.append)
        if literal.octets is None or (fault := self._fault(literal.octets)):
            return self._refuse(literal, b"[TOOBIG] Literal too large" if literal.octets is None else fault)
        self._text.append(content + b"\r\n")
        self._left, self._state, self._asked = literal.octets, _State.LITERAL, literal.synchronising
        return NeedLiteral(self._tag, literal.octets) if literal.synchronising else _Progress.AGAIN

    def _is_too_large_unasked(self, literal: Announced) -> bool:
        if literal.synchronising or self.most_unasked is None:
            return False
        return literal.octets is None or literal.octets > self.most_unasked

    def _is_argument(self, before: bytes) -> bool:
        """Whether the literal behind this text is the mailbox, or a URL of CATENATE, and not a message."""
        if not self._messages and _MAILBOX[self._name].fullmatch(before):
            return True
        catenates = self._messages or b" CATENATE (" in before.upper()  # else URL is the mailbox, by name
        return bool(catenates) and before.upper().endswith((b" URL ", b"(URL "))

    def _fault(self, octets: int) -> bytes:
        """What one more literal would break, b"" if nothing."""
        limits = self._limits()
        if octets > limits.literal:
            return b"[TOOBIG] Literal larger than %d octets" % limits.literal
        if self._literal_octets + octets > limits.literal_total:
            return b"[TOOBIG] Literals larger than %d octets together" % limits.literal_total
        if self._literal_count == limits.literals:
            return b"[LIMIT] More than %d literals" % limits.literals
        self._literal_octets += octets
        self._literal_count += 1
        return b""

    def _message_start(self, literal: Announced, before: bytes, largest: int) -> Item | _Progress:
        if literal.octets is None:
            return self._refuse(literal, b"[TOOBIG] Literal too large")
        if literal.octets > largest:
            return self._refuse(literal, b"[TOOBIG] Message larger than %d octets" % largest, b"NO")
        if self._messages == self.limits.literals:
            return self._refuse(literal, b"[LIMIT] More than %d messages" % self._messages, b"NO")
        self._messages += 1
        self._text = [before]
        reader = self._reader()
        self._text, self._literals, self._text_octets = [], [], 0  # limits are of what stands between two messages
        self._literal_count = self._literal_octets = 0
        self._left, self._state, self._asked = literal.octets, _State.MESSAGE, literal.synchronising
        first = self._messages == 1
        return AppendStart(self._tag, reader, literal.octets, literal.synchronising, literal.literal8, first)

    def _literal(self) -> Item | _Progress:
        if len(self._buffer) < self._left:
            return _Progress.WAIT
        self._literals.append(self._take(self._left))
        self._state = _State.LINE
        return _Progress.AGAIN

    def _message(self) -> Item | _Progress:
        data = self._take(min(self._left, CHUNK_OCTETS))
        if self._left and not data:
            return _Progress.WAIT
        self._left -= len(data)
        if not self._left:
            self._state = _State.LINE
        return LiteralChunk(data, last=not self._left)

    # --- after a mistake -----------------------------------------------------------------------------------

    def _refuse(self, literal: Announced | None, text: bytes, status: bytes = b"BAD") -> Item:
        """Answer; a literal the client sends without being asked is swallowed, and the command's rest with it."""
        refused = Refused(self._tag or b"*", status, text)
        if literal is None or literal.synchronising:
            self._begin()
        elif not self._may_swallow(literal.octets):
            return self._hang_up(refused)
        return refused

    def _too_long(self) -> Item:
        """The line is answered before its end has come."""
        limit = self._limits().text
        tag = self._tag or head(bytes(self._buffer[:HEAD_OCTETS]))[0]
        self._state = _State.SKIP_LINE
        return Refused(tag or b"*", b"BAD", b"[LIMIT] Command longer than %d octets" % limit)

    def _may_swallow(self, octets: int | None) -> bool:
        """Begin to swallow a literal, unless it is more than a peer may cost."""
        if octets is None or not self._swallowing(octets):
            return False
        self._left, self._state = octets, _State.SKIP_LITERAL
        return True

    def _swallowing(self, octets: int) -> bool:
        self._swallowed += octets
        message = self.limits.append or 0 if self._name in _MAILBOX else 0
        return self._swallowed <= max(self.limits.swallow, message)

    def _skip_literal(self) -> Item | _Progress:
        self._left -= len(self._take(min(self._left, len(self._buffer))))
        if self._left:
            return _Progress.WAIT
        self._state = _State.SKIP_LINE
        return _Progress.AGAIN

    def _skip_line(self) -> Item | _Progress:
        end = self._line_end()
        gone = self._take(max(len(self._buffer) - TAIL_OCTETS, 0) if end < 0 else end + 1)
        if end < 0:
            self._scanned = len(self._buffer)
        if not self._swallowing(len(gone)):
            return self._hang_up(Refused(b"*", b"BAD", b"Too many octets of a refused command"))
        return _Progress.WAIT if end < 0 else self._skipped(content_of(gone)[0])

    def _skipped(self, content: bytes) -> Item | _Progress:
        literal = announced(content)
        if literal is None and len(content) >= TAIL_OCTETS and content.endswith(b"+}"):
            literal = Announced(None, synchronising=False, literal8=False, start=0)  # its digits were thrown away
        if literal is None or literal.synchronising:
            self._begin()
        elif not self._may_swallow(literal.octets):
            return self._hang_up(Refused(b"*", b"BAD", b"Too many octets of a refused command"))
        return _Progress.AGAIN

    def _hang_up(self, refused: Refused) -> Refused:
        self._state = _State.CLOSED
        self._buffer.clear()
        return replace(refused, close=True)


_STEPS: dict[_State, Callable[[CommandFramer], Item | _Progress]] = {
    _State.LINE: CommandFramer._line,
    _State.RAW: CommandFramer._raw,
    _State.LITERAL: CommandFramer._literal,
    _State.MESSAGE: CommandFramer._message,
    _State.SKIP_LITERAL: CommandFramer._skip_literal,
    _State.SKIP_LINE: CommandFramer._skip_line,
    _State.CLOSED: lambda _: _Progress.WAIT,
}
