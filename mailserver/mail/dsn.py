"""Delivery status notifications: what we tell a sender of what became of a message. RFC 3461 §6, RFC 3464, RFC 6522.

    multipart/report
      text/plain                what happened, why, and what a person can do
      message/delivery-status   the same for programs: a block of fields for the message, then one for each recipient
      message/rfc822            the message, where it failed, is small and RET does not say HDRS
      text/rfc822-headers       else its header

Where an address or the message's header is UTF-8 the last two are the message/global types of RFC 6533. What servers
said is a stranger's text: control characters never reach a field, and nothing of it can end one.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.mail import dsn_fields, encoded_words
from mailserver.mail.dates import format_date
from mailserver.mail.downgrade import encoded_words as as_encoded_words
from mailserver.mail.dsn_words import SUBJECTS, words
from mailserver.mail.editing import HeaderBlock, field_line
from mailserver.mail.message_ids import message_id, message_ids
from mailserver.mail.reports import Action, Report, original_address
from mailserver.mail.strangers import plain, plain_address
from mailserver.mail.transaction import Ret

MAX_RETURNED_OCTETS = 65_536  # of a message that is given back whole; of a larger one only the header is
MAX_HEADER_OCTETS = 65_536  # of a header that is given back
LONGEST_ID = 200  # characters; a longer one is no id that a thread hangs on
MAX_SUBJECT = 150  # characters of the original Subject
MAX_REFERENCES = 20  # ids; the thread's root is the first of them
BOUNDARY_OCTETS = 16
ID_OCTETS = 16

Random = Callable[[int], bytes]

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Notification:
    octets: bytes  # the whole message, CRLF
    smtputf8: bool  # it can only be sent under SMTPUTF8
    is_8bit: bool


def compose(report: Report, original: bytes, size: int, now: int, random: Random) -> Notification:
    """`original`: the message's first octets, at least its header or MAX_HEADER_OCTETS; `size`: of all of it.

    `now`: epoch seconds.
    """
    header = HeaderBlock.parse(original[: max(MAX_RETURNED_OCTETS, MAX_HEADER_OCTETS)])
    is_global = not _is_ascii(report) or not _is_utf8_free(original[: header.octets])
    returned = _returned(report, header, original, size, is_global)
    boundary = random(BOUNDARY_OCTETS).hex()
    parts = [
        _text_part(words(report, header, is_whole=returned.is_whole)),
        _part(
            f"message/{'global-' if is_global else ''}delivery-status",
            dsn_fields.status(report, is_global),
            eight=is_global,
        ),
        _part(returned.media_type, returned.octets, eight=not returned.octets.isascii()),
    ]
    top = _header(report, header, now, random, boundary, is_global)
    octets = top + b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    octets += b"--%b--\r\n" % boundary.encode()
    return Notification(octets, is_global, not octets.isascii())


# ---- header ----


def _header(report: Report, header: HeaderBlock, now: int, random: Random, boundary: str, is_global: bool) -> bytes:
    host = report.reporting_mta
    fields = [
        ("Date", format_date(now)),
        ("From", f"Mail Delivery System <MAILER-DAEMON@{host}>"),
        ("To", f"<{plain_address(report.sender)}>"),
        ("Subject", _subject(report, header, is_global)),
        ("Message-ID", f"<{random(ID_OCTETS).hex()}@{host}>"),
        *_thread(header, is_global),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        (
            "Content-Type",
            f'multipart/report; report-type={"global-" if is_global else ""}delivery-status; boundary="{boundary}"',
        ),
    ]
    return b"".join(field_line(name, value) for name, value in fields) + b"\r\n"


def _subject(report: Report, header: HeaderBlock, is_global: bool) -> str:
    about = encoded_words.decode(b" ".join(header.values(b"subject")[:1]))[:MAX_SUBJECT]
    text = plain(f"{SUBJECTS[_worst(report)]}: {about}" if about else SUBJECTS[_worst(report)])
    return text if is_global or text.isascii() else as_encoded_words(text).decode("ascii")


def _worst(report: Report) -> Action:
    return min((each.action for each in report.recipients), key=[*Action].index)


def _thread(header: HeaderBlock, is_global: bool) -> list[tuple[str, str]]:
    """In-Reply-To and References, so that the notification is shown with the message. RFC 5322 §3.6.4."""
    own = message_id(b" ".join(header.values(b"message-id")[:1]))
    if not own or not _may_stand(own, is_global):
        return []
    earlier = message_ids(b" ".join(header.values(b"references")))
    chosen = [each for each in (*earlier[:1], *earlier[1:][-MAX_REFERENCES:]) if _may_stand(each, is_global)]
    references = dict.fromkeys([*chosen, own])
    return [("In-Reply-To", f"<{own}>"), ("References", " ".join(f"<{each}>" for each in references))]


def _may_stand(identifier: str, is_global: bool) -> bool:
    return len(identifier) <= LONGEST_ID and identifier.isprintable() and (is_global or identifier.isascii())


# ---- the message itself ----


@dataclass(frozen=True, slots=True)
class _Returned:
    media_type: str
    octets: bytes
    is_whole: bool


def _returned(report: Report, header: HeaderBlock, original: bytes, size: int, is_global: bool) -> _Returned:
    """Whole only where a recipient failed: RFC 3461 §4.3. Of mail under REQUIRETLS never: RFC 8689 §5."""
    failed = any(each.action is Action.FAILED for each in report.recipients)
    may_be_whole = report.ret is not Ret.HDRS and not report.require_tls
    if failed and may_be_whole and size <= MAX_RETURNED_OCTETS and size == len(original):
        return _Returned("message/global" if is_global else "message/rfc822", _with_crlf(original), True)
    octets = _with_crlf(header.render().removesuffix(b"\r\n")[:MAX_HEADER_OCTETS])
    return _Returned("message/global-headers" if is_global else "text/rfc822-headers", octets, False)


def _with_crlf(octets: bytes) -> bytes:
    """Bare line ends made whole: a notification is sent by SMTP."""
    octets = _LINE_END.sub(b"\r\n", octets)
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def _part(media_type: str, octets: bytes, *, eight: bool) -> bytes:
    encoding = b"Content-Transfer-Encoding: 8bit\r\n" if eight else b""
    return b"Content-Type: %b\r\n%b\r\n%b" % (media_type.encode(), encoding, octets)


def _text_part(text: str) -> bytes:
    if text.isascii():
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text.encode()
    encoded = binascii.b2a_qp(text.replace("\r\n", "\n").encode("utf-8", "replace"), istext=True)
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + encoded.replace(b"\n", b"\r\n")


def _is_ascii(report: Report) -> bool:
    """Whether all addresses are; what servers said can be written in ASCII."""
    addresses = [report.sender, *[each.recipient for each in report.recipients]]
    addresses += [original_address(each.orcpt) for each in report.recipients]
    return all(address.isascii() for address in addresses)


def _is_utf8_free(header: bytes) -> bool:
    """A header with 8-bit octets that are no UTF-8 is not RFC 6532's either: it is given back as it is."""
    if header.isascii():
        return True
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
