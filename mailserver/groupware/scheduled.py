"""The seam to scheduling/: who is invited is told when a member is stored or removed. RFC 6638 §3.2."""

from dataclasses import dataclass
from typing import Protocol

from mailserver.groupware.accepted import Accepted
from mailserver.groupware.access import Seen
from mailserver.store.database import Tx
from mailserver.store.members import Member


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """What the request says about it."""

    reply: bool = True  # Schedule-Reply: F makes it False, RFC 6638 §8.1
    silent: bool = False  # nobody is told: imports, and what scheduling itself writes


SILENT = ScheduleOptions(silent=True)


@dataclass(frozen=True, slots=True)
class Change:
    """A member before and after; both None is no change."""

    viewer: int  # who does it: the owner, or somebody who may write
    seen: Seen
    href: str
    before: tuple[Member, bytes] | None
    data: bytes | None  # None: it is removed
    accepted: Accepted | None  # of `data`
    options: ScheduleOptions


@dataclass(frozen=True, slots=True)
class Settled:
    """What is stored in place of what was sent."""

    data: bytes
    accepted: Accepted
    schedule_tag: str | None  # without quotes


class Scheduling(Protocol):
    def stored(self, tx: Tx, change: Change) -> Settled:
        """Before the row is written, in its transaction: tell those invited, word SCHEDULE-STATUS.

        Called only where the new or the old octets are scheduled (Accepted.is_scheduled, Member.schedule_tag).
        A Refusal raised here refuses the whole PUT.
        """
        ...

    def removed(self, tx: Tx, change: Change) -> None:
        """Likewise before it is removed."""
        ...


class NoScheduling:
    """Stores what was sent."""

    def stored(self, tx: Tx, change: Change) -> Settled:
        del tx
        if change.data is None or change.accepted is None:
            raise LookupError("a removal is not stored")
        tag = change.before[0].schedule_tag if change.before is not None else None
        return Settled(change.data, change.accepted, tag)

    def removed(self, tx: Tx, change: Change) -> None:
        del tx, change
