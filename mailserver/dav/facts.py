"""What is known of one resource when its properties are worded; read from the store before, in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailserver.auth.account import Account
from mailserver.config.tree import DavConfig
from mailserver.dav.names import Name
from mailserver.dav.resources import Resource
from mailserver.dav.subjects import Subject, subject_of
from mailserver.groupware.access import Seen
from mailserver.store.dav_locks import Lock
from mailserver.store.members import Member
from mailserver.store.quota import Quota
from mailserver.store.shares import Share


@dataclass(frozen=True, slots=True)
class Person:
    """A user as others may see him."""

    user_id: int
    address: str
    display_name: str  # the address where he gave none
    addresses: tuple[str, ...]  # all that mail reaches him under, the main one first
    language: str | None = None  # BCP 47
    directory: str | None = None  # slug of the directory in the viewer's home, where there is one
    card: str | None = None  # the user's in it


@dataclass(frozen=True, slots=True)
class Facts:
    viewer: Account
    resource: Resource
    limits: DavConfig
    now_ms: int
    seen: Seen | None = None  # of a collection and its members
    member: Member | None = None
    person: Person | None = None  # of a principal
    default: Seen | None = None  # the default calendar, of a scheduling inbox
    inbox_tag: str | None = None  # of a scheduling inbox: another one whenever a message came or went
    shares: tuple[Share, ...] = ()  # where NEED_SHARES was asked for and the viewer is the owner
    locks: tuple[Lock, ...] = ()
    quota: Quota | None = None
    source: str | None = None  # of the feed a calendar shows, where NEED_SOURCE was asked for, to its owner
    dead: Mapping[Name, bytes] = field(default_factory=dict)  # whole elements

    @property
    def subject(self) -> Subject:
        return subject_of(self.resource)
