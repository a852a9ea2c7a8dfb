"""TLS reports as mail: multipart/report with the JSON, packed, as an attachment. RFC 8460 §5.3"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.fetching.gunzip import NotGzip, TooMuch, gunzip
from mailserver.mail.dates import format_date
from mailserver.mail.editing import field_line
from mailserver.mail.scanner import Entity, scan
from mailserver.mail.transfer import decode
from mailserver.outbound_tls.tls_report import MAX_JSON_OCTETS, BadReport, TlsReport, parse

MAX_MAIL_OCTETS = 262_144  # of mail that is looked into: as much as arriving mail has in memory
PACKED = "application/tlsrpt+gzip"
PLAIN = "application/tlsrpt+json"
MEDIA_TYPES = {PACKED, PLAIN}
# What some senders have instead, where the name of the file says what it is.
GENERIC = {"application/gzip", "application/x-gzip", "application/octet-stream", "application/json"}
BOUNDARY_OCTETS = 16
GZIP_MAGIC = b"\x1f\x8b"

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What a report's mail says besides the report."""

    sender: str  # From
    submitter: str  # our host name
    domain: str  # the one reported about
    begins_at: int  # epoch seconds
    ends_at: int
    report_id: str


def file_name(head: Letterhead) -> str:
    """RFC 8460 §5.1."""
    return f"{head.submitter}!{head.domain}!{head.begins_at}!{head.ends_at}.json.gz"


def compose(head: Letterhead, recipient: str, packed: bytes, now: int, random: Random) -> bytes:
    """The whole message, 7 bit, CRLF; `now`: epoch seconds.

    TLS-Required: No, because broken TLS is what it may be about (RFC 8460 §5.3, RFC 8689 §5).
    """
    boundary = random(BOUNDARY_OCTETS).hex()
    fields = [
        ("Date", format_date(now)),
        ("From", f"<{head.sender}>"),
        ("To", f"<{recipient}>"),
        (
            "Subject",
            f"Report Domain: {head.domain} Submitter: {head.submitter} Report-ID: <{head.report_id}>",
        ),
        ("Message-ID", f"<{random(BOUNDARY_OCTETS).hex()}@{head.submitter}>"),
        ("TLS-Report-Domain", head.domain),
        ("TLS-Report-Submitter", head.submitter),
        ("TLS-Required", "No"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type="tlsrpt"; boundary="{boundary}"'),
    ]
    words = (
        f"This is an aggregate TLS report from {head.submitter} about the domain {head.domain}\r\n"
        f"for the day {format_date(head.begins_at)}.\r\n"
    )
    text = b'Content-Type: text/plain; charset="us-ascii"\r\n\r\n' + words.encode("ascii")
    name = file_name(head)
    data = (
        f'Content-Type: {PACKED}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode("ascii") + _base64(packed)
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in (text, data))
    return b"".join(field_line(*field) for field in fields) + b"\r\n" + body + b"--%b--\r\n" % boundary.encode()


def read(message: bytes) -> tuple[TlsReport, bytes]:
    """The report in a message, and its JSON text. In a thread. Raises BadReport."""
    if len(message) > MAX_MAIL_OCTETS:
        raise BadReport(f"the message has more than {MAX_MAIL_OCTETS} octets")
    part = next((entity for entity in scan(message) if _is_report(entity)), None)
    if part is None:
        raise BadReport(f"the message has no part of type {PACKED} or {PLAIN}")
    text = _unpacked(decode(message[part.body_start : part.end], part.encoding.name))
    return parse(text), text


def unpack(data: bytes, media_type: str) -> bytes:
    """JSON of a report that was posted. Raises BadReport."""
    if media_type not in MEDIA_TYPES:
        raise BadReport(f"a report is {PACKED} or {PLAIN}, not {media_type[:100]!r}")
    return _unpacked(data)


def _is_report(entity: Entity) -> bool:
    name = entity.content.name
    file = (entity.content.filename or _disposed(entity)).lower()
    return name in MEDIA_TYPES or (name in GENERIC and file.endswith((".json.gz", ".json")))


def _disposed(entity: Entity) -> str:
    return entity.disposition[1].get(b"filename", b"").decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes:
    """Packed or not, as the octets themselves say: media types are mixed up now and then."""
    if not data.startswith(GZIP_MAGIC):
        return data
    try:
        return gunzip(data, MAX_JSON_OCTETS)
    except (TooMuch, NotGzip) as fault:
        raise BadReport(f"the report is {fault}") from fault


def _base64(data: bytes) -> bytes:
    lines = [binascii.b2a_base64(data[at : at + 57], newline=False) for at in range(0, len(data), 57)]
    return b"\r\n".join(lines) + b"\r\n"
