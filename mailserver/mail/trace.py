"""Trace fields that a receiving server puts on top of a message. RFC 5321 §4.4, RFC 3848, RFC 6531 §3.7.3, RFC 8314."""

import re

import msgspec

from mailserver.mail.dates import format_date
from mailserver.mail.editing import field_line

LONGEST_NAME = 255  # characters of a host name as the peer gave it

_NOT_NAME = re.compile(r"[^A-Za-z0-9.:_\[\]\-\u00a1-\ud7ff\uf900-\ufffd]")
_NOT_ADDRESS = re.compile(r"[\x00-\x1f\x7f<>]")


class Received(msgspec.Struct, frozen=True):
    """What one Received field tells of the hop by which the message came."""

    helo: str  # as the client named itself
    address: str  # its IP address
    name: str | None  # its verified reverse name, None where there is none
    by: str  # our host name
    protocol: str  # from `protocol`
    id: str  # ours, as in the log
    epoch: int
    zone: int = 0  # minutes east of UTC
    recipient: str | None = None  # only where the message has exactly one, so that nobody's Bcc shows
    tls: tuple[str, str] | None = None  # version and cipher suite, "TLSv1.3", "TLS_AES_256_GCM_SHA384"


def received(hop: Received) -> bytes:
    """The field with its CRLF. Whatever the peer chose is cut down to the characters of names."""
    literal = f"IPv6:{hop.address}" if ":" in hop.address else hop.address
    reverse = f"{_plain(hop.name)} " if hop.name else ""
    tls = f" (using {hop.tls[0]} with cipher {hop.tls[1]})" if hop.tls else ""
    recipient = f" for <{hop.recipient}>" if hop.recipient and not _NOT_ADDRESS.search(hop.recipient) else ""
    return field_line(
        "Received",
        f"from {_plain(hop.helo)} ({reverse}[{literal}]){tls} by {hop.by} with {hop.protocol} id {hop.id}{recipient};"
        f" {format_date(hop.epoch, hop.zone)}",
    )


def protocol(*, extended: bool = True, tls: bool = False, authenticated: bool = False, utf8: bool = False) -> str:
    """The "with" word: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, UTF8SMTP … of the registry of RFC 3848 and RFC 6531."""
    if not extended:
        return "SMTP"
    return f"{'UTF8SMTP' if utf8 else 'ESMTP'}{'S' if tls else ''}{'A' if authenticated else ''}"


def return_path(reverse_path: str) -> bytes:
    """At final delivery; "" is the null reverse-path. Raises ValueError on what is no address."""
    return field_line("Return-Path", f"<{_address(reverse_path)}>")


def delivered_to(recipient: str) -> bytes:
    """The address that was delivered to; it also stops loops. Raises ValueError on what is no address."""
    return field_line("Delivered-To", _address(recipient))


def _plain(name: str) -> str:
    return _NOT_NAME.sub("?", name[:LONGEST_NAME]) or "unknown"


def _address(address: str) -> str:
    if _NOT_ADDRESS.search(address):
        raise ValueError("an address in a trace field can not contain control characters or angle brackets")
    return address
