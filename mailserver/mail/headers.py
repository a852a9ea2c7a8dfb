"""Header blocks: fields as raw lines, by name, and the choices of FETCH HEADER.FIELDS. RFC 5322 §2.2.

A header ends at the first empty line. Lines in it that are no fields are passed over; an entity whose first line
can not be a field has no header at all.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice

from mailserver.mail.octets import Octets

MAX_FIELDS = 1000  # of one header; later ones are not looked at
MAX_HEADER_OCTETS = 1024 * 1024  # of one header; what follows is not looked at
MAX_NAME_OCTETS = 1000  # a field name that is longer is none
MAX_CHOICES = 64  # sets of names whose pattern is remembered
FEW_OCTETS = 64 * 1024  # a header up to here is split in one go

# Fields that clients ask for in lists of messages: kept beside the message, so that no file is opened for them.
# A name costs nothing where the field is missing.
KEPT_FIELDS = frozenset(
    b"date from sender reply-to to cc bcc subject message-id in-reply-to references"
    b" mime-version content-type content-transfer-encoding content-description content-disposition content-language"
    b" return-path delivered-to x-original-to resent-from resent-to resent-date"
    b" list-id list-post list-unsubscribe list-unsubscribe-post list-help list-archive list-subscribe list-owner"
    b" mail-followup-to mail-reply-to newsgroups followup-to precedence auto-submitted lines"
    b" x-priority importance priority x-msmail-priority user-agent x-mailer disposition-notification-to"
    b" return-receipt-to authentication-results received-spf x-spam-status x-spam-flag x-spam-level x-spam-score"
    b" x-label x-keywords x-forwarded-message-id x-mozilla-draft-info x-uniform-type-identifier"
    b" x-universally-unique-identifier x-k9mail-identity chat-version autocrypt-setup-message thread-topic".split()
)

_FIELD = re.compile(rb"^(([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?)", re.MULTILINE)
_LINES = rb"^%b[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?"
_FIRST_LINE = re.compile(rb"\r?\n|[!-9;-~]++[ \t]*+:|>?From ")  # mbox separators are met before a first field
_EMPTY_LINE = re.compile(rb"\r?\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_SPACE = b" \t\r\n"


class Header:
    """The fields of one header, split once. Names are asked for in lower case."""

    __slots__ = ("_fields", "_first", "_repeated")

    def __init__(self, block: bytes) -> None:
        self._fields = split(block)
        self._first: dict[bytes, bytes] = {}
        self._repeated: set[bytes] = set()
        first = self._first
        for _, written, value in self._fields:
            name = written.lower()
            if name in first:
                self._repeated.add(name)
            else:
                first[name] = value

    def get(self, name: bytes) -> bytes:
        """The first field of this name, unfolded and stripped; b"" where it is missing."""
        value = self._first.get(name)
        return unfolded(value) if value else b""

    def listed(self, name: bytes) -> bytes:
        """As `get`, but several fields of this name are one list: addresses spread over two To fields."""
        if name not in self._repeated:
            return self.get(name)
        return b", ".join([unfolded(value) for _, known, value in self._fields if known.lower() == name])

    def lacks(self, names: Iterable[bytes]) -> bool:
        """Whether there is no field of any of these names."""
        return self._first.keys().isdisjoint(names)

    def kept(self) -> bytes:
        """The raw lines of KEPT_FIELDS, CRLF ended."""
        return _with_crlf(b"".join([line for line, name, _ in self._fields if name.lower() in KEPT_FIELDS]))


def split(block: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """(raw line with its continuations and line end, name, value) of each field, in order."""
    if len(block) <= FEW_OCTETS:
        return _FIELD.findall(block)[:MAX_FIELDS]
    fields = islice(_FIELD.finditer(block, 0, MAX_HEADER_OCTETS), MAX_FIELDS)
    return [(field[1], field[2], field[3]) for field in fields]


def unfolded(value: bytes) -> bytes:
    """RFC 5322 §2.2.3; the white space of the fold stays."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip(_SPACE)


def select(block: bytes, names: Iterable[bytes], *, exclude: bool = False) -> bytes:
    """What HEADER.FIELDS (names) answers, or HEADER.FIELDS.NOT: raw lines in message order and the empty line.

    Names match without case. RFC 9051 §6.4.5.1.
    """
    wanted = {name.lower() for name in names}
    chosen = [line for line, name, _ in split(block) if (name.lower() in wanted) != exclude]
    return _with_crlf(b"".join(chosen)) + b"\r\n"


def chooser(names: Iterable[bytes]) -> Callable[[bytes], bytes]:
    """`select` of these names, all of KEPT_FIELDS, for the kept lines of many messages: half as long for each."""
    find = _choice(frozenset(name.lower() for name in names)).findall
    return lambda kept: _with_crlf(b"".join(find(kept))) + b"\r\n"


@lru_cache(MAX_CHOICES)
def _choice(names: frozenset[bytes]) -> re.Pattern[bytes]:
    wanted = b"|".join(map(re.escape, sorted(names)))
    return re.compile(_LINES % (b"(?:%b)" % wanted), re.MULTILINE | re.IGNORECASE)


def kept_covers(names: Iterable[bytes]) -> bool:
    """Whether the kept fields are enough to answer HEADER.FIELDS (names)."""
    return KEPT_FIELDS.issuperset(name.lower() for name in names)


def _with_crlf(lines: bytes) -> bytes:
    if lines and not lines.endswith(b"\n"):
        lines += b"\r\n"  # a header that ended with the message
    return _BARE_LF.sub(b"\r\n", lines) if lines.count(b"\n") != lines.count(b"\r\n") else lines


def has_header(message: Octets, start: int) -> bool:
    """Whether what starts here can be a header, an empty one included."""
    return _FIRST_LINE.match(message[start : start + MAX_NAME_OCTETS]) is not None


def header_octets(message: Octets) -> int:
    """Length of a message's header with its empty line; the whole message where there is no empty line."""
    size = len(message)
    if not has_header(message, 0):
        return 0
    if first := _EMPTY_LINE.match(message[:2]):
        return first.end()
    crlf = message.find(b"\n\r\n", 0, size)
    lf = message.find(b"\n\n", 0, size if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else size
