"""One mail transaction as values: who speaks, from whom, to whom, and with which promises. RFC 5321 §3.3.

The SMTP session fills an envelope command by command and hands it over with the message's octets; delivery and
submission read it. Addresses are text as the peer wrote it, already checked against the grammar: without angle
brackets and source route, the domain never empty (`<postmaster>` became postmaster@ our own host name).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Flag, StrEnum, auto
from typing import Generic, TypeVar

from mailserver.mail import trace


class Body(StrEnum):
    """What MAIL's BODY parameter promised of the content, RFC 6152 §3."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class Ret(StrEnum):
    """How much of the message a delivery status notification may give back, RFC 3461 §4.3."""

    FULL = "FULL"
    HDRS = "HDRS"


class Notify(Flag):
    """When the sender of a recipient wants to be told, RFC 3461 §4.1. NEVER stands alone."""

    NEVER = auto()
    SUCCESS = auto()
    FAILURE = auto()
    DELAY = auto()

    def __str__(self) -> str:
        """As on the wire and in the queue: "SUCCESS,DELAY"."""
        return ",".join(when.name or "" for when in Notify if when in self)


@dataclass(frozen=True, slots=True)
class Tls:
    version: str  # as the TLS library names it: "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    bits: int  # secret bits of the cipher; 0 where unknown


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of the connection, as far as it is known when the transaction begins."""

    address: str  # IP address in text form, without port or IPv6 zone
    helo: str  # what it called itself in EHLO or HELO: client text, printable ASCII, at most 255 octets
    esmtp: bool  # said EHLO, not HELO
    tls: Tls | None = None
    authenticated: str | None = None  # address of the logged-in account; None on port 25


Resolved = TypeVar("Resolved")


@dataclass(frozen=True, slots=True)
class EnvelopeRecipient(Generic[Resolved]):
    """One accepted RCPT command."""

    address: str  # forward-path as sent: local_part@domain, quoting of the local part included
    resolved: Resolved  # what the service made of the address at RCPT
    notify: Notify | None = None  # None: not given, which means FAILURE, perhaps DELAY
    orcpt: str | None = None  # original recipient, "rfc822;ann@example.org", xtext as sent, RFC 3461 §4.2


@dataclass(frozen=True, slots=True)
class Envelope(Generic[Resolved]):
    """A whole transaction when the content has come in. At least one recipient, in the order of RCPT."""

    reverse_path: str  # "" is the null reverse-path of notifications
    recipients: tuple[EnvelopeRecipient[Resolved], ...]
    peer: Peer
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False  # addresses and header may hold UTF-8, RFC 6531 §3.4
    size: int | None = None  # octets as announced with SIZE; the content's true size is counted elsewhere
    ret: Ret | None = None
    envid: str | None = None  # sender's envelope id, xtext as sent, RFC 3461 §4.4
    hold_until: datetime | None = None  # it may not leave before, RFC 4865; aware
    require_tls: bool = False  # only to servers with TLS that is proved to be theirs, RFC 8689

    @property
    def protocol(self) -> str:
        """The "with" word of a Received field: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8."""
        peer = self.peer
        return trace.protocol(
            extended=peer.esmtp, tls=bool(peer.tls), authenticated=bool(peer.authenticated), utf8=self.smtputf8
        )
