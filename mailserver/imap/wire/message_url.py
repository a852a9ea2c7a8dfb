"""IMAP URLs of messages and their parts, as CATENATE has them: relative to the account. RFC 5092, RFC 4469 §3."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mailserver.imap.wire.fetch_items import Partial, Section, parse_section
from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_URL_OCTETS = 8192

_URL = re.compile(
    rb"/?(?P<mailbox>[^;]*?)(?:;UIDVALIDITY=(?P<uidvalidity>[1-9][0-9]{0,9}))?"
    rb"/?;UID=(?P<uid>[1-9][0-9]{0,9})"
    rb"(?:/?;SECTION=(?P<section>[^;]+?))?"
    rb"(?:/?;PARTIAL=(?P<start>[0-9]{1,18})(?:\.(?P<octets>[1-9][0-9]{0,17}))?)?/?",
    re.IGNORECASE,
)
_UNSPEAKABLE = re.compile(rb"[^\x21-\x7e]|[\]\"\\]")
_TO_THE_END = 2**63


@dataclass(frozen=True, slots=True)
class MessageUrl:
    mailbox: str  # "" for the selected one
    uidvalidity: int | None
    uid: int
    section: Section
    partial: Partial | None


def parse(url: bytes) -> MessageUrl:
    """`[/mailbox[;UIDVALIDITY=n]]/;UID=n[/;SECTION=s][/;PARTIAL=a[.b]]`. Raises BadSyntax.

    A URL with a scheme and a server, or with URLAUTH, is not one of this account. RFC 4469 §3.
    """
    found = _URL.fullmatch(url) if len(url) <= MAX_URL_OCTETS else None
    if found is None or found["mailbox"].lower().startswith(b"imap:"):
        raise BadSyntax("Not the URL of a message in this account")
    try:
        mailbox = unquote_to_bytes(found["mailbox"]).decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("The mailbox in a URL is UTF-8 with percent signs") from None
    uidvalidity = int(found["uidvalidity"]) if found["uidvalidity"] else None
    return MessageUrl(mailbox, uidvalidity, int(found["uid"]), _section(found["section"] or b""), _partial(found))


def _section(encoded: bytes) -> Section:
    r = Reader(b"", "", b"[%b]" % unquote_to_bytes(encoded))
    section = parse_section(r)
    r.end()
    return section


def _partial(found: re.Match[bytes]) -> Partial | None:
    if not found["start"]:
        return None
    return Partial(int(found["start"]), int(found["octets"] or _TO_THE_END))


def spoken(url: bytes) -> str:
    """The URL as a response code may have it; what can not stand there is percent encoded."""
    return _UNSPEAKABLE.sub(lambda each: b"%%%02X" % each[0][0], url[:1000]).decode("ascii")
