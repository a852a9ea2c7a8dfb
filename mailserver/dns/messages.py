"""Questions and answers as octets (pure): nothing that comes from the network raises anything but Unusable.

What is looked at: the answer must be to our question, whole, NOERROR or NXDOMAIN, and lead from our name to its records
by CNAMEs without a loop. RFC 1034 §4.3.1, RFC 2308, RFC 6891.
"""

import struct
from dataclasses import dataclass
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from mailserver.dns import tlsa_wire

UDP_PAYLOAD = 1232  # octets, DNS Flag Day 2020: nothing is fragmented on the way
MAX_OCTETS = 16_384  # of an answer; parsing this many takes a few milliseconds
MAX_CNAMES = 8  # from the name to its records
MAX_TTL = 86_400  # seconds; longer ones are taken for this
MAX_WORDS = 200  # characters of what a resolver says about an error
MAX_NEGATIVE_TTL = 3600  # RFC 2308 §5 suggests one to three hours

Records = tuple[Any, ...]  # rdata of dnspython, whose classes are made at run time


class Unusable(Exception):  # noqa: N818 - a claim
    """These octets are no answer to our question; the text says why."""


class WithoutEdns(Unusable):
    """The server does not know EDNS: it may be asked without."""


@dataclass(frozen=True, slots=True)
class Reply:
    records: Records
    exists: bool
    is_authentic: bool  # AD
    name: dns.name.Name  # where the records are, after CNAMEs
    ttl: int  # seconds, of the shortest-lived part; 0: not to be kept
    is_whole: bool = True  # False: the answer ends at a CNAME, and its target is to be asked for
    cnames: int = 0


def question(name: dns.name.Name, kind: dns.rdatatype.RdataType, *, edns: bool = True) -> dns.message.QueryMessage:
    """Asks for recursion, for signatures to be looked at (DO), and to be told that they were (AD, RFC 6840 §5.7)."""
    query = dns.message.make_query(name, kind, use_edns=False)
    query.flags |= dns.flags.AD
    if edns:
        query.use_edns(0, ednsflags=dns.flags.DO, payload=UDP_PAYLOAD)
    return query


def parse(wire: bytes, query: dns.message.QueryMessage) -> dns.message.Message:
    """The message, when it is one and answers the question. Raises Unusable."""
    if len(wire) > MAX_OCTETS:
        raise Unusable(f"{len(wire)} octets, more than {MAX_OCTETS}")
    try:
        message = _parse(wire, query.question[0].rdtype)
        if query.is_response(message):
            return message
    except (dns.exception.DNSException, ValueError, struct.error) as fault:
        raise Unusable(f"garbage ({type(fault).__name__})") from fault
    raise Unusable("an answer to another question")


def _parse(wire: bytes, kind: dns.rdatatype.RdataType) -> dns.message.Message:
    return tlsa_wire.parse(wire) if kind is dns.rdatatype.TLSA else dns.message.from_wire(wire)


def is_truncated(message: dns.message.Message) -> bool:
    return bool(message.flags & dns.flags.TC)


def read(message: dns.message.Message, query: dns.message.QueryMessage) -> Reply:
    """What an answer says about the name that was asked for. Raises Unusable."""
    rcode = message.rcode()
    if rcode is dns.rcode.FORMERR and query.edns >= 0:
        raise WithoutEdns("FORMERR")
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise Unusable(dns.rcode.to_text(rcode) + _extended(message))
    name, kind = query.question[0].name, query.question[0].rdtype
    ttl, cnames = MAX_TTL, 0
    while True:
        found = message.get_rrset(message.answer, name, dns.rdataclass.IN, kind)
        if found is not None:
            ttl = min(ttl, found.ttl)
            return Reply(tuple(found), True, _is_authentic(message), name, ttl, cnames=cnames)
        alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None:
            break
        if cnames == MAX_CNAMES:
            raise Unusable(f"more than {MAX_CNAMES} CNAMEs")
        name, ttl, cnames = alias[0].target, min(ttl, alias.ttl), cnames + 1
    return _nothing(message, name, ttl, cnames)


def _nothing(message: dns.message.Message, name: dns.name.Name, ttl: int, cnames: int) -> Reply:
    """NXDOMAIN, NODATA or the end of what the server followed. How long it holds: RFC 2308 §5."""
    exists = message.rcode() is dns.rcode.NOERROR
    kinds = {rrset.rdtype for rrset in message.authority}
    if exists and not cnames and dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds:
        raise Unusable("a referral: this server does not resolve for us")  # RFC 2308 §2.2
    denials = [soa for soa in message.authority if soa.rdtype is dns.rdatatype.SOA and name.is_subdomain(soa.name)]
    negative_ttl = min((min(soa.ttl, soa[0].minimum) for soa in denials), default=0)
    is_whole = bool(denials) or not exists or cnames == 0
    return Reply(
        (),
        exists,
        _is_authentic(message),
        name,
        min(ttl, negative_ttl, MAX_NEGATIVE_TTL) if is_whole else ttl,
        is_whole,
        cnames,
    )


def _is_authentic(message: dns.message.Message) -> bool:
    return bool(message.flags & dns.flags.AD)


def _extended(message: dns.message.Message) -> str:
    """What the resolver adds in words, RFC 8914."""
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            code = dns.edns.EDECode.to_text(option.code).replace("_", " ").lower()
            text = "".join(c if c.isprintable() else "?" for c in (option.text or "")[:MAX_WORDS])
            return f" ({code}: {text})" if text else f" ({code})"
    return ""
