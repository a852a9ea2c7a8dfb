"""Octets from the network become a Reply or one kind of refusal, never anything else."""

import contextlib

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dns.messages import (
    MAX_NEGATIVE_TTL,
    MAX_TTL,
    Unusable,
    WithoutEdns,
    is_truncated,
    parse,
    question,
    read,
)

NAME = dns.name.from_text("example.net")
QUERY = question(NAME, dns.rdatatype.MX)
SOA = "example.net. 900 IN SOA ns.example.net. a.example.net. 1 1 1 1 600"


def response(*answer: str, authority: tuple[str, ...] = (), rcode: str = "NOERROR") -> dns.message.Message:
    """Lines as in a zone file."""
    made = dns.message.make_response(QUERY, recursion_available=True)
    made.set_rcode(dns.rcode.from_text(rcode))
    for section, lines in ((made.answer, answer), (made.authority, authority)):
        for line in lines:
            owner, ttl, _, kind, rest = line.split(" ", 4)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, rest))
    return made


def test_a_question_asks_for_recursion_and_validation() -> None:
    assert QUERY.flags & dns.flags.RD and QUERY.flags & dns.flags.AD
    assert QUERY.edns == 0 and QUERY.ednsflags & dns.flags.DO
    assert question(NAME, dns.rdatatype.MX, edns=False).edns == -1


@pytest.mark.parametrize(
    ("made", "records", "exists", "name", "ttl", "is_whole"),
    [
        (response("example.net. 300 IN MX 10 mx.example.net."), 1, True, "example.net.", 300, True),
        (response("example.net. 9999999 IN MX 10 mx.example.net."), 1, True, "example.net.", MAX_TTL, True),
        (
            response("example.net. 60 IN CNAME other.test.", "other.test. 300 IN MX 10 mx.test."),
            1,
            True,
            "other.test.",
            60,
            True,
        ),
        (response("example.net. 60 IN CNAME other.test."), 0, True, "other.test.", 60, False),
        (response(authority=(SOA,)), 0, True, "example.net.", 600, True),
        (response(authority=(SOA,), rcode="NXDOMAIN"), 0, False, "example.net.", 600, True),
        (response(authority=(SOA.replace("900", "5"),), rcode="NXDOMAIN"), 0, False, "example.net.", 5, True),
        (
            response(authority=(SOA.replace(" 900", " 99999").replace(" 600", " 99999"),)),
            0,
            True,
            "example.net.",
            MAX_NEGATIVE_TTL,
            True,
        ),
        (response(authority=(SOA.replace("example.net. 900", "other.test. 900"),)), 0, True, "example.net.", 0, True),
        (response(rcode="NXDOMAIN"), 0, False, "example.net.", 0, True),  # RFC 2308 §5: no SOA, not kept
        (response("other.test. 300 IN MX 10 mx.test."), 0, True, "example.net.", 0, True),  # not what was asked
        (response("example.net. 300 IN A 192.0.2.1"), 0, True, "example.net.", 0, True),
    ],
)
def test_what_an_answer_says(
    made: dns.message.Message, records: int, exists: bool, name: str, ttl: int, is_whole: bool
) -> None:
    reply = read(parse(made.to_wire(), QUERY), QUERY)
    assert (len(reply.records), reply.exists, reply.name.to_text(), reply.ttl, reply.is_whole) == (
        records,
        exists,
        name,
        ttl,
        is_whole,
    )
    assert not reply.is_authentic


def test_ad_is_read_and_tc_is_seen() -> None:
    made = response(authority=(SOA,))
    made.flags |= dns.flags.AD | dns.flags.TC
    parsed = parse(made.to_wire(), QUERY)
    assert read(parsed, QUERY).is_authentic
    assert is_truncated(parsed)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (response(rcode="SERVFAIL"), "SERVFAIL"),
        (response(rcode="REFUSED"), "REFUSED"),
        (response(authority=("net. 300 IN NS ns.net.",)), "a referral"),
        (
            response(*(f"{a}. 60 IN CNAME {b}." for a, b in [("example.net", "b.test"), ("b.test", "example.net")])),
            "more than 8 CNAMEs",
        ),
    ],
)
def test_what_can_not_be_used_says_why(made: dns.message.Message, words: str) -> None:
    with pytest.raises(Unusable, match=words):
        read(parse(made.to_wire(), QUERY), QUERY)


def test_a_resolver_may_say_in_words_what_went_wrong() -> None:
    made = response(rcode="SERVFAIL")
    made.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "signature\x1b[2J expired")])
    with pytest.raises(Unusable) as refused:
        read(parse(made.to_wire(), QUERY), QUERY)
    assert str(refused.value) == "SERVFAIL (dnssec bogus: signature?[2J expired)"


def test_formerr_means_to_ask_without_edns_once() -> None:
    made = response(rcode="FORMERR")
    with pytest.raises(WithoutEdns):
        read(made, QUERY)
    with pytest.raises(Unusable) as refused:
        read(made, question(NAME, dns.rdatatype.MX, edns=False))
    assert not isinstance(refused.value, WithoutEdns)


@pytest.mark.parametrize("spoil", ["id", "name", "type", "query"])
def test_an_answer_to_another_question_is_none(spoil: str) -> None:
    made = response("example.net. 300 IN MX 10 mx.example.net.")
    match spoil:
        case "id":
            made.id ^= 1
        case "name":
            made.question = question(dns.name.from_text("example.org"), dns.rdatatype.MX).question
        case "type":
            made.question = question(NAME, dns.rdatatype.TXT).question
        case "query":
            made.flags &= ~dns.flags.QR
    with pytest.raises(Unusable, match="another question"):
        parse(made.to_wire(), QUERY)


WHOLE = response("example.net. 300 IN MX 10 mx.example.net.", authority=(SOA,)).to_wire()


TLSA_QUERY = question(NAME, dns.rdatatype.TLSA)
TLSA_HEADER = TLSA_QUERY.to_wire()[:2] + bytes.fromhex("8180 0001 0001 0000 0000")
TLSA_QUESTION = NAME.to_wire() + bytes.fromhex("0034 0001")


@pytest.mark.parametrize(
    ("record", "records"),
    [
        ("c00c 0034 0001 0000003c 0005 030101 abcd", 1),  # a digest of two octets: of no use, but there
        ("c00c 0034 0001 0000003c 0001 03", 1),
        ("c00c 0034 0003 0000003c 0005 030101 abcd", None),  # of class CH: not ours to mend
        ("c00c 000f 0001 0000003c 0001 03", None),  # a malformed MX is garbage
        ("c00c 0034 0001 0000003c 0009 030101 abcd", None),  # cut off
    ],
)
def test_a_malformed_tlsa_record_is_kept_and_nothing_else_that_is_malformed(record: str, records: int | None) -> None:
    wire = TLSA_HEADER + TLSA_QUESTION + bytes.fromhex(record)
    if records is None:
        with pytest.raises(Unusable, match="garbage"):
            parse(wire, TLSA_QUERY)
    else:
        assert len(read(parse(wire, TLSA_QUERY), TLSA_QUERY).records) == records


@given(st.binary(max_size=200))
def test_any_octets_for_tlsa_are_a_reply_or_refused(octets: bytes) -> None:
    for start in (b"", TLSA_HEADER, TLSA_HEADER + TLSA_QUESTION, TLSA_HEADER + TLSA_QUESTION + b"\xc0\x0c\0\x34\0\1"):
        with contextlib.suppress(Unusable):
            assert read(parse(start + octets, TLSA_QUERY), TLSA_QUERY).ttl <= MAX_TTL


def survives(wire: bytes) -> None:
    with contextlib.suppress(Unusable):
        assert read(parse(wire, QUERY), QUERY).ttl <= MAX_TTL


@given(st.binary(max_size=600))
def test_any_octets_are_a_reply_or_refused(wire: bytes) -> None:
    survives(wire)
    survives(WHOLE[:2] + wire)
    survives(WHOLE[:12] + wire)


@given(st.lists(st.tuples(st.integers(2, len(WHOLE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(WHOLE)))
def test_any_damage_to_an_answer_is_a_reply_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    wire = bytearray(WHOLE)
    for at, octet in changes:
        wire[at] = octet
    survives(bytes(wire))
    survives(bytes(wire[:cut]))


@given(
    st.sampled_from([dns.rdatatype.MX, dns.rdatatype.TXT, dns.rdatatype.TLSA, dns.rdatatype.A, dns.rdatatype.SOA]),
    st.binary(max_size=60),
    st.integers(0, 2**32 - 1),
)
def test_any_rdata_is_a_reply_or_refused(kind: dns.rdatatype.RdataType, rdata: bytes, ttl: int) -> None:
    query = question(NAME, kind)
    header = query.to_wire()[:2] + bytes.fromhex("8180 0001 0001 0000 0000")
    asked = NAME.to_wire() + kind.to_bytes(2, "big") + b"\0\1"
    record = b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1" + ttl.to_bytes(4, "big") + len(rdata).to_bytes(2, "big")
    try:
        reply = read(parse(header + asked + record + rdata, query), query)
    except Unusable:
        return
    assert 0 <= reply.ttl <= MAX_TTL
