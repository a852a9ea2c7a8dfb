"""Replies as octets. RFC 5321 §4.2; every 2xx, 4xx and 5xx carries an enhanced status, RFC 2034."""

from collections.abc import Sequence

from mailserver.errors import Refusal

MAX_TEXT = 400  # octets of text; a reply line may have 512 with code and CRLF, RFC 5321 §4.5.3.1.5


def reply(status: str, text: str) -> bytes:
    """One line. `status`: code and enhanced status, "250 2.1.0". Text that is not printable ASCII becomes "?"."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text[:MAX_TEXT])
    return f"{status} {plain}\r\n".encode("ascii")


def refused(refusal: Refusal) -> bytes:
    return reply(refusal.smtp, refusal.text)


def lines(code: str, texts: Sequence[str]) -> bytes:
    """A reply of several lines, as EHLO's: a hyphen after the code of all but the last."""
    *first, last = texts
    return "".join(f"{code}-{text}\r\n" for text in first).encode() + f"{code} {last}\r\n".encode()
