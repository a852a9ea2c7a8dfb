"""An authoritative DNS server of our own on loopback, for tests: real packets, UDP and TCP, and every fault on request.

    async with Zone({"example.net": {"MX": "10 mx.example.net."}, "mx.example.net": {"A": "127.0.0.2"}}) as zone:
        zone.set("example.net", "TXT", '"v=spf1 -all"', ttl=60)
        zone.fail("slow.example", "timeout")
        zone.secure = True                  # AD in every answer, as a validating resolver gives it …
        zone.insecure.add("mx.example.net")  # … but for this name
        assert ("example.net", "MX") in zone.questions

It answers for every name there is; what it was not told does not exist. A name's CNAME is followed, negative answers
carry the SOA of the root (or of the nearest zone given one), a question asked over both transports is in `asked` twice.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset
import dns.zone

TTL = 300
NEGATIVE_TTL = 60
CNAME_DEPTH = 16
BIND_TRIES = 20
MAX_OCTETS = 65_535  # of a message over TCP

FAULTS = ("SERVFAIL", "REFUSED", "timeout", "truncate", "truncate without TCP", "wrong id", "wrong question", "garbage")

Content = str | Iterable[str]
Raw = Callable[[bytes], list[bytes]]  # a question's octets → the datagrams that answer it


class Asked(NamedTuple):
    name: str  # lower case, without the dot at the end
    rdtype: str  # "MX"
    transport: str  # "udp" or "tcp"


class Zone:
    def __init__(
        self, records: Mapping[str, Mapping[str, Content]] | None = None, *, address: str = "127.0.0.1"
    ) -> None:
        self.address = address
        self.port = 0  # once it runs
        self.secure = False  # AD in answers, RFC 4035 §3.2.3
        self.insecure: set[str] = set()  # names whose answers never have it
        self.edns = True  # False: FORMERR to questions with EDNS, as very old servers answer
        self.follows_aliases = True  # False: an answer ends at a CNAME
        self.asked: list[Asked] = []
        self.wanted_dnssec: list[bool] = []  # per question: the DO bit
        self._sets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._signatures: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._faults: dict[tuple[str, str | None], tuple[str, int | None]] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._raw: dict[str, Raw] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.set(".", "SOA", f"ns.test. admin.test. 1 3600 600 86400 {NEGATIVE_TTL}", ttl=NEGATIVE_TTL)
        for name, types in (records or {}).items():
            for rdtype, content in types.items():
                self.set(name, rdtype, content)

    @property
    def server(self) -> str:
        """As the configuration wants it: "127.0.0.1:5353"."""
        return f"{self.address}:{self.port}"

    @property
    def questions(self) -> set[tuple[str, str]]:
        return {(asked.name, asked.rdtype) for asked in self.asked}

    def count(self, name: str, rdtype: str) -> int:
        """How often it was asked, over both transports."""
        return sum((asked.name, asked.rdtype) == (name, rdtype) for asked in self.asked)

    def set(self, name: str, rdtype: str, content: Content, *, ttl: int = TTL) -> None:
        """All records of one type, as a zone file has them; a PTR may be named by its address."""
        owner, kind = _owner(name, rdtype), dns.rdatatype.from_text(rdtype)
        texts = [content] if isinstance(content, str) else list(content)
        self._sets[owner, kind] = dns.rrset.from_text_list(owner, ttl, "IN", kind, texts)

    def set_octets(self, name: str, rdtype: str, *rdatas: bytes, ttl: int = TTL) -> None:
        """Records that a zone file could not have, such as malformed ones."""
        owner, kind = _owner(name, rdtype), dns.rdatatype.from_text(rdtype)
        records = [dns.rdata.GenericRdata(dns.rdataclass.IN, kind, rdata) for rdata in rdatas]
        self._sets[owner, kind] = dns.rrset.from_rdata_list(owner, ttl, records)

    def remove(self, name: str, rdtype: str) -> None:
        del self._sets[_owner(name, rdtype), dns.rdatatype.from_text(rdtype)]

    def load(self, zone: dns.zone.Zone) -> None:
        """Every record of a whole zone, its signatures and NSEC included."""
        for owner, data in zone.iterate_rdatasets():
            name = owner.derelativize(zone.origin or dns.name.root)
            rrset = dns.rrset.from_rdata_list(name, data.ttl, list(data))
            if data.rdtype is dns.rdatatype.RRSIG:
                self._signatures[name, data.covers] = rrset
            else:
                self._sets[name, data.rdtype] = rrset

    def fail(self, name: str, how: str, *, rdtype: str | None = None, times: int | None = None) -> None:
        """Answer questions about a name (of one type) with one of FAULTS, always or so many times."""
        assert how in FAULTS, how
        self._faults[_text(dns.name.from_text(name)), rdtype] = (how, times)

    def mend(self, name: str, *, rdtype: str | None = None) -> None:
        self._faults.pop((_text(dns.name.from_text(name)), rdtype), None)

    def hold(self, name: str) -> asyncio.Event:
        """Answer questions about a name only when the event is set."""
        return self._held.setdefault(_text(dns.name.from_text(name)), asyncio.Event())

    def answer_raw(self, name: str, raw: Raw) -> None:
        """Answer questions over UDP with any octets, as many datagrams as are given."""
        self._raw[_text(dns.name.from_text(name))] = raw

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(BIND_TRIES):  # the port UDP got may be taken for TCP
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self.address, self.port)
            )
            self.port = self._udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._connected, self.address, self.port)
            except OSError:
                self._udp.close()
                self.port = 0
                continue
            return self
        raise OSError("no port is free for both UDP and TCP")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._udp.close()
        self._tcp.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tcp.wait_closed()

    def spawn(self, answering: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def datagrams(self, wire: bytes) -> list[bytes]:
        """The datagrams that answer one."""
        query = dns.message.from_wire(wire)
        name = _text(query.question[0].name)
        fault = await self._hear(query, "udp")
        if name in self._raw:
            return self._raw[name](wire)
        match fault:
            case "timeout":
                return []
            case "garbage":
                return [wire[:2] + b"\x81\x80" + b"\xff" * 40]
            case "truncate" | "truncate without TCP":
                return [_truncated(query)]
        answer = self._answer(query, fault)
        octets = answer.to_wire(max_size=MAX_OCTETS)
        return [octets if len(octets) <= max(512, query.payload) else _truncated(query)]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.spawn(self._stream(reader, writer))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    query = dns.message.from_wire(await reader.readexactly(size))
                    fault = await self._hear(query, "tcp")
                    if fault in {"timeout", "truncate without TCP"}:
                        break
                    octets = self._answer(query, fault).to_wire(max_size=MAX_OCTETS)
                    writer.write(len(octets).to_bytes(2, "big") + octets)
                    await writer.drain()
        finally:
            writer.transport.abort()

    async def _hear(self, query: dns.message.Message, transport: str) -> str | None:
        """Note the question; its fault, if any."""
        question = query.question[0]
        name = _text(question.name)
        self.asked.append(Asked(name, dns.rdatatype.to_text(question.rdtype), transport))
        self.wanted_dnssec.append(bool(query.ednsflags & dns.flags.DO))
        if name in self._held:
            await self._held[name].wait()
        key: tuple[str, str | None] = (name, dns.rdatatype.to_text(question.rdtype))
        if key not in self._faults:
            key = (name, None)
        how, times = self._faults.get(key, (None, None))
        if how is not None and times is not None:
            if times > 1:
                self._faults[key] = (how, times - 1)
            else:
                del self._faults[key]
        return how

    def _answer(self, query: dns.message.Message, fault: str | None) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True, our_payload=1232)
        answer.flags |= dns.flags.AA
        if query.edns >= 0 and not self.edns:
            answer.use_edns(False)
            answer.set_rcode(dns.rcode.FORMERR)
            return answer
        if fault in {"SERVFAIL", "REFUSED"}:
            answer.set_rcode(dns.rcode.from_text(fault))
            return answer
        self._fill(answer, query)
        match fault:
            case "wrong id":
                answer.id ^= 1
            case "wrong question":
                answer.question[0].name = dns.name.from_text("other.test")
        return answer

    def _fill(self, answer: dns.message.Message, query: dns.message.Message) -> None:
        question, wants = query.question[0], bool(query.ednsflags & dns.flags.DO)
        name, is_secure = question.name, self.secure
        for _ in range(CNAME_DEPTH):
            is_secure = is_secure and _text(name) not in self.insecure
            found = self._add(answer.answer, name, question.rdtype, wants)
            if found or not self._add(answer.answer, name, dns.rdatatype.CNAME, wants):
                break
            name = self._sets[_lower(name), dns.rdatatype.CNAME][0].target
            if not self.follows_aliases:
                break
        if not found and (self.follows_aliases or not answer.answer):
            self._deny(answer, name, question.rdtype, wants)
        if is_secure:
            answer.flags |= dns.flags.AD

    def _add(
        self, section: list[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType, wants: bool
    ) -> bool:
        rrset = self._sets.get((_lower(name), kind))
        if rrset is None:
            return False
        section.append(dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset)))
        if wants and (_lower(name), kind) in self._signatures:
            section.append(self._signatures[_lower(name), kind])
        return True

    def _deny(
        self, answer: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, wants: bool
    ) -> None:
        """NODATA or NXDOMAIN, the SOA of the zone, and the NSEC that proves it. RFC 2308 §2, RFC 4035 §3.1.3."""
        name = _lower(name)
        exists = any(owner.is_subdomain(name) for owner, _ in self._sets)
        if not exists:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        # A DS belongs to the zone above the cut, RFC 4035 §3.1.4.1
        above = name.parent() if kind is dns.rdatatype.DS and name != dns.name.root else name
        apex = max(owner for owner, type_ in self._sets if type_ is dns.rdatatype.SOA and above.is_subdomain(owner))
        self._add(answer.authority, apex, dns.rdatatype.SOA, wants)
        if not wants or (apex, dns.rdatatype.SOA) not in self._signatures:
            return
        chain = sorted(owner for owner, type_ in self._sets if type_ is dns.rdatatype.NSEC)
        denied = [name] if exists else [name, dns.name.Name([b"*"]).concatenate(_closest(name, chain))]
        for owner in {max(link for link in chain if link <= one) for one in denied}:
            self._add(answer.authority, owner, dns.rdatatype.NSEC, wants)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._zone.spawn(self._reply(data, addr))

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        for datagram in await self._zone.datagrams(data):
            self._transport.sendto(datagram, addr)


def _owner(name: str, rdtype: str) -> dns.name.Name:
    if rdtype == "PTR":
        with contextlib.suppress(ValueError):
            return dns.reversename.from_address(str(ipaddress.ip_address(name)))
    return _lower(dns.name.from_text(name))


def _lower(name: dns.name.Name) -> dns.name.Name:
    return name.canonicalize()


def _text(name: dns.name.Name) -> str:
    return "." if name == dns.name.root else name.canonicalize().to_text(omit_final_dot=True)


def _closest(name: dns.name.Name, owners: list[dns.name.Name]) -> dns.name.Name:
    """The nearest name above that exists."""
    above = name.parent()
    while above != dns.name.root and not any(owner.is_subdomain(above) for owner in owners):
        above = above.parent()
    return above


def _truncated(query: dns.message.Message) -> bytes:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.flags |= dns.flags.TC
    return answer.to_wire()
