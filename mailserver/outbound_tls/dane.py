"""DANE for SMTP: which TLSA records speak for a host, and whether its certificate is the one they name.

RFC 7672 for mail, RFC 7671 for how records are read, RFC 6698 for what they are.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mailserver.dns.answers import Answer, Resolver, Tlsa
from mailserver.outbound_tls.der import BadDer, is_certificate, is_sequence, public_key
from mailserver.outbound_tls.results import CertificateRefused, ResultType

DANE_TA, DANE_EE = 2, 3  # usages; PKIX-TA(0) and PKIX-EE(1) are not for SMTP, RFC 7672 §3.1.3
CERTIFICATE, KEY = 0, 1  # selectors
FULL, SHA2_256, SHA2_512 = 0, 1, 2  # matching types

_USAGES = {DANE_TA, DANE_EE}
_SELECTED: dict[int, Callable[[bytes], bytes]] = {CERTIFICATE: lambda der: der, KEY: public_key}
_MATCHED: dict[int, Callable[[bytes], bytes]] = {
    FULL: lambda octets: octets,
    SHA2_256: lambda octets: hashlib.sha256(octets).digest(),
    SHA2_512: lambda octets: hashlib.sha512(octets).digest(),
}
_OUTLINES: dict[int, Callable[[bytes], bool]] = {CERTIFICATE: is_certificate, KEY: is_sequence}
_DIGEST_OCTETS = {SHA2_256: 32, SHA2_512: 64}
MAX_CHAIN = 10  # certificates looked at
MAX_SHOWN = 5  # records named in words
SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class DaneRecords:
    name: str  # the TLSA base domain: the host, or what it is an alias of; the certificate may be for it
    records: tuple[Tlsa, ...]  # secure ones; () is no DANE
    usable: tuple[Tlsa, ...]  # () with records: encryption is a must, but there is nothing to check it against
    reason: str  # in words


async def tlsa_of(resolver: Resolver, host: str, port: int) -> DaneRecords:
    """The TLSA records of an MX host. RFC 7672 §2.2.

    Raises DnsFailure, and then the host must not be used: who can hold back the answer must not be able to switch
    DANE off (§2.1.2).
    """
    addresses = await resolver.addresses(host)
    if not resolver.validates:
        return DaneRecords(host, (), (), f"no DANE: {resolver.why_not}")
    names = await _base_domains(resolver, host, addresses)
    if not names:
        return DaneRecords(host, (), (), f"no DANE: DNSSEC does not secure the addresses of {host}")
    for name in names:
        answer = await resolver.tlsa(f"_{port}._tcp.{name}")
        if answer.is_secure and answer.records:
            return _read(name, answer.records)
    return DaneRecords(host, (), (), f"no DANE: no secure TLSA records of {' or '.join(names)}")


async def _base_domains(resolver: Resolver, host: str, addresses: Answer[str]) -> tuple[str, ...]:
    """Where TLSA records are looked for, in this order: behind the alias when all the way is secure, then the name."""
    if addresses.is_secure:
        return tuple(dict.fromkeys((addresses.name, host)))
    if addresses.name != host and (await resolver.cname(host)).is_secure:
        return (host,)  # RFC 7672 §2.2.2: the alias is genuine, though what it leads to is not signed
    return ()


def _read(name: str, records: tuple[Tlsa, ...]) -> DaneRecords:
    faults = {record: _fault(record) for record in records}
    usable = _agile([record for record, fault in faults.items() if not fault])
    if usable:
        return DaneRecords(name, records, usable, f"TLSA of {name}: {_shown(map(_short, usable))}")
    words = _shown(f"{_short(record)} ({fault})" for record, fault in faults.items())
    return DaneRecords(name, records, (), f"no TLSA record of {name} can be used: {words}")


def _fault(record: Tlsa) -> str:
    """Why a record can not be used; "" when it can. RFC 7671 §4, RFC 7672 §3.1"""
    if record.usage not in _USAGES:
        return f"usage {record.usage} is not for mail"
    if record.selector not in _SELECTED or record.matching not in _MATCHED:
        return "unknown selector or matching type"
    if len(record.data) != _DIGEST_OCTETS.get(record.matching, len(record.data)):
        return f"a digest of {len(record.data)} octets"
    if record.matching == FULL and not _OUTLINES[record.selector](record.data):
        return "its data is neither a certificate nor a key"
    return ""


def _agile(records: list[Tlsa]) -> tuple[Tlsa, ...]:
    """Of the digests for one usage and selector only the strongest counts; whole ones always do. RFC 7671 §9"""
    best: dict[tuple[int, int], int] = {}
    for record in records:
        kind = record.usage, record.selector
        best[kind] = max(best.get(kind, FULL), record.matching)
    return tuple(r for r in records if r.matching in {FULL, best[r.usage, r.selector]})


def verify(found: DaneRecords, chain: list[bytes], names: tuple[str, ...], now: datetime) -> None:
    """Whether the certificate is one that the usable records name.

    `chain`: DER, the leaf first, as the server showed it; `names`: the host, and the domain where DNSSEC secures the
    way from it; `now`: aware. Raises CertificateRefused.
    """
    if not chain:
        raise CertificateRefused("the server showed no certificate", ResultType.VALIDATION_FAILURE)
    if any(_holds(record, chain[0]) for record in found.usable if record.usage == DANE_EE):
        return  # names and dates do not count: the record says whose key it is and for how long. RFC 7672 §3.1.1
    anchors = _anchors([record for record in found.usable if record.usage == DANE_TA], chain[1:MAX_CHAIN])
    if not anchors:
        shown = _shown(map(_short, found.usable))
        raise CertificateRefused(
            f"DANE: the certificate is none that is named by TLSA {shown}", ResultType.TLSA_INVALID
        )
    from mailserver.outbound_tls.dane_chain import check_issued, check_name, check_time, parsed

    leaf = parsed(chain[0])
    check_time(leaf, now)
    check_name(leaf, tuple(dict.fromkeys((found.name, *names))))
    check_issued(leaf, chain[1:MAX_CHAIN], anchors, now)


def _anchors(records: list[Tlsa], above: list[bytes]) -> list[bytes]:
    """Certificates that DANE-TA records name: among those shown, or whole in the record. RFC 7671 §5.2"""
    shown = [der for der in above if any(_holds(record, der) for record in records)]
    return shown + [record.data for record in records if (record.selector, record.matching) == (CERTIFICATE, FULL)]


def _holds(record: Tlsa, der: bytes) -> bool:
    try:
        return _MATCHED[record.matching](_SELECTED[record.selector](der)) == record.data
    except BadDer:
        return False


def _short(record: Tlsa) -> str:
    digits = record.data.hex()
    ends = f"{digits[:SHOWN_DIGITS]}…" if len(digits) > SHOWN_DIGITS else digits
    return f"{record.usage} {record.selector} {record.matching} {ends}"


def _shown(words: Iterable[str]) -> str:
    known = list(words)
    more = f" and {len(known) - MAX_SHOWN} more" if len(known) > MAX_SHOWN else ""
    return ", ".join(known[:MAX_SHOWN]) + more
