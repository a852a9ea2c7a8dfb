"""TLSA records as octets (pure), because one that is malformed must be seen.

dnspython refuses a whole message for one TLSA record whose digest is of the wrong length. Such a record is only of no
use (RFC 7671 §4): the others beside it hold, and if it stands alone it still asks for encryption (RFC 7672 §2.2).
"""

import struct

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

HEADER_OCTETS = 12  # RFC 1035 §4.1.1
TLSA = dns.rdatatype.TLSA

Record = tuple[dns.name.Name, int, bytes]  # owner, TTL, rdata


def parse(wire: bytes) -> dns.message.Message:
    """A message whose TLSA records are GenericRdata. Raises DNSException for whatever else is wrong with it."""
    message = dns.message.from_wire(wire, continue_on_error=True)
    records = _tlsa_records(wire)
    malformed = sum(not _is_well_formed(rdata) for _, _, rdata in records)
    if len(message.errors) > malformed:
        raise dns.exception.FormError
    for owner in dict.fromkeys(name for name, _, _ in records):
        rrset = message.find_rrset(message.answer, owner, dns.rdataclass.IN, TLSA, create=True)
        rrset.items.clear()
        for name, ttl, rdata in records:
            if name == owner:
                rrset.add(dns.rdata.GenericRdata(dns.rdataclass.IN, TLSA, rdata), ttl)
    return message


def _tlsa_records(wire: bytes) -> list[Record]:
    """Those of the answer section. Raises DNSException, struct.error."""
    questions, answers = struct.unpack_from("!HH", wire, 4)
    parser = dns.wire.Parser(wire, HEADER_OCTETS)
    for _ in range(questions):
        dns.name.from_wire_parser(parser)
        parser.get_struct("!HH")
    found = []
    for _ in range(answers):
        owner = dns.name.from_wire_parser(parser)
        kind, class_, ttl, octets = parser.get_struct("!HHIH")
        rdata = parser.get_bytes(octets)
        if (kind, class_) == (TLSA, dns.rdataclass.IN):
            found.append((owner, ttl, rdata))
    return found


def _is_well_formed(rdata: bytes) -> bool:
    try:
        dns.rdata.from_wire(dns.rdataclass.IN, TLSA, rdata, 0, len(rdata))
    except dns.exception.DNSException:
        return False
    return True
