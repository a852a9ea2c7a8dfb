"""What the server says it can do, by the state of the session. RFC 9051 §7.2.2.

A capability is a row: its name, and when it is told. Switched off, it is not told, what it enables is not enabled,
and the commands whose rows name it are unknown: some clients do better without.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from mailserver.auth.sasl.mechanisms import MECHANISMS
from mailserver.imap.states import State

LITERAL_MINUS_OCTETS = 4096  # of a non-synchronising literal, RFC 7888 §5


class Told(Enum):
    ALWAYS = "always"
    BEFORE_LOGIN = "before login"  # only what somebody who logs in needs to know
    AFTER_LOGIN = "after login"


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides on the list."""

    state: State
    may_log_in: bool  # secure enough for a password
    offers_tls: bool
    max_append_octets: int
    mechanisms: tuple[str, ...] = ()  # SASL mechanisms for who is not logged in
    message_limit: int = 0  # of one command, 0: none
    off: frozenset[bytes] = frozenset()  # switched off, upper case


@dataclass(frozen=True, slots=True)
class Capability:
    name: bytes
    told: Told = Told.AFTER_LOGIN
    enables: bool = False  # ENABLE names it, RFC 5161
    offered: Callable[[Facts], bool] = lambda _: True
    value: Callable[[Facts], int] | None = None  # told as NAME=value

    def wire(self, facts: Facts) -> bytes:
        return self.name if self.value is None else b"%b=%d" % (self.name, self.value(facts))


def _auth(mechanism: str) -> Capability:
    return Capability(
        b"AUTH=" + mechanism.encode(),
        Told.BEFORE_LOGIN,
        offered=lambda facts: facts.may_log_in and mechanism in facts.mechanisms,
    )


CAPABILITIES = (
    Capability(b"IMAP4rev1", Told.ALWAYS),
    Capability(b"IMAP4rev2", Told.ALWAYS, enables=True),
    Capability(b"LITERAL+", Told.ALWAYS),
    Capability(b"LITERAL-", Told.ALWAYS, offered=lambda facts: b"LITERAL+" in facts.off),  # never both, RFC 7888 §5
    Capability(b"SASL-IR", Told.ALWAYS),
    Capability(b"ID", Told.ALWAYS),
    Capability(b"ENABLE", Told.ALWAYS),
    Capability(b"STARTTLS", Told.BEFORE_LOGIN, offered=lambda facts: facts.offers_tls),
    Capability(b"LOGINDISABLED", Told.BEFORE_LOGIN, offered=lambda facts: not facts.may_log_in),
    *map(_auth, MECHANISMS),
    Capability(b"ACL"),
    Capability(b"APPENDLIMIT", value=lambda facts: facts.max_append_octets),
    Capability(b"BINARY"),
    Capability(b"CATENATE"),
    Capability(b"CHILDREN"),
    Capability(b"COMPRESS=DEFLATE"),
    Capability(b"CONDSTORE", enables=True),
    Capability(b"CONTEXT=SEARCH"),
    Capability(b"CONTEXT=SORT"),
    Capability(b"CREATE-SPECIAL-USE"),
    Capability(b"ESEARCH"),
    Capability(b"ESORT"),
    Capability(b"I18NLEVEL=1"),
    Capability(b"IDLE"),
    Capability(b"INPROGRESS"),
    Capability(b"LIST-EXTENDED"),
    Capability(b"LIST-METADATA"),
    Capability(b"LIST-MYRIGHTS"),
    Capability(b"LIST-STATUS"),
    Capability(b"MESSAGELIMIT", offered=lambda facts: facts.message_limit > 0, value=lambda facts: facts.message_limit),
    Capability(b"METADATA"),
    Capability(b"METADATA-SERVER"),
    Capability(b"MOVE"),
    Capability(b"MULTIAPPEND"),
    Capability(b"MULTISEARCH"),
    Capability(b"NAMESPACE"),
    Capability(b"NOTIFY"),
    Capability(b"OBJECTID"),
    Capability(b"PARTIAL"),
    Capability(b"PREVIEW"),
    Capability(b"QRESYNC", enables=True, offered=lambda facts: b"CONDSTORE" not in facts.off),
    Capability(b"QUOTA"),
    Capability(b"QUOTA=RES-MESSAGE"),
    Capability(b"QUOTA=RES-STORAGE"),
    Capability(b"QUOTASET"),
    Capability(b"REPLACE"),
    Capability(b"RIGHTS=texk"),
    Capability(b"SAVEDATE"),
    Capability(b"SEARCH=FUZZY"),
    Capability(b"SEARCHRES"),
    Capability(b"SORT"),
    Capability(b"SORT=DISPLAY"),
    Capability(b"SPECIAL-USE"),
    Capability(b"STATUS=SIZE"),
    Capability(b"THREAD=ORDEREDSUBJECT"),
    Capability(b"THREAD=REFERENCES"),
    Capability(b"THREAD=REFS"),
    Capability(b"UIDBATCHES"),
    Capability(b"UIDONLY", enables=True),
    Capability(b"UIDPLUS"),
    Capability(b"UNAUTHENTICATE"),
    Capability(b"UNSELECT"),
    Capability(b"UTF8=ACCEPT", enables=True),
    Capability(b"WITHIN"),
)


_ALWAYS = frozenset({b"IMAP4REV1", b"STARTTLS", b"LOGINDISABLED"})
_BY_NAME = {capability.name.upper(): capability for capability in CAPABILITIES}


def capabilities(facts: Facts) -> bytes:
    """The list behind CAPABILITY."""
    return b" ".join(capability.wire(facts) for capability in CAPABILITIES if _is_told(capability, facts))


def is_told(name: bytes, facts: Facts) -> bool:
    capability = _BY_NAME.get(name.upper())
    return capability is not None and _is_told(capability, facts)


def can_be_switched_off() -> tuple[str, ...]:
    """Names for settings, upper case: all but the protocol itself, and what only says how things are."""
    return tuple(name.decode() for name in _BY_NAME if name not in _ALWAYS)


def switched_off(names: Iterable[str]) -> frozenset[bytes]:
    """Capabilities a setting names, as Facts.off has them."""
    return frozenset(name.upper().encode() for name in names)


def largest_unasked(off: frozenset[bytes]) -> int | None:
    """Octets of the largest non-synchronising literal: any with LITERAL+, few with LITERAL-, none without. RFC 7888"""
    if b"LITERAL+" not in off:
        return None
    return 0 if b"LITERAL-" in off else LITERAL_MINUS_OCTETS


def enables(name: str, facts: Facts) -> bool:
    """Whether ENABLE may switch it on, RFC 5161 §3.1."""
    capability = _BY_NAME.get(name.upper().encode("ascii"))
    return capability is not None and capability.enables and _is_told(capability, facts)


def spelling(name: str) -> bytes:
    """As the list has it: ENABLED answers so."""
    return _BY_NAME[name.upper().encode("ascii")].name


def _is_told(capability: Capability, facts: Facts) -> bool:
    before_login = facts.state is State.NOT_AUTHENTICATED
    hidden = Told.AFTER_LOGIN if before_login else Told.BEFORE_LOGIN
    return capability.told is not hidden and capability.name.upper() not in facts.off and capability.offered(facts)
