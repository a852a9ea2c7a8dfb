"""What STATUS, and LIST with RETURN (STATUS …), may ask for.

RFC 9051 §6.3.11, RFC 7162 §3.1.7, RFC 7889 §5, RFC 8474 §4.3.
"""

from enum import Enum

from mailserver.imap.wire.reader import BadSyntax, Reader


class StatusItem(Enum):
    """The value is the name on the wire."""

    MESSAGES = "MESSAGES"
    RECENT = "RECENT"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    DELETED = "DELETED"
    SIZE = "SIZE"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    APPENDLIMIT = "APPENDLIMIT"
    MAILBOXID = "MAILBOXID"
    DELETED_STORAGE = "DELETED-STORAGE"  # RFC 9208 §4.1.4

    @property
    def wire(self) -> bytes:
        return self.value.encode("ascii")


def parse_items(r: Reader) -> tuple[StatusItem, ...]:
    """ "(" status-att *(SP status-att) ")"; each item once, in the client's order."""
    return tuple(dict.fromkeys(r.parenthesised(lambda: _item(r))))


def _item(r: Reader) -> StatusItem:
    name = r.word()
    if name not in _ITEMS or (r.rev2 and name == "RECENT"):
        raise BadSyntax("Unknown STATUS item")
    return _ITEMS[name]


_ITEMS = {item.value: item for item in StatusItem}
