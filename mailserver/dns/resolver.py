"""The resolver everybody asks: typed answers, kept for their time, one question at a time for the same thing.

A question goes to the resolvers in their order, twice around, within one deadline. An answer that can not be used is
nobody's fault here: the next one is asked, and when none is left DnsFailure says what each of them did.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import dns.exception
import dns.name
import dns.rdatatype
import dns.reversename
import idna

from mailserver.clock import Clock
from mailserver.config.tree import DnsConfig
from mailserver.dns import servers
from mailserver.dns.answers import Answer, DnsFailure, Mx, Resolver, Tlsa
from mailserver.dns.cache import Cache, Key
from mailserver.dns.exchange import ask
from mailserver.dns.messages import MAX_CNAMES, Reply, Unusable, WithoutEdns, question, read
from mailserver.dns.servers import Server
from mailserver.dns.shared import Shared
from mailserver.dns.trust import Trust

__all__ = ["Answer", "DnsFailure", "DnsResolver", "Mx", "Resolver", "Tlsa"]

ROUNDS = 2  # around the servers
FOR_TRIES = 0.9  # of the time of a question; the last try can still say what it saw
MAX_AT_ONCE = 256  # questions on their way, each with a socket

MAX_NAMES = 4096  # as they were asked for, that are remembered as A-labels

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Known:
    """A reply as the values it comes to: looking at the same one again costs nothing."""

    records: tuple[Any, ...]
    exists: bool
    is_authentic: bool
    name: str
    ttl: int


class DnsResolver:
    def __init__(self, config: DnsConfig, clock: Clock) -> None:
        self._servers = servers.configured(config.servers) or servers.of_system()
        self._seconds = config.timeout_seconds
        self._clock = clock
        self._cache: Cache[_Known] = Cache()
        self._shared: Shared[Key, _Known] = Shared()
        self._checks: Shared[None, None] = Shared()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._trust = Trust(self._servers, config.trust_ad, self._probe)

    @property
    def validates(self) -> bool:
        """Known after `check` or the first question."""
        return self._trust.holds

    @property
    def why_not(self) -> str:
        return self._trust.why_not

    async def check(self) -> None:
        """Find out whether the resolvers validate; questions do so by themselves. Never raises for their faults."""
        await self._checks.do(None, lambda: self._trust.check(self._clock.monotonic()))

    async def close(self) -> None:
        """End the questions that are on their way."""
        await self._shared.close()
        await self._checks.close()

    async def mx(self, name: str) -> Answer[Mx]:
        return await self._typed(name, dns.rdatatype.MX, _mx)

    async def txt(self, name: str) -> Answer[bytes]:
        return await self._typed(name, dns.rdatatype.TXT, _txt)

    async def tlsa(self, name: str) -> Answer[Tlsa]:
        return await self._typed(name, dns.rdatatype.TLSA, _tlsa)

    async def cname(self, name: str) -> Answer[str]:
        return await self._typed(name, dns.rdatatype.CNAME, _target)

    async def ptr(self, address: str) -> Answer[str]:
        """Raises ValueError when `address` is none."""
        name = dns.reversename.from_address(str(ipaddress.ip_address(address)))
        return await self._typed(name.to_text(), dns.rdatatype.PTR, _target)

    async def addresses(self, name: str, *, ipv4: bool = True, ipv6: bool = True) -> Answer[str]:
        """When one family can not be had, the other one's addresses do; a failure only where there are none."""
        kinds = [dns.rdatatype.AAAA] * ipv6 + [dns.rdatatype.A] * ipv4
        if all(self._is_kept(name, kind) for kind in kinds):  # nothing to wait for: no tasks
            answers = [await self._family(name, kind) for kind in kinds]
        else:
            answers = await asyncio.gather(*(self._family(name, kind) for kind in kinds))
        failures = [answer for answer in answers if isinstance(answer, DnsFailure)]
        had = [answer for answer in answers if not isinstance(answer, DnsFailure)]
        records = tuple(record for answer in had for record in answer.records)
        if failures and not records:
            raise failures[0]
        return Answer(
            records,
            any(answer.exists for answer in had),
            bool(had) and all(answer.is_secure for answer in had),
            had[-1].name if had else name,
        )

    async def _family(self, name: str, kind: dns.rdatatype.RdataType) -> Answer[str] | DnsFailure:
        try:
            return await self._typed(name, kind, _address)
        except DnsFailure as failure:
            return failure

    async def _typed(self, name: str, kind: dns.rdatatype.RdataType, convert: Callable[[Any], T]) -> Answer[T]:
        try:
            owner = _a_labels(name)
        except (dns.exception.DNSException, ValueError):
            return Answer((), exists=False, is_secure=False, name=name)
        reply = await self._reply(owner, kind, convert)
        if self._trust.is_due(self._clock.monotonic()):
            await self.check()
        is_secure = reply.is_authentic and self._trust.holds
        return Answer(reply.records, reply.exists, is_secure, reply.name)

    def _is_kept(self, name: str, kind: dns.rdatatype.RdataType) -> bool:
        return self._cache.get((name, kind.name), self._clock.monotonic()) is not None

    async def _reply(self, name: str, kind: dns.rdatatype.RdataType, convert: Callable[[Any], object]) -> _Known:
        key = name, kind.name
        kept = self._cache.get(key, self._clock.monotonic())
        return kept or await self._shared.do(key, lambda: self._fetched(key, kind, convert))

    async def _fetched(self, key: Key, kind: dns.rdatatype.RdataType, convert: Callable[[Any], object]) -> _Known:
        name = _name(key[0] or ".")
        async with self._slots:
            try:
                async with asyncio.timeout(self._seconds):
                    reply, octets = await self._whole(name, kind)
            except TimeoutError:
                raise DnsFailure(f"{kind.name} of {_text(name)}: no answer within {self._seconds:g} s") from None
        records = tuple(convert(record) for record in reply.records)
        known = _Known(records, reply.exists, reply.is_authentic, _text(reply.name), reply.ttl)
        self._cache.put(key, known, octets, self._clock.monotonic())
        return known

    async def _whole(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[Reply, int]:
        """Go on asking where an answer ends at a CNAME."""
        reply, octets = await self._asked(name, kind)
        ttl, is_authentic, cnames = reply.ttl, reply.is_authentic, reply.cnames
        while not reply.is_whole:
            reply, more = await self._asked(reply.name, kind)
            ttl, is_authentic = min(ttl, reply.ttl), is_authentic and reply.is_authentic
            octets, cnames = octets + more, cnames + reply.cnames
            if cnames > MAX_CNAMES:
                raise DnsFailure(f"{kind.name} of {_text(name)}: more than {MAX_CNAMES} CNAMEs")
        return Reply(reply.records, reply.exists, is_authentic, reply.name, ttl), octets

    async def _asked(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[Reply, int]:
        """The first answer that can be used. Raises DnsFailure."""
        faults: dict[Server, str] = {}
        for server in self._servers * ROUNDS:
            try:
                return await self._one(server, name, kind)
            except Unusable as fault:
                faults[server] = str(fault)
        said = "; ".join(f"{server}: {fault}" for server, fault in faults.items())
        raise DnsFailure(f"{kind.name} of {_text(name)}: {said}")

    async def _one(self, server: Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[Reply, int]:
        seconds = self._seconds * FOR_TRIES / (ROUNDS * len(self._servers))
        query = question(name, kind)
        message, octets = await ask(server, query, seconds)
        try:
            return read(message, query), octets
        except WithoutEdns:  # RFC 6891 §7
            query = question(name, kind, edns=False)
            message, octets = await ask(server, query, seconds)
            return read(message, query), octets

    async def _probe(self, server: Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Reply:
        async with self._slots:
            return (await self._one(server, name, kind))[0]


def _name(name: str) -> dns.name.Name:
    """A-labels. RFC 5891 §4. Raises DNSException, ValueError."""
    if name in {"", "@"}:
        raise ValueError("not a name")
    labels = (label if label.isascii() else idna.encode(label, uts46=True).decode() for label in name.split("."))
    return dns.name.from_text(".".join(labels)).canonicalize()


@lru_cache(MAX_NAMES)
def _a_labels(name: str) -> str:
    """In lower case, without the dot at the end. Raises as _name does."""
    return _text(_name(name))


def _text(name: dns.name.Name) -> str:
    return name.canonicalize().to_text(omit_final_dot=True) if name != dns.name.root else ""


def _mx(record: Any) -> Mx:
    return Mx(record.preference, _text(record.exchange))


def _txt(record: Any) -> bytes:
    return b"".join(record.strings)


def _tlsa(record: Any) -> Tlsa:
    """One too short for its three numbers is kept as a kind that nobody can use."""
    octets: bytes = record.data
    return Tlsa(octets[0], octets[1], octets[2], octets[3:]) if len(octets) >= 3 else Tlsa(255, 255, 255, octets)


def _target(record: Any) -> str:
    return _text(record.target)


def _address(record: Any) -> str:
    return str(record.address)
