"""Which fields of a header a signature of ours covers, and what it says. RFC 6376 §3.5, §5.4, §8.15."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.dkim.body_hash import BodyHash
from mailserver.mail.editing import HeaderBlock

# Signed once more than they are there: nobody can add another one that readers would show instead.
OVERSIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
)
# Signed where they are.
SIGNED = (
    b"sender",
    b"cc",
    b"in-reply-to",
    b"references",
    b"content-transfer-encoding",
    b"content-id",
    b"content-description",
    b"resent-date",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"auto-submitted",
)
MAX_EACH = 20  # fields of one name that are signed, the lowest first


@dataclass(frozen=True, slots=True)
class Terms:
    """What a signature says besides what it signs."""

    domain: str  # A-labels
    selector: str
    signed_at: int  # epoch seconds
    expires_at: int | None = None


def covered(block: HeaderBlock, *also: bytes) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """(the fields that take part, in message order; h= with each name as often as it is signed)."""
    wanted = dict.fromkeys((*OVERSIGNED, *SIGNED, *also))
    fields = [raw_field(field.line) for field in block.fields if field.name in wanted]
    counts = {name: min(block.count(name), MAX_EACH) for name in wanted}
    names = [name for name, count in counts.items() for _ in range(count + (name in OVERSIGNED))]
    return fields, names


def raw_field(line: bytes) -> tuple[bytes, bytes]:
    """Name and value as written; the value ends with CRLF."""
    name, _, value = line.partition(b":")
    return name, value if value.endswith(b"\r\n") else value.rstrip(b"\r\n") + b"\r\n"


def tags(terms: Terms, algorithm: bytes, names: Sequence[bytes], body: BodyHash) -> list[tuple[bytes, bytes]]:
    """Never l=: what follows the signed octets would be signed in the eyes of many readers."""
    return [
        (b"v", b"1"),
        (b"a", algorithm),
        (b"c", b"relaxed/relaxed"),
        (b"d", terms.domain.encode()),
        (b"s", terms.selector.encode()),
        (b"t", b"%d" % terms.signed_at),
        *([(b"x", b"%d" % terms.expires_at)] if terms.expires_at is not None else []),
        (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(body.sha256)),
    ]
