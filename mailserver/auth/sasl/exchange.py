"""A SASL exchange as a mechanism sees it: messages without base64, whatever protocol carries them. RFC 4422.

A mechanism is `async (exchange) -> Account`. It asks the client with `exchange.ask` and raises what went wrong; the
protocol's session gives it the initial response, carries challenges and responses (decode, initial, encode), and
words refusals as its own RFC does. Nothing here knows which protocol that is.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mailserver.auth.account import Account
from mailserver.errors import BadValue
from mailserver.store.scram_keys import ScramKeys

MAX_LINE = 12_288  # octets of a base64 line with its end; RFC 4954 §4.5 asks for that many, no mechanism needs more

Ask = Callable[[bytes], Awaitable[bytes]]  # a challenge → the client's response; raises Cancelled, BadResponse


class BadResponse(BadValue):
    smtp, text = "501 5.5.2", "Not a base64 response of this mechanism"


class Cancelled(BadValue):
    smtp, text = "501 5.7.0", "Authentication cancelled"


class ScramLogin(Protocol):
    """One SCRAM exchange on its way."""

    @property
    def salt(self) -> bytes: ...

    @property
    def iterations(self) -> int: ...

    async def prove(self, auth_message: bytes, proof: bytes, /) -> ScramKeys:
        """The keys that the proof fits. Raises AuthenticationFailed, AuthenticationDelayed."""

    async def admit(self) -> Account:
        """After `prove`, when the client has seen that we know it too."""

    async def note(self, reason: str, /) -> None:
        """For the log: why the exchange failed otherwise."""


class Verifier(Protocol):
    """The Authenticator, as far as mechanisms need it. All of it may raise AuthenticationFailed and -Delayed."""

    @property
    def offers_scram(self) -> bool:
        """Nobody is locked out by a client that chooses SCRAM as soon as it is told of it."""

    def random(self, octets: int, /) -> bytes: ...

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account: ...

    async def authenticate_token(self, username: str, token: str, *, protocol: str, peer: str) -> Account:
        """`username`: "" where the token alone says whose it is."""

    async def begin_scram(self, username: str, *, authzid: str, protocol: str, peer: str) -> ScramLogin: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    verifier: Verifier
    protocol: str  # "imap", "smtp" …: for the log and for tokens of limited scope
    peer: str  # the client's IP address
    initial: bytes | None  # the initial response; None where the client waits for a challenge
    ask: Ask
    bindings: Mapping[str, bytes] = field(default_factory=dict)  # TLS channel bindings by name, RFC 5056
    told: tuple[str, ...] = ()  # the mechanisms this client was told of

    async def first(self, challenge: bytes = b"") -> bytes:
        """The initial response, asked for where the client did not send one."""
        return await self.ask(challenge) if self.initial is None else self.initial


Mechanism = Callable[[Exchange], Awaitable[Account]]


def encode(challenge: bytes) -> bytes:
    return b64encode(challenge)


def decode(response: bytes) -> bytes:
    """One response line of the client. Raises Cancelled on "*", BadResponse."""
    if response == b"*":
        raise Cancelled
    try:
        return b64decode(response, validate=True)
    except binascii.Error:
        raise BadResponse("Not base64") from None


def initial(response: bytes) -> bytes:
    """The response on the command's own line, where "=" stands for an empty one. Raises BadResponse."""
    return b"" if response == b"=" else decode(response)


def text(octets: bytes) -> str:
    """Names and passwords are UTF-8. Raises BadResponse."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise BadResponse("Not UTF-8") from None
