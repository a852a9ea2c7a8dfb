"""What the families make of a member's octets before it is stored: the seam to calendars/ and contacts/."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailserver.store import members
from mailserver.store.collections import Collection
from mailserver.store.database import Tx, Value
from mailserver.store.members import Draft


def _no_index(tx: Tx, member_id: int) -> None:
    del tx, member_id


@dataclass(frozen=True, slots=True)
class Accepted:
    """Valid octets and what is derived from them."""

    uid: str
    component: str  # VEVENT, VTODO, VJOURNAL, VFREEBUSY, VCARD
    columns: Mapping[str, Value] = field(default_factory=dict)  # of store.members.DERIVED
    apply: Callable[[Tx, int], None] = _no_index  # writes the family's other rows for this member id, in place of
    # those there were; called in the transaction after the member's own row is written
    is_scheduled: bool = False  # it has an ORGANIZER: scheduling looks at every change of it (RFC 6638 §3.1)

    def draft(self, data: bytes, schedule_tag: str | None = None) -> Draft:
        return Draft(data, members.etag_of(data), self.uid, self.component, self.columns, schedule_tag)


Accept = Callable[[bytes, Collection], Accepted]
"""Pure. Raises InvalidCalendarData, InvalidAddressData, UnsupportedComponent, TooManyInstances.

The collection says what components it takes. What it returns is stored only where the collection is still the same in
that: else it is called anew, then on the writer's thread.
"""
