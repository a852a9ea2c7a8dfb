"""A message that has come in and is not yet ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.mail.editing import HeaderBlock
from mailserver.mail.transaction import Envelope
from mailserver.store.recipients import Resolved
from mailserver.store.staging import Incoming


@dataclass(frozen=True, slots=True)
class Arriving:
    id: str  # names it in the 250, in Received and in the log
    envelope: Envelope[Resolved]
    header: HeaderBlock  # as it will be stored, without our trace fields
    incoming: Incoming  # all octets as they came; the body begins at header.octets
    is_spam: bool = False  # judged so: it is not forwarded, unless the configuration wants it


Stage = Callable[[Arriving], Awaitable[Arriving]]
