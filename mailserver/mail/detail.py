"""What is known of a message once its octets were read: computed once, when it is stored, and kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One MIME entity, by octet offsets into the message. Header and body are as sent, nothing decoded.

    `number` is the IMAP section, "" for the message itself, "1", "2.1" … (RFC 9051 §6.4.5.1). The body of a
    message/rfc822 part is the whole embedded message; that message's own parts follow with numbers below it.
    """

    number: str
    header_start: int  # first octet of the entity's header
    body_start: int  # first octet after the header's empty line
    end: int  # one past the last octet of the body
    lines: int  # CRLFs in the body
    media_type: str  # lower case "text/plain"; what applies when absent or unreadable is already put in
    charset: str  # lower case, "" where none is given
    encoding: str  # lower case transfer encoding, "7bit" where none is given
    filename: str  # decoded, "" where none; never a path to be used


@dataclass(frozen=True, slots=True)
class MessageDetail:
    size: int  # octets
    header_octets: int  # length of the header with its empty line
    envelope: bytes  # IMAP envelope with its parentheses, ready to send, RFC 9051 §7.5.2
    body: bytes  # IMAP BODY (without extension data), with its parentheses
    body_structure: bytes  # IMAP BODYSTRUCTURE with extension data, with its parentheses
    parts: tuple[Part, ...]  # depth first, the message itself first
    header_fields: (
        bytes  # raw field lines that clients often ask for (headers.KEPT_FIELDS), in message order, CRLF ended
    )
    preview: str  # at most 200 characters of readable text, RFC 8970
    has_attachment: bool
    message_id: str  # without angle brackets, "" where none
    subject: str  # decoded, control characters removed
    from_address: str  # first address of From, "local@domain", "" where none
    from_name: str  # its decoded display name
    to_addresses: tuple[str, ...]  # To and Cc
    in_reply_to: str  # first message id, without brackets
    references: tuple[str, ...]  # message ids of References without brackets, oldest first, at most MAX_REFERENCES
    base_subject: str  # RFC 5256 §2.1
    sent_at: int | None  # Date field, epoch seconds UTC; None where missing or unreadable
    sent_zone: int  # its zone, minutes east of UTC
