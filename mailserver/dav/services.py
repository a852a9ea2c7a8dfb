"""What the face calls: the services of calendars and contacts, given by the daemon."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.config.tree import DavConfig
from mailserver.groupware.collections import Collections
from mailserver.groupware.locks import Locks
from mailserver.groupware.members import Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.scheduling.inbox import Inbox
from mailserver.groupware.scheduling.outbox import Outbox
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class SchedulingFace:
    inbox: Inbox
    outbox: Outbox


@dataclass(frozen=True, slots=True)
class Services:
    store: Store
    config: DavConfig
    collections: Collections
    members: Members
    properties: Properties
    sharing: Sharing
    sync: Sync
    locks: Locks
    random: Callable[[int], bytes] = secrets.token_bytes
    scheduling: SchedulingFace | None = None  # None: clients send invitations themselves
