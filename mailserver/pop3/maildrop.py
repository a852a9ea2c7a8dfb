"""The maildrop: INBOX as it was when the client logged in, and what the client wants deleted. RFC 1939 §5.

Numbers, sizes and unique ids stay what they are for the whole session, whatever happens to the mailbox meanwhile.
Nothing is copied: the mailbox's index appends to its arrays and replaces them when messages go (see
mailboxes/index.py), so that the first `count` entries of the arrays of the login never change.
"""

from collections.abc import Iterator, Sequence

from mailserver.mailboxes.index import MailboxIndex
from mailserver.pop3.refusals import NoSuchMessage


class Maildrop:
    def __init__(self, index: MailboxIndex) -> None:
        self.index = index
        self.fetched: list[int] = []  # UIDs the client has, not yet \Seen
        self._uids: Sequence[int] = index.uids
        self._sizes: Sequence[int] = index.sizes
        self._uidvalidity = index.mailbox.uidvalidity
        self._count = len(index.uids)
        self._all_octets = sum(index.sizes)
        self._deleted: set[int] = set()  # message numbers
        self._deleted_octets = 0

    # ---- questions ----

    @property
    def count(self) -> int:
        """Messages not marked as deleted."""
        return self._count - len(self._deleted)

    @property
    def octets(self) -> int:
        return self._all_octets - self._deleted_octets

    def numbers(self) -> Iterator[int]:
        return (number for number in range(1, self._count + 1) if number not in self._deleted)

    def require(self, number: int) -> int:
        """The number itself. Raises NoSuchMessage, also for one marked as deleted."""
        if not 1 <= number <= self._count:
            raise NoSuchMessage(f"No such message: there are {self._count}")
        if number in self._deleted:
            raise NoSuchMessage(f"Message {number} is deleted; RSET takes that back")
        return number

    def uid(self, number: int) -> int:
        return self._uids[number - 1]

    def size(self, number: int) -> int:
        """Octets, without the dots that a reply adds."""
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> bytes:
        """Never given to another message of the account: UIDVALIDITY and UID come from counters. RFC 1939 §7"""
        return b"%d.%d" % (self._uidvalidity, self.uid(number))

    def deleted_uids(self) -> list[int]:
        return sorted(map(self.uid, self._deleted))

    # ---- marks ----

    def delete(self, number: int) -> None:
        self._deleted.add(number)
        self._deleted_octets += self.size(number)

    def reset(self) -> None:
        self._deleted.clear()
        self._deleted_octets = 0
