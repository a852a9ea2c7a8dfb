"""What the face calls: the services of calendars and contacts, given by the daemon."""

from dataclasses import dataclass

from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    store: Store
