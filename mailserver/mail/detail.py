"""What is known of a message once its octets were read: computed once, when it is stored, and kept.

Made for every message that arrives, so these are msgspec's structs: a frozen dataclass takes some ten times as long.
"""

import msgspec


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One MIME entity, by octet offsets into the message. Header and body are as sent, nothing decoded.

    `number` is the IMAP section, "" for the message itself, "1", "2.1" … (RFC 9051 §6.4.5.1). The body of a
    message/rfc822 part is the whole embedded message, which follows as a part of its own: as "2.TEXT" where it is a
    multipart, whose parts are "2.1", "2.2" …, and as "2.1" where it is not.

    The stored form is an array of the fields in this order: one is never moved, new ones come last with a default.
    """

    number: str
    header_start: int  # first octet of the entity's header
    body_start: int  # first octet after the header's empty line
    end: int  # one past the last octet of the body
    lines: int  # line ends in the body of text/* and of embedded messages, where IMAP tells them; 0 for all others
    media_type: str  # lower case "text/plain"; what applies when absent or unreadable is already put in
    charset: str  # lower case, "" where none is given
    encoding: str  # lower case transfer encoding, "7bit" where none is given
    filename: str  # decoded, "" where none; never a path to be used


class MessageDetail(msgspec.Struct, frozen=True, kw_only=True):
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
