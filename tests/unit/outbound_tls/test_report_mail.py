"""A report as mail: as RFC 8460 §5.3 wants it, and read back, also from those who write it otherwise."""

import base64
import contextlib
import email
import email.policy
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.outbound_tls.report_mail import MAX_MAIL_OCTETS, PACKED, Letterhead, compose, file_name, read
from mailserver.outbound_tls.tls_report import MAX_JSON_OCTETS, BadReport, of_counts, serialise
from mailserver.store.tls_results import Counted

DAY = 1772323200  # 2026-03-01
HEAD = Letterhead("tls@x.example", "mail.x.example", "y.example", DAY, DAY + 86399, "2026-03-01.00@mail.x.example")
COUNTS = [(Counted("2026-03-01", "y.example", '{"policy-type":"no-policy-found"}'), 7)]
REPORT = of_counts("2026-03-01", "y.example", COUNTS, "mail.x.example", "tls@x.example", HEAD.report_id)
JSON = serialise(REPORT)


def random(octets: int) -> bytes:
    return bytes(range(octets))


def mail(data: bytes, media_type: str, name: str) -> bytes:
    """As some sender might write it."""
    return (
        f"From: <a@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: {media_type}; name={name}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64.encodebytes(data)


def test_a_report_is_mailed_as_the_rfc_wants_it() -> None:
    message = email.message_from_bytes(
        compose(HEAD, "rua@y.example", gzip.compress(JSON), DAY + 90_000, random), policy=email.policy.default
    )
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == "y.example"
    assert message["TLS-Report-Submitter"] == "mail.x.example"
    assert message["TLS-Required"] == "No"
    assert message["Subject"] == (
        "Report Domain: y.example Submitter: mail.x.example Report-ID: <2026-03-01.00@mail.x.example>"
    )
    assert message["From"] == "tls@x.example" and message["To"] == "rua@y.example"
    words, report = message.iter_parts()
    assert words.get_content_type() == "text/plain" and "y.example" in words.get_content()
    assert report.get_content_type() == PACKED
    assert report.get_filename() == "mail.x.example!y.example!1772323200!1772409599.json.gz" == file_name(HEAD)
    assert gzip.decompress(report.get_content()) == JSON


def test_every_line_is_short_enough_for_smtp() -> None:
    message = compose(HEAD, "rua@y.example", gzip.compress(JSON), DAY, random)
    assert (
        max(map(len, message.split(b"\r\n"))) <= 998
        and message.isascii()
        and b"\n" not in message.replace(b"\r\n", b"")
    )


def test_what_we_write_we_read() -> None:
    assert read(compose(HEAD, "rua@y.example", gzip.compress(JSON), DAY, random)) == (REPORT, JSON)


@pytest.mark.parametrize(
    ("data", "media_type", "name"),
    [
        (gzip.compress(JSON), "application/tlsrpt+gzip", "x"),
        (JSON, "application/tlsrpt+json", "x"),
        (JSON, "application/tlsrpt+gzip", "x"),  # they mix them up
        (gzip.compress(JSON), "application/gzip", "a!b!1!2.json.gz"),
        (gzip.compress(JSON), "application/octet-stream", '"a!b!1!2.JSON.GZ"'),
        (JSON, "application/json", "report.json"),
    ],
)
def test_reports_of_the_world_are_found(data: bytes, media_type: str, name: str) -> None:
    assert read(mail(data, media_type, name))[0] == REPORT


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(100)) + packer.flush()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "no part"),
        (b"Subject: hello\r\n\r\nhello", "no part"),
        (mail(JSON, "application/octet-stream", "holiday.jpg"), "no part"),
        (mail(b"\x1f\x8b\x08damaged", PACKED, "x"), "not gzip"),
        (mail(gzip.compress(JSON)[:-9], PACKED, "x"), "cut off"),
        (mail(gzip.compress(b"{}"), PACKED, "x"), "not a TLS report"),
        (mail(_bomb(), PACKED, "x"), f"more than {MAX_JSON_OCTETS}"),
        (b"a" * (MAX_MAIL_OCTETS + 1), "octets"),
    ],
)
def test_what_is_no_report_is_refused_in_words(message: bytes, words: str) -> None:
    with pytest.raises(BadReport, match=words):
        read(message)


@given(st.binary(max_size=2000))
def test_any_mail_is_a_report_or_refused(octets: bytes) -> None:
    for message in (octets, mail(octets, PACKED, "x"), mail(b"\x1f\x8b\x08\x00" + octets, PACKED, "x")):
        with contextlib.suppress(BadReport):
            assert read(message)[0].policies
