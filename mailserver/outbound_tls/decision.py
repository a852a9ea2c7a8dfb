"""How much TLS a host must show, decided from facts alone: one table, the first row that holds.

Order: the sender's word against policies (TLS-Required: No) → DANE → MTA-STS → the sender's word for TLS (REQUIRETLS)
→ what is remembered → opportunistic. DANE comes before MTA-STS, which must neither save a host that DANE refuses nor
get in the way of one it holds for (RFC 8461 §2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from mailserver.outbound_tls.results import ResultType


class Level(IntEnum):
    OPPORTUNISTIC = 0  # TLS if offered, the certificate not judged; clear text otherwise
    ENCRYPTED = 1  # TLS or nothing, the certificate not judged
    AUTHENTICATED = 2  # TLS with a certificate that holds for the names
    DANE = 3  # TLS with a certificate that the TLSA records name


class Dane(StrEnum):
    """What the TLSA records of a host say. RFC 7672 §2.2"""

    NONE = "none"  # there are none, or nothing says that they are genuine
    USABLE = "usable"
    UNUSABLE = "unusable"  # genuine, but of kinds nobody can check: TLS all the same
    FAILED = "failed"  # the answer did not come or was forged: there might be some of them


class Sts(StrEnum):
    """What the MTA-STS policy of the domain says about a host. RFC 8461 §5"""

    NONE = "none"
    TESTING = "testing"
    TESTING_OTHER = "testing, host not named"
    ENFORCE = "enforce"
    ENFORCE_OTHER = "enforce, host not named"


class Memory(StrEnum):
    NONE = "none"  # TLS was never seen there
    HELD = "held"
    FELL = "fell"  # it was, but has been missing for so long that we stop insisting


@dataclass(frozen=True, slots=True)
class Facts:
    dane: Dane = Dane.NONE
    sts: Sts = Sts.NONE
    memory: Memory = Memory.NONE
    is_mx_secure: bool = False  # DNSSEC vouches for the MX records
    require_tls: bool = False  # REQUIRETLS in MAIL, RFC 8689 §4
    tls_optional: bool = False  # "TLS-Required: No" in the header, RFC 8689 §5


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` may name {host}, {domain}, {dane} (words about its records) and {memory} (words about what is known)."""

    holds: Callable[[Facts], bool]
    level: Level | None  # None: mail must not go there
    reason: str
    status: str = ""  # enhanced, where level is None: 4.… tries again, 5.… is final for this host
    result_type: ResultType | None = None  # what reports call it, where level is None


DECISIONS = (
    Decision(  # REQUIRETLS wins over the header field, RFC 8689 §4.1
        lambda f: f.tls_optional and not f.require_tls,
        Level.OPPORTUNISTIC,
        "TLS-Required: No in the message: TLS where offered, no policy asked",
    ),
    Decision(  # who can hold back an answer must not be able to switch DANE off, RFC 7672 §2.1.2
        lambda f: f.dane is Dane.FAILED,
        None,
        "DANE may hold for {host}, but its records could not be had: {dane}",
        "4.7.5",
        ResultType.DNSSEC_INVALID,
    ),
    Decision(lambda f: f.dane is Dane.USABLE, Level.DANE, "DANE: {dane}"),
    Decision(
        lambda f: f.sts is Sts.ENFORCE_OTHER,
        None,
        "MTA-STS policy of {domain} (enforce) does not name the host {host}",
        "4.7.5",
        ResultType.VALIDATION_FAILURE,
    ),
    Decision(lambda f: f.sts is Sts.ENFORCE, Level.AUTHENTICATED, "MTA-STS enforce of {domain}"),
    Decision(  # RFC 8689 §4.2.1: a name that DNSSEC vouches for, and a certificate for it
        lambda f: f.require_tls and f.is_mx_secure,
        Level.AUTHENTICATED,
        "REQUIRETLS: MX of {domain} secured by DNSSEC, certificate must hold for {host}",
    ),
    Decision(
        lambda f: f.require_tls,
        None,
        "REQUIRETLS asks for a host that DANE, MTA-STS or DNSSEC vouches for; nothing does for {host}",
        "5.7.30",
    ),
    Decision(  # RFC 7672 §2.2: records that nobody can use still say that there is TLS
        lambda f: f.dane is Dane.UNUSABLE,
        Level.ENCRYPTED,
        "DANE: {host} has TLSA records, but none that can be used ({dane}): TLS without a judged certificate",
    ),
    Decision(lambda f: f.memory is Memory.HELD, Level.ENCRYPTED, "remembered: {memory}"),
    Decision(lambda f: f.memory is Memory.FELL, Level.OPPORTUNISTIC, "opportunistic again: {memory}"),
    Decision(
        lambda f: f.sts in {Sts.TESTING, Sts.TESTING_OTHER},
        Level.OPPORTUNISTIC,
        "opportunistic; MTA-STS policy of {domain} is in testing: failures are only reported",
    ),
    Decision(lambda f: True, Level.OPPORTUNISTIC, "opportunistic"),
)


def decide(facts: Facts) -> Decision:
    return next(row for row in DECISIONS if row.holds(facts))
