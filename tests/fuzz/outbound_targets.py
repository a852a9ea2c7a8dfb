"""What strangers make us read of mail on its way out: each reader with its refusals, samples and sharp pieces."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import httpx2

from mailserver.dkim import chain, key_record, signature
from mailserver.dkim.chain import BadChain
from mailserver.dkim.key_record import BadRecord
from mailserver.dkim.tags import BadTags
from mailserver.dkim.verify import header_fields
from mailserver.dns import messages
from mailserver.dns.messages import Unusable
from mailserver.errors import Refusal
from mailserver.fetching.fetcher import FetchFailed, as_fetched
from mailserver.fetching.gunzip import NotGzip, TooMuch, gunzip
from mailserver.mail import bounces, marked_paths, srs, xtext
from mailserver.mail.marked_paths import BadMark, Marks
from mailserver.mail.srs import BadSrs, Srs
from mailserver.outbound_tls import der, mta_sts, report_mail, tls_report
from mailserver.outbound_tls.der import BadDer
from mailserver.outbound_tls.mta_sts import BadPolicy
from mailserver.outbound_tls.tls_report import BadReport
from mailserver.remote import extensions
from mailserver.remote.replies import BadReply, ReplyReader
from mailserver.smtp.wire import future_release, parameters

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
MAX_UNPACKED = 1_000_000
BOUNCES = Path(__file__).parent.parent / "unit" / "mail" / "foreign_bounces"

_SRS = Srs(b"k" * 32, 21)
_MARKS = Marks(b"m" * 32, 21)
_REWRITTEN = [
    _SRS.forward(sender, "our.example", EPOCH) or "" for sender in ("ann@far.example", "SRS0=a=bc=d=e@one.example")
]
_POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
_REPORT = b"""{"organization-name":"a","date-range":{"start-datetime":"2026-03-01T00:00:00Z","end-datetime":
"2026-03-01T23:59:59Z"},"contact-info":"a@b.example","report-id":"1","policies":[{"policy":{"policy-type":"sts",
"policy-string":["version: STSv1"],"policy-domain":"b.example","mx-host":["*.b.example"]},"summary":
{"total-successful-session-count":1,"total-failure-session-count":1},"failure-details":[{"result-type":
"certificate-expired","sending-mta-ip":"192.0.2.1","receiving-mx-hostname":"mx.b.example","failed-session-count":1}]}]}"""
_REPORT_MAIL = (
    b"From: a@b.example\r\nTLS-Report-Domain: b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;"
    b' report-type="tlsrpt"; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\n'
    b"Content-Type: application/tlsrpt+json\r\n\r\n" + _REPORT + b"\r\n--b--\r\n"
)
_SIGNATURE = (
    b"v=1; a=rsa-sha256; c=relaxed/simple; d=far.example; s=sel; t=1772366400; x=1772970000; l=5;\r\n i=@far.example;"
    b" h=from:to:subject; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\r\n"
)
_CHAIN = (
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=far.example; s=sel; t=1772366400; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=far.example; s=sel; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; far.example; spf=pass smtp.mailfrom=a@b.example; dkim=pass\r\n"
)
_QUERY = {
    kind: messages.question(dns.name.from_text("far.example."), dns.rdatatype.from_text(kind))
    for kind in ("MX", "TXT", "TLSA", "A")
}
_ANSWERS = {"MX": "10 mx.far.example.", "TXT": '"v=DKIM1; p=AAAA"', "TLSA": "3 1 1 " + "ab" * 32, "A": "192.0.2.1"}


@dataclass(frozen=True, slots=True)
class Target:
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    samples: tuple[bytes, ...]
    pieces: tuple[bytes, ...]


def _answer(kind: str) -> bytes:
    answer = dns.message.make_response(_QUERY[kind])
    answer.id = 0
    alias = dns.rrset.from_text("far.example.", 60, "IN", "CNAME", "near.example.")
    answer.answer = [alias, dns.rrset.from_text("near.example.", 60, "IN", kind, _ANSWERS[kind])]
    return answer.to_wire()


def _read_answer(kind: str) -> Callable[[bytes], object]:
    query = _QUERY[kind]

    def read(wire: bytes) -> object:
        octets = query.id.to_bytes(2) + wire[2:]  # who can not guess the id says nothing
        return messages.read(messages.parse(octets, query), query)

    return read


def _replies(octets: bytes) -> object:
    return [extensions.parse(reply) for reply in ReplyReader().feed(octets)]


def _seal_and_signatures(octets: bytes) -> object:
    fields = header_fields(octets)
    chain.highest_instance(fields)
    return chain.parse(fields)


def _mail_parameters(octets: bytes) -> object:
    return future_release.release_time(parameters.mail_parameters(octets), NOW, 86_400)


def _marked(octets: bytes) -> object:
    address = octets.decode("utf-8", "replace")
    marked_paths.is_marked(address)
    again = _MARKS.marked(address, len(octets), EPOCH)
    if again is not None:
        assert _MARKS.read(again, EPOCH).sender == address
    return _MARKS.read(address, EPOCH)


def _answered(octets: bytes) -> object:
    """A header, an empty line and a body, as HTTP's reader hands them on."""
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    fields = httpx2.Headers([(name, value.strip()) for name, colon, value in lines if colon])
    fetched = as_fetched(200, fields, body, "192.0.2.1", MAX_UNPACKED)
    assert len(fetched.body) <= max(MAX_UNPACKED, len(body))
    return fetched


def _rewritten(octets: bytes) -> object:
    address = octets.decode("utf-8", "surrogateescape")
    srs.is_rewritten(address)
    again = _SRS.forward(address, "our.example", EPOCH)
    return _SRS.reverse(again or address, EPOCH)


def _xtext(octets: bytes) -> object:
    text = octets.decode("utf-8", "replace")
    assert xtext.decode(xtext.encode(text)) == text
    return xtext.decode(text), xtext.decode_utf8_address(text)


TAGS = (
    b";",
    b"=",
    b":",
    b" ",
    b"\r\n ",
    b"\t",
    b"v=1;",
    b"h=",
    b"b=",
    b"p=",
    b"x=99999999999;",
    b"k=ed25519;",
    b"i=1;",
    b"i=0;",
)
TARGETS: dict[str, Target] = {
    "replies": Target(
        _replies,
        (BadReply,),
        (b"220 mx ESMTP\r\n", b"250-mx\r\n250-SIZE 35882577\r\n250-LIMITS RCPTMAX=50\r\n250 AUTH PLAIN LOGIN\r\n"),
        (
            b"250-",
            b"250 ",
            b"250",
            b"\r\n",
            b"\n",
            b"\r",
            b"SIZE",
            b"LIMITS RCPTMAX=",
            b"9" * 30,
            b"AUTH=",
            b"\xff",
            b"999 ",
        ),
    ),
    "bounces": Target(
        bounces.parse,
        (),
        tuple(path.read_bytes() for path in sorted(BOUNCES.glob("*.eml"))),
        (
            b"\r\n\r\n",
            b"--",
            b"Action: failed\r\n",
            b"Status: 5.1.1\r\n",
            b"Final-Recipient: rfc822;",
            b"<",
            b">:",
            b"@",
        ),
    ),
    "srs": Target(
        _rewritten,
        (BadSrs,),
        tuple(each.encode() for each in _REWRITTEN),
        (b"SRS0=", b"SRS1=", b"srs0+", b"=", b"==", b"-", b"@", b'"', b"\xc3\xa9", b"AA=", b"["),
    ),
    "marked paths": Target(
        _marked,
        (BadMark,),
        ((_MARKS.marked("ann@our.example", 4711, EPOCH) or "").encode(),),
        (b"ref=", b"=", b"@", b"aaaaaaaaaaab", b"7" * 20, b"\xc3\xa9", b"[", b"xn--"),
    ),
    "bounces to a marked path": Target(
        bounces.about_one,
        (),
        tuple(path.read_bytes() for path in sorted(BOUNCES.glob("*.eml"))),
        (
            b"\r\n\r\n",
            b"Content-Type: multipart/report\r\n",
            b"Subject: failure notice\r\n",
            b"550 ",
            b"delayed",
            b"--b",
        ),
    ),
    "answers over https": Target(
        _answered,
        (FetchFailed,),
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Encoding: identity\r\n\r\nversion: STSv1\r\n",
            b'content-type: application/json\r\nContent-Encoding: gzip\r\nETag: "x"\r\n\r\n' + gzip.compress(b"{}"),
        ),
        (
            b"Content-Type:",
            b"Content-Encoding: gzip\r\n",
            b"br, ",
            b";",
            b"\xff",
            b"\x00",
            b"=?utf-8?q?",
            b"charset=x-y",
            b"\r\n\r\n",
        ),
    ),
    "xtext": Target(_xtext, (), (b"rfc822;a+2Bb@c.example", b"\\x{3b1}@x"), (b"+", b"+3D", b"\\x{", b"}", b"\xce\xb1")),
    "mta-sts policy": Target(
        mta_sts.parse,
        (BadPolicy,),
        (_POLICY,),
        (b":", b"\n", b"mx: ", b"mx: *.", b"mode: none\n", b"max_age: 99999999999\n", b"\xff", b"*", b"."),
    ),
    "mta-sts record": Target(
        lambda octets: mta_sts.record_id((octets,)),
        (),
        (b"v=STSv1; id=20260301T120000;",),
        (b"v=STSv1;", b"id=", b";", b" "),
    ),
    "tls report": Target(
        tls_report.parse,
        (BadReport,),
        (_REPORT,),
        (
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b"1e999",
            b"-1",
            b"9" * 400,
            b"null",
            b"9999-12-31T23:59:59Z",
            b"\\ud800",
            b"[" * 5000,
        ),
    ),
    "tls report, packed": Target(
        lambda octets: report_mail.unpack(octets, "application/tlsrpt+gzip"),
        (BadReport,),
        (gzip.compress(_REPORT, mtime=0),),
        (b"\x1f\x8b\x08", b"\0", b"\xff" * 8, gzip.compress(bytes(100_000), mtime=0)),
    ),
    "tls report, mailed": Target(
        report_mail.read,
        (BadReport,),
        (_REPORT_MAIL,),
        (b"--b", b"\r\n\r\n", b"application/tlsrpt+gzip", b"Content-Transfer-Encoding: base64\r\n", b"{", b'"', b"="),
    ),
    "gzip": Target(
        lambda octets: gunzip(octets, MAX_UNPACKED),
        (NotGzip, TooMuch),
        (gzip.compress(b"a" * 5000, mtime=0), gzip.compress(b"", mtime=0) * 2),
        (b"\x1f\x8b\x08", b"\0", gzip.compress(b"", mtime=0), gzip.compress(bytes(2_000_000), mtime=0)),
    ),
    "key record": Target(
        key_record.parse,
        (BadRecord,),
        (
            b"v=DKIM1; k=rsa; h=sha256; t=y:s; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL==",
            b"v=DKIM1; k=ed25519; p=" + b"A" * 43 + b"=",
        ),
        TAGS,
    ),
    "signature": Target(
        lambda octets: signature.parse_dkim((b"DKIM-Signature", octets)), (BadTags,), (_SIGNATURE,), TAGS
    ),
    "chain": Target(
        _seal_and_signatures, (BadChain,), (_CHAIN,), (*TAGS, b"\r\n", b"ARC-Seal:", b"cv=pass;", b"i=51;")
    ),
    "der": Target(
        der.public_key,
        (BadDer,),
        (bytes.fromhex("3009300730003000300030"), b"0\x80"),
        (b"0", b"\x30\x84\xff\xff\xff\xff", b"\xa0\x03"),
    ),
    "mail parameters": Target(
        _mail_parameters,
        (Refusal, parameters.BadParameter, parameters.UnknownParameter),
        (b" SIZE=9 BODY=8BITMIME ENVID=a+2Bb RET=HDRS REQUIRETLS HOLDFOR=600", b" HOLDUNTIL=2026-03-01T13:00:00Z"),
        (
            b" HOLDFOR=",
            b" HOLDUNTIL=",
            b"999999999",
            b"9999-12-31T23:59:59Z",
            b"-23:59",
            b"REQUIRETLS=",
            b" ",
            b"=",
            b"+ZZ",
            b"\xff",
        ),
    ),
    "recipient parameters": Target(
        parameters.rcpt_parameters,
        (parameters.BadParameter, parameters.UnknownParameter),
        (b" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c.example",),
        (b" NOTIFY=", b"NEVER", b",", b" ORCPT=", b"utf-8;\\x{3b1}@x", b"+", b";", b"\xff"),
    ),
    **{
        f"dns {kind}": Target(
            _read_answer(kind),
            (Unusable,),
            (_answer(kind),),
            (b"\0", b"\xc0\x0c", b"\xff" * 4, b"\x3f", b"\0\x34\0\x01"),
        )
        for kind in _QUERY
    },
}


def take(name: str, octets: bytes) -> None:
    """Raises whatever is none of the reader's own refusals: that is the bug a fuzzer looks for."""
    target = TARGETS[name]
    try:
        target.read(octets)
    except target.refusals:
        return


def random_input(chance: random.Random, name: str) -> bytes:
    """A sample harmed in a few places."""
    octets = chance.choice(TARGETS[name].samples)
    for _ in range(chance.randrange(6)):
        start = chance.randrange(len(octets) + 1)
        end = min(len(octets), start + chance.choice((0, 0, 1, 3, 40)))
        octets = octets[:start] + chance.choice((*TARGETS[name].pieces, chance.randbytes(3))) + octets[end:]
    return octets
