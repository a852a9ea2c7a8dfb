"""Messages for servers of seven bits: readable as before, and what can not be is refused."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.remote import content
from mailserver.remote.content import CannotConvert, examine, to_seven_bit, without_signatures_of

PARTS = b"""\
Subject: parts\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
Content-Transfer-Encoding: 8bit\r
\r
pr\xc3\xa9amble\r
--b\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Gr\xc3\xbc\xc3\x9fe = \t\r
.\r
--b\r
Content-Type: application/octet-stream\r
\r
\x80\x81\r
\r
--b\r
Content-Type: text/plain\r
\r
plain stays\r
--b\r
Content-Type: message/rfc822\r
\r
Subject: inside\r
\r
d\xe9j\xe0\r
--b--\r
\xc3\xa9pilogue\r
"""


def converted(message: bytes) -> bytes:
    return b"".join(to_seven_bit(message))


def test_every_leaf_reads_as_before() -> None:
    result = converted(PARTS)
    assert result.isascii()
    assert result.count(b"\n") == result.count(b"\r\n") == result.count(b"\r")
    parsed = email.message_from_bytes(result, policy=email.policy.compat32)
    text, octets, plain, inner = parsed.get_payload()
    assert parsed["Content-Transfer-Encoding"] == "7bit"
    assert text.get_payload(decode=True) == "Grüße = \t\r\n.".encode()
    assert text["Content-Transfer-Encoding"] == "quoted-printable"
    assert octets.get_payload(decode=True) == b"\x80\x81\r\n"
    assert octets["Content-Transfer-Encoding"] == "base64"
    assert plain.as_bytes().startswith(b"Content-Type: text/plain\n\nplain stays")
    assert inner["Content-Transfer-Encoding"] == "7bit"
    [message] = inner.get_payload()
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_charset() == "unknown-8bit"
    assert message.get_payload(decode=True) == b"d\xe9j\xe0"


@pytest.mark.parametrize(("body", "charset"), [("Grüße".encode(), "utf-8"), (b"Gr\xfc\xdfe", "unknown-8bit")])
def test_a_message_from_before_mime_is_told_what_it_is(body: bytes, charset: str) -> None:
    parsed = email.message_from_bytes(converted(b"Subject: x\r\n\r\n" + body + b"\r\n"))
    assert (parsed["MIME-Version"], parsed.get_content_charset()) == ("1.0", charset)
    assert parsed.get_payload(decode=True) == body + b"\r\n"


@pytest.mark.parametrize(
    ("encoding", "body", "decoded"),
    [
        (b"quoted-printable", b"a=3Db\xe9\r\n", b"a=b\xe9\r\n"),
        (b"base64", b"aGVs\xffbG8=\r\n", b"hello"),
    ],
)
def test_stray_octets_of_an_encoded_part_are_mended(encoding: bytes, body: bytes, decoded: bytes) -> None:
    result = converted(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, body))
    assert result.isascii()
    assert email.message_from_bytes(result).get_payload(decode=True) == decoded


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"Subject: caf\xe9\r\n\r\nbody\xe9\r\n", "a header field"),
        (
            b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ncaf\xe9\r\n--b\r\n\r\nsig\r\n--b--\r\n",
            "a signed part",
        ),
        (b"Content-Type: message/partial\r\n\r\ncaf\xe9\r\n", "message/partial"),
        (b"Content-Transfer-Encoding: x-uuencode\r\n\r\ncaf\xe9\r\n", "text/plain"),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: caf\xe9\r\n\r\nx\r\n", "a header field"),
    ],
)
def test_what_can_not_be_converted_is_refused(message: bytes, reason: str) -> None:
    with pytest.raises(CannotConvert, match=reason):
        to_seven_bit(message)


def test_a_signed_part_of_seven_bits_is_left_alone() -> None:
    signed = b"--s\r\nContent-Type: text/plain\r\n\r\nplain\r\n--s\r\n\r\nsig\r\n--s--\r\n"
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n"
        + signed
        + b"--b\r\nContent-Type: text/plain\r\n\r\ncaf\xe9\r\n--b--\r\n"
    )
    assert signed in converted(message)


@given(
    st.lists(st.sampled_from([b"--b\r\n", b"--b--\r\n", b"\r\n", b"x\xe9y", b"= \t", b"\r\n.", b"a" * 90])),
    st.sampled_from([b"text/plain", b"application/pdf", b"multipart/mixed; boundary=b", b"message/rfc822"]),
)
def test_any_body_becomes_ascii_in_short_lines_or_is_refused(body: list[bytes], kind: bytes) -> None:
    message = b"Content-Type: %b\r\n\r\n%b" % (kind, b"".join(body))
    try:
        result = converted(message)
    except CannotConvert:
        return
    assert result.isascii()
    assert result.count(b"\n") == result.count(b"\r\n") == result.count(b"\r")
    assert converted(result) == result, "once is enough"


@given(st.binary(max_size=3000))
def test_quoted_texts_decode_to_what_they_were(body: bytes) -> None:
    text = body.replace(b"\r", b"").replace(b"\n", b"\r\n")
    message = b"Content-Type: text/plain; charset=x\r\n\r\n" + text
    parsed = email.message_from_bytes(converted(message))
    assert parsed.get_payload(decode=True) == text
    assert max(map(len, converted(message).split(b"\r\n"))) <= 80 or message.isascii()


def test_windows_leave_no_seam() -> None:
    line = "ä" * 40 + " tail \r\n"
    message = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + (line * 9000).encode()
    assert len(message) > 2 * content.WINDOW
    assert email.message_from_bytes(converted(message)).get_payload(decode=True) == (line * 9000).encode()
    octets = b"\xff" * (3 * content.WINDOW + 1)
    message = b"Content-Type: application/octet-stream\r\n\r\n" + octets
    assert email.message_from_bytes(converted(message)).get_payload(decode=True) == octets
    message = b"Content-Type: text/plain\r\n\r\n" + octets
    assert email.message_from_bytes(converted(message)).get_payload(decode=True) == octets


@pytest.mark.parametrize(
    ("message", "is_ascii", "header_is_ascii"),
    [
        (b"Subject: x\r\n\r\nx\r\n", True, True),
        (b"Subject: x\r\n\r\n\xe9\r\n", False, True),
        (b"Subject: \xc3\xa9\r\n\r\nx\r\n", False, False),
        (PARTS, False, True),
        (PARTS.replace(b"text/plain\r", b"text/plain; name=\xc3\xa9\r", 1), False, False),
        (PARTS.replace(b"inside", b"\xc3\xa9"), False, True),  # 8BITMIME is enough for a message inside
    ],
)
def test_what_a_message_needs_is_seen(message: bytes, is_ascii: bool, header_is_ascii: bool) -> None:
    facts = examine(message)
    assert (facts.octets, facts.is_ascii, facts.header_is_ascii) == (len(message), is_ascii, header_is_ascii)


def test_our_older_signatures_go_and_others_stay() -> None:
    header = (
        b"DKIM-Signature: v=1; d=example.test; s=a;\r\n\tb=old\r\n"
        b"Received: x\r\ndkim-signature: v=1; a=x; d=EXAMPLE.test\r\n"
        b"DKIM-Signature: v=1; d=list.example.net; b=theirs\r\nSubject: d=example.test\r\n\r\n"
    )
    assert without_signatures_of(header, b"DKIM-Signature: v=1; s=b; d=example.test; b=new\r\n") == (
        b"Received: x\r\nDKIM-Signature: v=1; d=list.example.net; b=theirs\r\nSubject: d=example.test\r\n\r\n"
    )
    assert without_signatures_of(header, b"") == header
