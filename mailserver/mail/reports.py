"""What became of a message, recipient by recipient: the values behind a delivery status notification. RFC 3464."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail import xtext
from mailserver.mail.transaction import Ret

HERE = "2.1.5"  # status of what was delivered to a mailbox of ours, RFC 3463 §3.2
EXPANDED_HERE = "2.1.0"  # of what was passed on to the several behind an address of ours


class Action(StrEnum):
    """RFC 3464 §2.3.3, the worst first."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # to a server that will not tell of success
    EXPANDED = "expanded"  # to a list of several


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    recipient: str  # the address that was tried
    action: Action
    status: str  # RFC 3463: "5.1.1"
    orcpt: str | None = None  # as RCPT had it: type, ";", xtext
    remote_mta: str | None = None  # the server that answered
    diagnostic: str = ""  # its reply with the code, or our own words
    is_reply: bool = True  # the diagnostic is a reply of SMTP
    last_attempt: int | None = None  # epoch seconds
    retry_until: int | None = None  # epoch seconds


@dataclass(frozen=True, slots=True)
class Report:
    """Of one message, at one moment; at least one recipient."""

    reporting_mta: str  # our host name
    sender: str  # to whom it goes: the message's reverse-path, never the null one
    recipients: tuple[RecipientStatus, ...]
    arrived: int  # epoch seconds, when we took the message
    envid: str | None = None  # as MAIL had it: xtext
    ret: Ret | None = None
    require_tls: bool = False  # REQUIRETLS was asked for: the message itself does not come back, RFC 8689 §5


def original_address(orcpt: str | None) -> str:
    """The address of an ORCPT parameter; RFC 6533 §3 writes UTF-8 ones in two ways."""
    kind, _, address = (orcpt or "").partition(";")
    return xtext.decode_utf8_address(address) if kind.lower() == "utf-8" else xtext.decode(address)
