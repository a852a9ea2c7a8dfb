"""What CAPA tells, by the state of the session. RFC 2449 §5, §6.

LOGIN-DELAY is not there: nobody has to wait. APOP neither: it needs passwords that are stored as they are. LANG
neither: replies are in English.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.pop3.states import State


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides on the list."""

    state: State
    may_log_in: bool  # secure enough for a password
    offers_tls: bool
    mechanisms: tuple[str, ...]  # SASL, for who is not logged in

    @property
    def asks_login(self) -> bool:
        return self.state is State.AUTHORIZATION and self.may_log_in


@dataclass(frozen=True, slots=True)
class Capability:
    line: Callable[[Facts], bytes]
    offered: Callable[[Facts], bool] = lambda _: True


def _is(line: bytes) -> Callable[[Facts], bytes]:
    return lambda _: line


CAPABILITIES = (
    Capability(_is(b"STLS"), lambda facts: facts.offers_tls and facts.state is State.AUTHORIZATION),
    Capability(_is(b"USER"), lambda facts: facts.asks_login),
    Capability(lambda facts: " ".join(("SASL", *facts.mechanisms)).encode(), lambda facts: facts.asks_login),
    Capability(_is(b"TOP")),
    Capability(_is(b"UIDL")),
    Capability(_is(b"RESP-CODES")),
    Capability(_is(b"AUTH-RESP-CODE")),
    Capability(_is(b"PIPELINING")),
    Capability(_is(b"UTF8 USER")),  # RFC 6856 §2: names and passwords too
    Capability(_is(b"EXPIRE NEVER")),  # what is fetched stays until somebody deletes it
    Capability(_is(b"IMPLEMENTATION mailserver")),
)


def capabilities(facts: Facts) -> list[bytes]:
    return [capability.line(facts) for capability in CAPABILITIES if capability.offered(facts)]
