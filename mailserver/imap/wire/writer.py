"""What the server sends, as octets. RFC 9051 §9, RFC 3501 §9.

Peers' text gets on a line only through `string` and its relatives: CR, LF, NUL and 8-bit octets are in literals or
nowhere.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mailserver.imap.wire import utf7
from mailserver.imap.wire.reader import MONTHS
from mailserver.mail.flags import FlagSet

CRLF = b"\r\n"
MAX_QUOTED_OCTETS = 1000  # longer strings are literals: clients read lines into buffers

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,1000}")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8 = re.compile("[^\x00\r\n]*")
_SPECIAL = re.compile(rb'(["\\])')
_UNPRINTABLE = re.compile("[^\x20-\x7e]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- strings ---------------------------------------------------------------------------------------------------


def string(octets: bytes) -> bytes:
    """Quoted where that can be, else a literal."""
    if len(octets) > MAX_QUOTED_OCTETS or not _QUOTABLE.fullmatch(octets):
        return literal(octets)
    return _quoted(octets)


def nstring(octets: bytes | None) -> bytes:
    return b"NIL" if octets is None else string(octets)


def astring(octets: bytes) -> bytes:
    """An atom where that can be. NIL is quoted: some clients take it for nothing wherever it stands."""
    return octets if _ATOM.fullmatch(octets) and octets.upper() != b"NIL" else string(octets)


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)


def literal8(octets: bytes) -> bytes:
    return b"~{%d}\r\n%b" % (len(octets), octets)


def text_string(text: str, *, utf8: bool = False) -> bytes:
    """Text as a string: a UTF-8 quoted string once the client has enabled that, else as `string` has it."""
    octets = text.encode("utf-8")
    if utf8 and len(octets) <= MAX_QUOTED_OCTETS and _QUOTABLE_UTF8.fullmatch(text):
        return _quoted(octets)
    return string(octets)


def _quoted(octets: bytes) -> bytes:
    return b'"%b"' % _SPECIAL.sub(rb"\\\1", octets)


# --- names, flags, times ---------------------------------------------------------------------------------------


def mailbox(name: str, *, utf8: bool = False) -> bytes:
    """A mailbox name in modified UTF-7, or in UTF-8 with IMAP4rev2 or UTF8=ACCEPT. RFC 9051 §5.1, RFC 6855 §3."""
    if utf8 and not name.isascii():
        return text_string(name, utf8=True)
    return astring(name.encode("ascii") if utf8 else utf7.encode(name))


def flag_list(flags: FlagSet, *more: bytes) -> bytes:
    """The flags in parentheses; `more` are those a FlagSet does not hold: \\Recent, \\*."""
    return b"(%b)" % b" ".join([flags.wire, *more] if flags.wire else more)


def atoms(names: Iterable[str]) -> bytes:
    """Words of ours in parentheses: LIST attributes, option names."""
    return b"(%b)" % " ".join(names).encode("ascii")


def date_time(epoch_seconds: int) -> bytes:
    """ " 1-Feb-1994 21:52:25 +0000" with its quotes; years beyond 1 to 9999 are cut off there."""
    first, last = -62_135_596_800, 253_402_300_799
    when = _EPOCH + timedelta(seconds=min(max(epoch_seconds, first), last))
    month = MONTHS[when.month - 1].title()
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        when.day, month, when.year, when.hour, when.minute, when.second,
    )  # fmt: skip


# --- responses -------------------------------------------------------------------------------------------------


def untagged(data: bytes) -> bytes:
    return b"* %b\r\n" % data


def continuation(text: bytes = b"") -> bytes:
    """The space stays when there is no text: "+ ". Clients wait for it. RFC 9051 §7.6"""
    return b"+ %b\r\n" % text


def status(tag: bytes, word: bytes, text: bytes) -> bytes:
    """A status response: `tag` of the command or b"*", `word` OK NO BAD BYE PREAUTH, `text` with its response code."""
    return b"%b %b %b\r\n" % (tag, word, text)


def coded(code: str | None, text: str) -> bytes:
    """Text for a person behind its response code; what could end the line or look like another code is replaced."""
    plain = _UNPRINTABLE.sub("?", text).encode("ascii") or b"Done"
    if code is not None:
        return b"[%b] %b" % (code.encode("ascii"), plain)
    return b"(" + plain[1:] if plain.startswith(b"[") else plain
