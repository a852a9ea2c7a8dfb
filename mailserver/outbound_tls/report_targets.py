"""Where a domain wants TLS reports sent: the TXT record at _smtp._tls.DOMAIN. RFC 8460 §3"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

MAX_RECORD_OCTETS = 4096
MAX_TARGETS = 5  # of one domain
MAX_URI = 1000  # characters

_FIELD = re.compile(r"[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*=([^;]*)")
# A plain address: a report is no reason for quoting, lists and names.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})+")


@dataclass(frozen=True, slots=True)
class Target:
    """One address of the record: a mailbox, or where to POST."""

    uri: str
    mailbox: str | None = None  # None: https


def targets(records: tuple[bytes, ...]) -> tuple[Target, ...]:
    """Of the one TLSRPTv1 record; () where there is none, or more than one (§3). What is not understood is left out."""
    found = [record for record in records if _is_ours(record)]
    if len(found) != 1 or len(found[0]) > MAX_RECORD_OCTETS:
        return ()
    try:
        fields = [_FIELD.fullmatch(part) for part in found[0].decode("ascii").split(";")[1:]]
    except UnicodeDecodeError:
        return ()
    uris = [uri.strip() for field in fields if field and field[1] == "rua" for uri in field[2].split(",")]
    known = [target for uri in uris if (target := _target(uri)) is not None]
    return tuple(dict.fromkeys(known))[:MAX_TARGETS]


def _is_ours(record: bytes) -> bool:
    return record.partition(b";")[0].replace(b" ", b"") == b"v=TLSRPTv1"


def _target(uri: str) -> Target | None:
    if len(uri) > MAX_URI or not uri.isprintable():
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme == "https" and parts.hostname:
        return Target(uri)
    mailbox = unquote(parts.path) if parts.scheme == "mailto" else ""
    return Target(uri, mailbox) if _MAILBOX.fullmatch(mailbox) else None
