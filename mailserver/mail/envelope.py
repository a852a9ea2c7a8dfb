"""The IMAP envelope of a message header, rendered once and stored. RFC 9051 §7.5.2, RFC 3501 §7.4.2.

Values are the header's own octets, unfolded; encoded words stay encoded, as both RFCs want.
"""

from dataclasses import dataclass

from mailserver.mail import addresses
from mailserver.mail.addresses import Address, Group
from mailserver.mail.headers import Header
from mailserver.mail.imap_strings import NIL, nstring, string

_Entries = list[Address | Group]

_GROUP_END = b"(NIL NIL NIL NIL)"


@dataclass(frozen=True, slots=True)
class Envelope:
    header: Header
    from_: _Entries
    to: _Entries
    cc: _Entries


def read(header: Header) -> Envelope:
    return Envelope(header, _list(header, b"from"), _list(header, b"to"), _list(header, b"cc"))


def render(envelope: Envelope) -> bytes:
    """(date subject from sender reply-to to cc bcc in-reply-to message-id); an empty Sender or Reply-To is From."""
    get = envelope.header.get
    from_ = _addresses(envelope.from_)
    sender = _addresses(_list(envelope.header, b"sender"))
    reply_to = _addresses(_list(envelope.header, b"reply-to"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(get(b"date")),
        nstring(get(b"subject")),
        from_,
        from_ if sender is NIL else sender,
        from_ if reply_to is NIL else reply_to,
        _addresses(envelope.to),
        _addresses(envelope.cc),
        _addresses(_list(envelope.header, b"bcc")),
        nstring(get(b"in-reply-to")),
        nstring(get(b"message-id")),
    )


def _list(header: Header, name: bytes) -> _Entries:
    field = header.listed(name)
    return addresses.parse(field) if field else []


def _addresses(entries: _Entries) -> bytes:
    if not entries:
        return NIL
    return b"(%b)" % b"".join([_group(entry) if isinstance(entry, Group) else _address(entry) for entry in entries])


def _address(address: Address) -> bytes:
    """Only groups have NIL for a host name, so a missing domain is an empty string."""
    name, route, local, domain = address
    return b"(%b %b %b %b)" % (nstring(name), nstring(route), string(local), string(domain))


def _group(group: Group) -> bytes:
    """A start with the group's name, the members, an end."""
    members = b"".join([_address(member) for member in group.members])
    return b"(NIL NIL %b NIL)%b%b" % (string(group.name), members, _GROUP_END)
