"""What delivery asks of whoever sends mail on to other servers, and the plainest way to do it."""

from dataclasses import dataclass
from typing import Protocol

from mailserver.delivery import header, recipients
from mailserver.delivery.arriving import Arriving
from mailserver.store.queue import QueueRecipient
from mailserver.store.recipients import Resolved


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What the queue gets; without recipients nothing."""

    recipients: tuple[QueueRecipient, ...]
    reverse_path: str
    header: bytes
    domain_id: int | None = None  # of ours, that it is sent for


class Forwards(Protocol):
    async def returning(self, address: str, reverse_path: str) -> Resolved | None:
        """At RCPT: who a bounce to this address is for; None where it is no return address of ours."""

    async def prepare(self, arriving: Arriving, received: bytes) -> Forwarded:
        """What leaves for other servers. Raises Refusal where nobody at all would get the message."""

    async def is_forged(self, arriving: Arriving) -> bool:
        """Whether the domain of the reverse-path says that it did not send this: nothing may be sent to it."""


class AsItCame:
    """With the sender it came with and our Received: for who has no way to ask the DNS."""

    async def returning(self, address: str, reverse_path: str) -> Resolved | None:
        return None

    async def prepare(self, arriving: Arriving, received: bytes) -> Forwarded:
        elsewhere = recipients.remote(arriving.envelope)
        sent = header.for_servers(arriving.header, received) if elsewhere else b""
        return Forwarded(elsewhere, arriving.envelope.reverse_path, sent)

    async def is_forged(self, arriving: Arriving) -> bool:
        """Nobody knows; so nothing is sent."""
        return True
