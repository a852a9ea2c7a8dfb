"""What a connection to another server must show before mail goes over it, and what it did show.

for_domain   the MTA-STS policy of the destination, if there is one
for_host     DANE, that policy, the sender's wishes and what is remembered → a HostPolicy (decision.py), or NotAllowed
context      for the handshake, which verifies nothing
check        the certificate, after the handshake
note         what came of it: counted for reports, remembered for the next time
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.outbound_tls import contexts
from mailserver.outbound_tls.applied import Applied, PolicyType
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.decision import Dane, Decision, Facts, Level, Memory, Sts, decide
from mailserver.outbound_tls.mta_sts import Mode, StsPolicy
from mailserver.outbound_tls.results import CertificateRefused, ResultType, TlsOutcome

__all__ = [
    "CertificateRefused",
    "DaneFinding",
    "DomainPolicy",
    "Fault",
    "HostPolicy",
    "Level",
    "NotAllowed",
    "Recalled",
    "ResultType",
    "TlsOutcome",
    "TlsPolicies",
]

_log = structlog.get_logger("outbound_tls")

# (chain as DER with the leaf first, names, now); raises CertificateRefused
VerifyChain = Callable[[list[bytes], tuple[str, ...], datetime], None]


class MailHost(Protocol):
    """A host that takes mail for a domain, as the MX records name it."""

    @property
    def name(self) -> str: ...

    @property
    def is_secure(self) -> bool:
        """Whether DNSSEC vouches for the answer that named it."""


@dataclass(frozen=True, slots=True)
class Fault:
    reason: str
    result_type: ResultType


@dataclass(frozen=True, slots=True)
class DomainPolicy:
    name: str  # the destination, A-labels
    sts: StsPolicy | None = None
    fault: Fault | None = None  # why there is no MTA-STS policy where one was announced


@dataclass(frozen=True, slots=True)
class DaneFinding:
    """What DNS says about the certificate of a host."""

    verdict: Dane = Dane.NONE
    words: str = ""
    strings: tuple[str, ...] = ()  # the records as text
    verify: VerifyChain | None = None  # where usable


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is remembered of a host."""

    memory: Memory = Memory.NONE
    words: str = ""


@dataclass(frozen=True, slots=True)
class HostPolicy:
    level: Level
    names: tuple[str, ...]  # the certificate must hold for one of them, from AUTHENTICATED on
    reason: str  # words for the attempt: "MTA-STS enforce of example.net"
    needs_extension: bool = False  # REQUIRETLS must be in EHLO after STARTTLS and goes into MAIL, RFC 8689 §4.2.1
    tested_names: tuple[str, ...] = ()  # the certificate is judged for these, for the report only
    tested_fault: Fault | None = None  # what is wrong already, for the report only
    applied: Applied | None = None  # what reports count the session under; None: it is not counted
    verify: VerifyChain | None = None  # of DANE

    @property
    def allows_clear_text(self) -> bool:
        """Where TLS is not offered, or its handshake fails."""
        return self.level is Level.OPPORTUNISTIC


class NotAllowed(Exception):  # noqa: N818 - a claim
    """No mail to this host now; the next one may do. `status`: enhanced, "5.…" where waiting would not help."""

    def __init__(self, reason: str, status: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status

    @property
    def is_permanent(self) -> bool:
        return self.status.startswith("5")


class StsPolicies(Protocol):
    async def find(self, domain: str) -> DomainPolicy:
        """Never raises for what the domain did wrong."""


class TlsaLookup(Protocol):
    async def find(self, host: MailHost) -> DaneFinding: ...


class Memories(Protocol):
    async def recall(self, host: str) -> Recalled: ...

    async def note(self, host: str, outcome: TlsOutcome) -> None: ...


class Tally(Protocol):
    def count(self, applied: Applied, destination: str, host: str, address: str, outcome: TlsOutcome) -> None: ...


class TlsPolicies:
    """Each source of policies may be missing; without any, TLS is opportunistic."""

    def __init__(
        self,
        clock: Clock,
        authorities: Authorities,
        *,
        sts: StsPolicies | None = None,
        tlsa: TlsaLookup | None = None,
        memories: Memories | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._clock = clock
        self._authorities = authorities
        self._sts = sts
        self._tlsa = tlsa
        self._memories = memories
        self._tally = tally
        self._contexts = {level: contexts.for_level(level) for level in Level}

    def trust(self, authorities: Authorities) -> None:
        """From now on."""
        self._authorities = authorities

    def use(self, *, sts: StsPolicies | None, tlsa: TlsaLookup | None) -> None:
        """From the next message on."""
        self._sts, self._tlsa = sts, tlsa

    async def for_domain(self, destination: str) -> DomainPolicy:
        """`destination`: A-labels, lower case."""
        return await self._sts.find(destination) if self._sts else DomainPolicy(destination)

    async def for_host(
        self, domain: DomainPolicy, host: MailHost, *, require_tls: bool = False, tls_optional: bool = False
    ) -> HostPolicy:
        """Raises NotAllowed."""
        dane = await self._tlsa.find(host) if self._tlsa else DaneFinding()
        recalled = await self._memories.recall(host.name) if self._memories else Recalled()
        facts = Facts(
            dane.verdict, _sts_of(domain.sts, host.name), recalled.memory, host.is_secure, require_tls, tls_optional
        )
        decision = decide(facts)
        reason = decision.reason.format(host=host.name, domain=domain.name, dane=dane.words, memory=recalled.words)
        applied = _applied(domain, dane)
        if decision.level is None:
            if self._tally and decision.result_type:
                outcome = TlsOutcome(reason, False, decision.result_type)
                self._tally.count(applied, domain.name, host.name, "", outcome)
            raise NotAllowed(reason, decision.status)
        return _host_policy(decision, decision.level, reason, facts, domain, host.name, dane, applied)

    def context(self, policy: HostPolicy) -> ssl.SSLContext:
        """Shared; the handshake wants server_hostname = the MX host's name (RFC 7672 §8.1, RFC 8461 §4.1)."""
        return self._contexts[policy.level]

    def check(self, policy: HostPolicy, tls: ssl.SSLObject | ssl.SSLSocket) -> TlsOutcome:
        """Judge what the handshake showed. Raises CertificateRefused: no mail over this connection."""
        chain, spoken, now = contexts.chain(tls), contexts.spoken(tls), self._clock.now()
        if policy.level is Level.DANE and policy.verify is not None:
            policy.verify(chain, policy.names, now)
            return TlsOutcome(f"{spoken}, certificate as in the TLSA records", True)
        if policy.level >= Level.AUTHENTICATED:
            held = self._authorities.verify(chain, policy.names, now)
            return TlsOutcome(f"{spoken}, certificate good for {held}", True)
        fault = policy.tested_fault or self._tested(policy, chain, now)
        if fault is not None:
            return TlsOutcome(f"{spoken}, certificate not judged; {fault.reason}", True, fault.result_type)
        return TlsOutcome(f"{spoken}, certificate not judged", True)

    async def note(self, policy: HostPolicy, destination: str, host: str, address: str, outcome: TlsOutcome) -> None:
        """One session that got as far as EHLO; `address`: the host's."""
        if self._tally and policy.applied is not None:
            self._tally.count(policy.applied, destination, host, address, outcome)
        if self._memories:
            try:
                await self._memories.note(host, outcome)
            except Refusal as fault:  # a full disk must not undo what was delivered; the next session tells it again
                _log.warning("TLS not remembered", host=host, error=fault.text)

    def _tested(self, policy: HostPolicy, chain: list[bytes], now: datetime) -> Fault | None:
        """MTA-STS in testing: what enforcing it would have refused. RFC 8461 §5"""
        if not policy.tested_names:
            return None
        try:
            self._authorities.verify(chain, policy.tested_names, now)
        except CertificateRefused as fault:
            return Fault(f"MTA-STS in testing would refuse it: {fault.reason}", fault.result_type)
        return None


def _sts_of(policy: StsPolicy | None, host: str) -> Sts:
    if policy is None or policy.mode is Mode.NONE:
        return Sts.NONE
    if policy.mode is Mode.ENFORCE:
        return Sts.ENFORCE if policy.names(host) else Sts.ENFORCE_OTHER
    return Sts.TESTING if policy.names(host) else Sts.TESTING_OTHER


def _host_policy(
    decision: Decision,
    level: Level,
    reason: str,
    facts: Facts,
    domain: DomainPolicy,
    host: str,
    dane: DaneFinding,
    applied: Applied,
) -> HostPolicy:
    made = HostPolicy(level, (), reason, needs_extension=facts.require_tls, applied=applied)
    if level is Level.DANE:  # RFC 7672 §3.2.2: the next-hop domain is a name of the host too, where DNSSEC says so
        return replace(made, names=(host, domain.name), verify=dane.verify)
    if level is Level.AUTHENTICATED:
        return replace(made, names=(host,))
    if facts.tls_optional and not facts.require_tls:
        return replace(made, applied=None)
    if facts.sts is Sts.TESTING:
        return replace(made, tested_names=(host,))
    return replace(made, tested_fault=_known_fault(facts, domain, host))


def _known_fault(facts: Facts, domain: DomainPolicy, host: str) -> Fault | None:
    if facts.sts is Sts.TESTING_OTHER:
        return Fault(
            f"MTA-STS policy of {domain.name} (testing) does not name the host {host}", ResultType.VALIDATION_FAILURE
        )
    return domain.fault


def _applied(domain: DomainPolicy, dane: DaneFinding) -> Applied:
    if dane.verdict is not Dane.NONE:
        return Applied(PolicyType.TLSA, dane.strings)
    if domain.sts is not None and domain.sts.mode is not Mode.NONE:
        return Applied.of_sts(domain.sts)
    return Applied(PolicyType.STS if domain.fault else PolicyType.NONE)
