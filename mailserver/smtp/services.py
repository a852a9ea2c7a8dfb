"""What an SMTP session asks of the rest of the server. Every method may raise a Refusal; it becomes the reply."""

import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mailserver.errors import Refusal
from mailserver.mail.transaction import Envelope, Peer

TlsContext = Callable[[], ssl.SSLContext | None]  # the certificate of the moment; None: there is none


class Incoming(Protocol):
    """The octets of one message on their way in."""

    async def write(self, data: bytes, /) -> None: ...

    async def discard(self) -> None:
        """Forget the octets; harmless after they were stored."""


class MessageStore(Protocol):
    def incoming(self) -> Incoming: ...


class LiveSessions(Protocol):
    def add(self, user_id: int, close: Callable[[], None], token_id: int | None, /) -> Callable[[], None]:
        """`close` is called when the account may no longer be logged in; the result takes the session out again."""


class Refusals(Protocol):
    def add(self, peer: Peer, reverse_path: str, recipients: Sequence[str], refusal: Refusal, /) -> None:
        """Note mail that was not taken; never waits. `recipients`: "" for one that was not named yet."""


class Delivery(Protocol):
    """Port 25: mail for the accounts here, from anybody."""

    async def check_sender(self, reverse_path: str, peer: Peer, /) -> None: ...

    async def resolve(self, address: str, size: int | None, reverse_path: str, /) -> Any:
        """What becomes of one forward-path, asked at RCPT; the value comes back in the envelope."""

    async def accept(self, envelope: Envelope[Any], incoming: Any, /) -> str:
        """Take responsibility, durably, for all recipients. Returns the id that the 250 names."""


class Submission(Protocol):
    """587 and 465: mail of a logged-in account, to anybody."""

    @property
    def max_hold_seconds(self) -> int: ...

    async def check_sender(self, account: Any, reverse_path: str, /) -> None: ...

    async def resolve(self, account: Any, address: str, size: int | None, /) -> Any: ...

    async def accept(self, account: Any, envelope: Envelope[Any], incoming: Any, /) -> str: ...
