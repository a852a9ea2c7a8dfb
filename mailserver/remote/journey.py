"""From host to host with one message, until every recipient has an answer or there is nobody left to ask.

Hosts come in their order, each behind its gate, their addresses by families in turn. A host that can not be reached,
refuses before it comes to recipients or asks to come later is followed by the next one, until MAX_SESSIONS of them have
spoken of recipients. What a host says of a recipient for good is not asked again elsewhere.

Clear text after a TLS handshake that failed is the last resort: only where the policy is opportunistic, only when no
address of no host could do better, and never because of a certificate. The attempt says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailserver.clock import Clock
from mailserver.config.tree import TlsMode
from mailserver.dns.resolver import DnsFailure
from mailserver.outbound_tls.policy import DomainPolicy, HostPolicy, Level, NotAllowed, TlsOutcome, TlsPolicies
from mailserver.remote.answers import Answer, Answers
from mailserver.remote.connections import Connections
from mailserver.remote.consignment import Consignment, GateClosed, Gates, Visit
from mailserver.remote.dialling import alternating
from mailserver.remote.envelope import Mail, Recipient, Unsendable
from mailserver.remote.findings import Findings, Place
from mailserver.remote.replies import Meaning, Stage, meaning
from mailserver.remote.routes import NoRoute, Routes, Way
from mailserver.remote.session import Refused, Session, TalksToItself, TlsFailed
from mailserver.remote.spooled import Content, Sign
from mailserver.remote.target import Target
from mailserver.remote.transaction import hand_over
from mailserver.remote.transcript import Direction, Line, Listener
from mailserver.remote.wire import WireFailed
from mailserver.store.relays import Departure

MAX_SESSIONS = 2  # hosts that are told of recipients in one attempt; a greylisted one need not hear it from all of them
REQUIRETLS_MISSING = "5.7.30"  # RFC 8689 §4.2.1: the next host may offer it


@dataclass(frozen=True, slots=True)
class Means:
    """What every journey needs."""

    clock: Clock
    policies: TlsPolicies
    gates: Gates
    routes: Routes
    connections: Connections
    sign: Sign


@dataclass(frozen=True, slots=True)
class Load:
    """What is carried, and on which terms."""

    mail: Mail
    recipients: dict[int, Recipient]  # by entry id
    content: Content
    destination: str
    departure: Departure
    domain: DomainPolicy
    tls_optional: bool
    ipv6: bool

    @classmethod
    def of(
        cls,
        consignment: Consignment,
        content: Content,
        departure: Departure,
        domain: DomainPolicy,
        ipv6: bool,
        reverse_paths: Mapping[int, str],
    ) -> "Load":
        """`reverse_paths`: of entries that have one of their own."""
        first = consignment.entries[0]
        return cls(
            Mail(first.sender, first.envid, first.ret, first.smtputf8, first.require_tls),
            {
                entry.id: Recipient(entry.recipient, entry.notify, entry.orcpt, reverse_paths.get(entry.id))
                for entry in consignment.entries
            },
            content,
            consignment.destination,
            departure,
            domain,
            first.tls_optional,
            ipv6,
        )


class Journey:
    def __init__(
        self, means: Means, load: Load, findings: Findings, listener: Listener, ended: Callable[[], None]
    ) -> None:
        """`ended`: called when more is known than before and more is to come."""
        self._ended = ended
        self._means = means
        self._load = load
        self._findings = findings
        self._listener = listener
        self._sessions = 0
        self._without_tls: dict[Way, str] = {}  # where its handshake failed and clear text is allowed, and how

    async def go(self, ways: Sequence[Way]) -> None:
        for way in ways:
            await self._visit(way)
        for way, failure in list(self._without_tls.items()):
            await self._visit(way, failure)

    @property
    def _is_over(self) -> bool:
        return not self._findings.waiting or self._sessions >= MAX_SESSIONS

    async def _visit(self, way: Way, gave_up: str = "") -> None:
        if self._is_over:
            return
        try:
            async with self._means.gates.enter(way.host.name) as visit:
                await self._at(way, visit, gave_up)
        except GateClosed as closed:
            self._note(f"{way.host.name}: {closed.reason}")
            self._findings.closed_until.append((closed.until_ms, closed.reason))

    async def _at(self, way: Way, visit: Visit, gave_up: str) -> None:
        place = Place(way.host.name)
        try:
            policy = await self._policy(way)
            addresses = await self._addresses(way)
        except NotAllowed as fault:
            meant = Meaning.FAIL if fault.is_permanent else Meaning.DEFER
            self._trouble(meant, None, fault.status, fault.reason, place)
        except NoRoute as fault:
            meant = Meaning.FAIL if fault.code >= 500 else Meaning.DEFER
            self._trouble(meant, fault.code, fault.status, fault.text, place)
        except DnsFailure as fault:
            self._trouble(Meaning.DEFER, None, "4.4.3", f"{way.host.name} could not be looked up: {fault}", place)
        else:
            for address in addresses:
                target = target_at(way, address, policy, self._load.departure, gave_up)
                if self._is_over or await self._call(way, target, visit):
                    break

    async def _call(self, way: Way, target: Target, visit: Visit) -> bool:
        """Whether other addresses of the host need not be tried."""
        kept = self._means.connections.reuse(target, self._listener)
        if kept is not None and await self._speak(kept, visit, is_reused=True):
            visit.went_on()
            return True
        place = Place(target.host, target.address)
        try:
            session = await self._means.connections.open(target, self._listener)
        except WireFailed as fault:
            visit.connection_failed(str(fault))
            self._trouble(Meaning.DEFER, None, "4.4.1", str(fault), place)
        except Refused as fault:
            visit.answered(fault.reply.code, fault.reply.said)
            meant = meaning(fault.reply, fault.stage, is_ours=target.is_relay)
            if meant is Meaning.OK:  # of a stage where it means nothing
                meant = Meaning.DEFER
            self._trouble(meant, fault.reply.code, fault.reply.status or None, fault.reply.text, place)
        except TlsFailed as fault:
            await self._tell_policies(target, fault.outcome)
            if fault.is_handshake and target.policy.allows_clear_text:
                self._without_tls.setdefault(way, fault.outcome.words)
            words = f"{fault.outcome.words} ({target.policy.reason})"
            self._trouble(Meaning.DEFER, None, "4.7.5", words, Place(target.host, target.address, words))
        except TalksToItself as fault:
            self._trouble(Meaning.FAIL, 554, "5.4.6", f"Mail loop: {fault}", place)
        else:
            await self._tell_policies(target, session.tls)
            return await self._speak(session, visit, is_reused=False)
        return False

    async def _speak(self, session: Session, visit: Visit, *, is_reused: bool) -> bool:
        """Hand the message over. False: nothing came of it, another connection may do better."""
        answers: Answers = {}
        waiting = {entry_id: self._load.recipients[entry_id] for entry_id in sorted(self._findings.waiting)}
        place, is_whole = Place.of(session), False

        def ended() -> None:
            self._findings.answered(answers, place)
            self._ended()

        load = self._load
        try:
            await hand_over(session, load.mail, waiting, load.content, self._means.sign, answers, ended)
            is_whole = True
        except Unsendable as fault:
            is_whole = True
            if fault.status == REQUIRETLS_MISSING:
                self._trouble(Meaning.FAIL, fault.code, fault.status, fault.text, place)
                return False
            answers = dict.fromkeys(waiting, Answer(Meaning.FAIL, fault.code, fault.status, fault.text))
        except WireFailed as fault:
            if is_reused and not answers:  # it was closed while nobody looked: not the host's fault
                return False
            visit.connection_failed(str(fault))
            self._trouble(Meaning.DEFER, None, "4.4.2", str(fault), place)
        except Refused as fault:
            visit.answered(fault.reply.code, fault.reply.said)
            self._trouble(Meaning.DEFER, fault.reply.code, fault.reply.status or None, fault.reply.text, place)
        finally:
            if is_reused and _says_enough(answers):
                answers = {}
            self._findings.answered(answers, place)
            if self._findings.waiting:
                self._ended()
            if is_whole:
                self._means.connections.give_back(session)
            else:
                self._means.connections.drop(session)
        if is_reused and not answers:
            return False
        self._sessions += 1
        _tell(visit, answers)
        return True

    async def _policy(self, way: Way) -> HostPolicy:
        """Raises NotAllowed."""
        if way.is_relay:
            return relay_policy(way, self._load.mail.insists_on_tls)
        return await self._means.policies.for_host(
            self._load.domain,
            way.host,
            require_tls=self._load.mail.insists_on_tls,
            tls_optional=self._load.tls_optional,
        )

    async def _addresses(self, way: Way) -> list[str]:
        """Raises NoRoute, DnsFailure."""
        return alternating(await self._means.routes.addresses(way, ipv6=self._load.ipv6))

    async def _tell_policies(self, target: Target, outcome: TlsOutcome) -> None:
        """Reports and memories are about destinations, not about relays of ours."""
        if not target.is_relay and not target.gave_up:
            await self._means.policies.note(target.policy, self._load.destination, target.host, target.address, outcome)

    def _trouble(self, meant: Meaning, code: int | None, status: str | None, text: str, place: Place) -> None:
        self._note(f"{place.host}: {text}")
        self._findings.failed(meant, code, status, text, place)

    def _note(self, text: str) -> None:
        self._listener(Line(Direction.NOTE, text))


def target_at(way: Way, address: str, policy: HostPolicy, departure: Departure, gave_up: str = "") -> Target:
    source = departure.ipv6 if ":" in address else departure.ipv4
    return Target(way.host.name, address, way.port, way.security, policy, source, way.login, way.is_relay, gave_up)


def _says_enough(answers: Answers) -> bool:
    """MAIL was put off on a connection that had served before: "too many messages", and a new one is welcome."""
    return bool(answers) and all(
        answer.stage is Stage.MAIL and answer.meaning is Meaning.DEFER for answer in answers.values()
    )


def _tell(visit: Visit, answers: Answers) -> None:
    """Each reply once, what was taken last: a host that takes mail is a good one, whoever it refused."""
    said = {(answer.code, answer.said): answer.meaning for answer in answers.values() if answer.stage is not None}
    for (code, text), _ in sorted(said.items(), key=lambda item: item[1] is Meaning.OK):
        if code is not None:
            visit.answered(code, text)


def relay_policy(way: Way, require_tls: bool) -> HostPolicy:
    """What was set for it; REQUIRETLS wants a certificate that holds as well (RFC 8689 §4.2.1)."""
    name = way.host.name
    if way.security is TlsMode.NONE:
        if require_tls:
            raise NotAllowed(f"REQUIRETLS was demanded and the relay {name} is used without TLS", REQUIRETLS_MISSING)
        return HostPolicy(Level.OPPORTUNISTIC, (), f"relay {name} on this machine")
    if way.must_verify or require_tls:
        return HostPolicy(Level.AUTHENTICATED, (name,), f"relay {name}, its certificate has to hold")
    return HostPolicy(Level.ENCRYPTED, (), f"relay {name}, its certificate is not judged")
