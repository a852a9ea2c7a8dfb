"""The IMAP envelope of a message header, rendered once and stored. RFC 9051 §7.5.2, RFC 3501 §7.4.2.

Values are the header's own octets, unfolded; encoded words stay encoded, as both RFCs want.
"""

from typing import NamedTuple

from mailserver.mail.address_list import EMPTY, AddressList, address_list
from mailserver.mail.headers import Header
from mailserver.mail.imap_strings import nstrings

_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
_LISTS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


class Envelope(NamedTuple):
    date: bytes
    subject: bytes
    from_: AddressList
    to: AddressList
    cc: AddressList
    in_reply_to: bytes
    message_id: bytes
    imap: bytes  # with its parentheses


def read(header: Header) -> Envelope:
    """(date subject from sender reply-to to cc bcc in-reply-to message-id); an empty Sender or Reply-To is From."""
    texts = date, subject, in_reply_to, message_id = [header.get(name) for name in _TEXTS]
    from_, sender, reply_to, to, cc, bcc = map(address_list, map(header.listed, _LISTS))
    imap_date, imap_subject, imap_in_reply_to, imap_message_id = nstrings(*texts)
    imap = b"(%b %b %b %b %b %b %b %b %b %b)" % (
        imap_date,
        imap_subject,
        from_.imap,
        from_.imap if sender is EMPTY else sender.imap,
        from_.imap if reply_to is EMPTY else reply_to.imap,
        to.imap,
        cc.imap,
        bcc.imap,
        imap_in_reply_to,
        imap_message_id,
    )
    return Envelope(date, subject, from_, to, cc, in_reply_to, message_id, imap)
