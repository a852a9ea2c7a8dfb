"""An address field with all that follows from it alone. RFC 5322 §3.4, RFC 9051 §7.5.2.

The same people write to the same people, so what was read of a short field is kept.
"""

from functools import lru_cache

import msgspec

from mailserver.mail import addresses, encoded_words
from mailserver.mail.addresses import Address, Group
from mailserver.mail.imap_strings import NIL, is_plain, nstring, string

LONGEST_KEPT = 200  # octets of a field
MAX_KEPT = 1000  # fields
MAX_NAME_OCTETS = 1024  # of a display name

_GROUP_END = b"(NIL NIL NIL NIL)"


class AddressList(msgspec.Struct, frozen=True):
    imap: bytes  # as in ENVELOPE, NIL where there is none
    addr_specs: tuple[str, ...]  # "local@domain" of every mailbox, "" where a half of it is missing
    name: str  # decoded display name of the first mailbox, "" where there is none


EMPTY = AddressList(NIL, (), "")


def address_list(field: bytes) -> AddressList:
    """Of an unfolded field. Never raises."""
    if not field:
        return EMPTY
    return _kept(field) if len(field) <= LONGEST_KEPT else _read(field)


def _read(field: bytes) -> AddressList:
    entries = addresses.parse(field)
    if not entries:
        return EMPTY
    imap = b"".join([_group(entry) if isinstance(entry, Group) else _address(entry) for entry in entries])
    mailboxes = addresses.mailboxes(entries)
    return AddressList(
        b"(%b)" % imap,
        tuple([addresses.addr_spec(mailbox).decode("utf-8", "replace") for mailbox in mailboxes]),
        encoded_words.decode(mailboxes[0].name[:MAX_NAME_OCTETS]) if mailboxes else "",
    )


_kept = lru_cache(MAX_KEPT)(_read)


def _address(address: Address) -> bytes:
    """Only groups have NIL for a host name, so a missing domain is an empty string."""
    name, route, local, domain = address
    if is_plain(b"".join(address)):
        return b'(%b %b "%b" "%b")' % (
            b'"%b"' % name if name else NIL,
            b'"%b"' % route if route else NIL,
            local,
            domain,
        )
    return b"(%b %b %b %b)" % (nstring(name), nstring(route), string(local), string(domain))


def _group(group: Group) -> bytes:
    """A start with the group's name, the members, an end."""
    members = b"".join([_address(member) for member in group.members])
    return b"(NIL NIL %b NIL)%b%b" % (string(group.name), members, _GROUP_END)
