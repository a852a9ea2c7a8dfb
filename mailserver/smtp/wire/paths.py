"""Reverse-path and forward-path as values: the grammar of RFC 5321 §4.1.2 with the UTF-8 of RFC 6531 §3.3.

Nothing is repaired: a path is what the grammar says or it is refused. A source route is read and dropped
(RFC 5321 §4.1.1.3); `%`, `!` and a quoted `@` are ordinary characters of the local part, never a route.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from mailserver.errors import BadAddress

MAX_PATH = 256  # octets with the angle brackets, RFC 5321 §4.5.3.1.3; counted without the source route
MAX_LOCAL_PART = 64  # octets, quotes included, RFC 5321 §4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
MAX_LABEL = 63  # octets of an A-label, RFC 1035 §2.3.4
POSTMASTER = "postmaster"  # the one forward-path without a domain, RFC 5321 §4.1.1.3

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]"
_LET_DIG = r"[A-Za-z0-9\x80-\U0010ffff]"
_LABEL = rf"{_LET_DIG}(?:[A-Za-z0-9\x80-\U0010ffff-]*{_LET_DIG})?"
_LOCAL_PART = rf'(?:{_ATEXT}+(?:\.{_ATEXT}+)*|"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*")'
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"
_MAILBOX = re.compile(rf"({_LOCAL_PART})@({_DOMAIN})>")
_ROUTE = re.compile(rf"@{_DOMAIN}(?:,@{_DOMAIN})*:")
_LITERAL = re.compile(r"\[(?:([0-9.]{7,15})|IPv6:([0-9A-Fa-f:.]{2,45}))\]", re.IGNORECASE)
_POSTMASTER = re.compile(POSTMASTER + ">", re.IGNORECASE)


class BadReversePath(BadAddress):
    smtp, text = "501 5.1.7", "Not a sender address; the form is MAIL FROM:<local-part@domain>"


class BadForwardPath(BadAddress):
    smtp, text = "501 5.1.3", "Not a recipient address; the form is RCPT TO:<local-part@domain>"


@dataclass(frozen=True, slots=True)
class ReversePath:
    local_part: str  # as written, with its quotes; "" only in the null reverse-path
    domain: str  # as written, an address literal with its brackets; "" only in the null reverse-path
    literal: IPv4Address | IPv6Address | None = None  # of an address literal

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}" if self.local_part else ""

    @property
    def needs_utf8(self) -> bool:
        """Not ASCII: allowed only under SMTPUTF8, RFC 6531 §3.4."""
        return not (self.local_part.isascii() and self.domain.isascii())


@dataclass(frozen=True, slots=True)
class ForwardPath:
    local_part: str  # as written, with its quotes
    domain: str  # as written; "" only for <postmaster>
    literal: IPv4Address | IPv6Address | None = None

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}" if self.domain else self.local_part

    @property
    def needs_utf8(self) -> bool:
        return not (self.local_part.isascii() and self.domain.isascii())


NULL = ReversePath("", "")


def reverse_path(argument: bytes) -> tuple[ReversePath, bytes]:
    """`<path>` and what follows it on the line. Raises BadReversePath."""
    if argument.startswith(b"<>"):
        return NULL, argument[2:]
    try:
        local_part, domain, literal, rest = _path(argument)
    except ValueError:
        raise BadReversePath from None
    return ReversePath(local_part, domain, literal), rest


def forward_path(argument: bytes) -> tuple[ForwardPath, bytes]:
    """`<path>` and what follows it on the line. Raises BadForwardPath."""
    try:
        text = _text(argument)
        if found := _POSTMASTER.match(text, 1):
            return ForwardPath(text[1 : found.end() - 1], ""), argument[found.end() :]
        local_part, domain, literal, rest = _path(argument)
    except ValueError:
        raise BadForwardPath from None
    return ForwardPath(local_part, domain, literal), rest


def _path(argument: bytes) -> tuple[str, str, IPv4Address | IPv6Address | None, bytes]:
    """Raises ValueError, whatever is wrong."""
    text = _text(argument)
    route = _ROUTE.match(text, 1)
    start = route.end() if route else 1
    mailbox = _MAILBOX.match(text, start)
    if mailbox is None:
        raise ValueError("not a mailbox")
    local_part, domain = mailbox[1], mailbox[2]
    _check_lengths(local_part, domain)
    path = text[start : mailbox.end()]
    if not path.isprintable():  # beyond ASCII the classes above let control and format characters pass
        raise ValueError("unprintable")
    rest = text[mailbox.end() :]
    literal = _address(domain) if domain.startswith("[") else None
    return local_part, domain, literal, rest.encode()


def _text(argument: bytes) -> str:
    """Strict UTF-8, of which ASCII is the usual part; UnicodeDecodeError is a ValueError."""
    if not argument.startswith(b"<"):
        raise ValueError("no angle bracket")
    return argument.decode()


def _check_lengths(local_part: str, domain: str) -> None:
    local_octets, domain_octets = len(local_part.encode()), len(domain.encode())
    if local_octets > MAX_LOCAL_PART or domain_octets > MAX_DOMAIN or local_octets + domain_octets + 3 > MAX_PATH:
        raise ValueError("too long")
    if domain_octets > MAX_LABEL and any(len(label) > MAX_LABEL for label in domain.split(".")):
        raise ValueError("label too long")


def _address(domain: str) -> IPv4Address | IPv6Address:
    literal = _LITERAL.fullmatch(domain)
    if literal is None:
        raise ValueError("no address literal that we know")
    return IPv4Address(literal[1]) if literal[1] else IPv6Address(literal[2])
