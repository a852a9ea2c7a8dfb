"""ENVELOPE and BODYSTRUCTURE for clients that did not enable UTF-8: what is UTF-8 in a header becomes ASCII.

Texts become encoded words. A domain becomes its A-labels; an address whose local part is not ASCII can not be written
to by such a client, so it is shown in the display name of one that leads nowhere. RFC 6855 §7, RFC 6858 §2.

Works on the structures as they were rendered, in which such a text is a literal; everything else stays as it is, also
octets that are no UTF-8: nobody knows what they mean. The message itself is never changed, its size and its signatures
would not hold.
"""

import base64
import re
from dataclasses import dataclass
from enum import Enum, auto

from mailserver.mail.imap_strings import NIL, string
from mailserver.text import domain_name

WORD_OCTETS = 45  # of UTF-8 in one encoded word: 60 of base64, 75 with what is around it, RFC 2047 §2
NOWHERE = b'NIL "invalid" "internationalized-address.invalid"'  # RFC 6858 §2.1

_TOKEN = re.compile(rb'[()]| |"(?:[^"\\]|\\.)*"|\{(?P<octets>[0-9]+)\}\r\n|[^() "{]+', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


class _Kind(Enum):
    ENVELOPE = auto()
    ADDRESSES = auto()
    PART = auto()
    OTHER = auto()


@dataclass(slots=True)
class _List:
    kind: _Kind
    items: int = 0  # behind us
    has_strings: bool = False
    is_message: bool = False  # a part that begins with "message"

    def kind_of_inner(self) -> _Kind:
        """What a list inside this one is, by its place: RFC 9051 §7.5.2."""
        if self.kind is _Kind.ENVELOPE:
            return _Kind.ADDRESSES
        if self.kind is not _Kind.PART or (self.has_strings and not self.is_message):
            return _Kind.OTHER
        if not self.has_strings:
            return _Kind.PART  # of a multipart
        return {7: _Kind.ENVELOPE, 8: _Kind.PART}.get(self.items, _Kind.OTHER)


def envelope(rendered: bytes) -> bytes:
    """`rendered`: with its parentheses."""
    return rendered if rendered.isascii() else _downgraded(rendered, _Kind.ENVELOPE)


def body_structure(rendered: bytes) -> bytes:
    """BODY or BODYSTRUCTURE, with its parentheses."""
    return rendered if rendered.isascii() else _downgraded(rendered, _Kind.PART)


def encoded_words(text: str) -> bytes:
    """The text as RFC 2047 has it, whole characters in each word."""
    words, piece = [], b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > WORD_OCTETS:
            words.append(piece)
            piece = b""
        piece += octets
    return b" ".join(b"=?utf-8?b?%b?=" % base64.b64encode(word) for word in [*words, piece])


def _downgraded(rendered: bytes, kind: _Kind) -> bytes:
    out: list[bytes] = []
    lists = [_List(_Kind.OTHER)]  # the outermost is not there: it holds the structure
    at = 0
    while at < len(rendered):
        token, value, end = _read(rendered, at)
        if token == b"(" and lists[-1].kind is _Kind.ADDRESSES:
            token, end = _address(rendered, at)
        elif token == b"(":
            lists.append(_List(lists[-1].kind_of_inner() if len(lists) > 1 else kind))
        elif token == b")":
            lists.pop()
            lists[-1].items += 1
        elif token != b" ":
            token = token if value is None else _text(token, value)
            _count_string(lists[-1], token)
        out.append(token)
        at = end
    return b"".join(out)


def _count_string(within: _List, token: bytes) -> None:
    within.is_message = within.is_message or (not within.items and token.lower() == b'"message"')
    within.has_strings = True
    within.items += 1


def _read(rendered: bytes, at: int) -> tuple[bytes, bytes | None, int]:
    """A token as it stands, the value of a literal, and where the next one begins."""
    found = _TOKEN.match(rendered, at)
    if found is None:
        raise ValueError(f"not a rendered structure at octet {at}")
    if found["octets"] is None:
        return found[0], None, found.end()
    end = found.end() + int(found["octets"])
    return rendered[at:end], rendered[found.end() : end], end


def _text(token: bytes, value: bytes) -> bytes:
    if value.isascii():
        return token
    try:
        return string(encoded_words(value.decode("utf-8")))
    except UnicodeDecodeError:
        return token


def _address(rendered: bytes, start: int) -> tuple[bytes, int]:
    """(name route mailbox host), and where it ends."""
    tokens: list[tuple[bytes, bytes]] = []
    at = start + 1
    while len(tokens) < 4:
        token, value, at = _read(rendered, at)
        if token != b" ":
            tokens.append((token, _value(token) if value is None else value))
    (name, shown), (route, way), (mailbox, local), (host, domain) = tokens
    if host == NIL:  # a group's beginning or end
        return b"(%b %b %b %b)" % (name, route, _text(mailbox, local), host), at + 1
    try:
        if (local + way).isascii() and (ascii_host := _ascii_domain(domain, host)):
            return b"(%b %b %b %b)" % (_text(name, shown), route, mailbox, ascii_host), at + 1
        spoken = (b"%b <%b@%b>" % (shown, local, domain) if shown else b"%b@%b" % (local, domain)).decode("utf-8")
    except UnicodeDecodeError:
        return rendered[start : at + 1], at + 1
    return b"(%b %b)" % (string(encoded_words(spoken)), NOWHERE), at + 1


def _value(token: bytes) -> bytes:
    """Of a quoted string; NIL and "" are both nothing."""
    return b"" if token == NIL else _ESCAPE.sub(rb"\1", token[1:-1])


def _ascii_domain(domain: bytes, token: bytes) -> bytes:
    """As a string; b"" where there are no A-labels for it."""
    if domain.isascii():
        return token
    try:
        return string(domain_name(domain.decode("utf-8")).encode("ascii"))
    except ValueError as fault:
        if isinstance(fault, UnicodeDecodeError):
            raise
        return b""
