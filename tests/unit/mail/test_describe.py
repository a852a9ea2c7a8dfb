"""The whole description of a message: values for lists and threads, attachments, the stored form of parts."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.describe import decode_parts, describe, encode_parts
from mailserver.mail.detail import Part

LETTER = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>, Second <second@example.org>\r\n"
    b'To: "Doe, John" <john@example.test>, team: a@b.test, c@d.test;\r\n'
    b"Cc: nobody, me@example.test\r\n"
    b"Subject: Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n a\tb\r\n"
    b"Date: Mon, 1 Jan 2024 12:00:00 +0200\r\n"
    b"Message-ID: <3@example.org>\r\n"
    b"In-Reply-To: <2@example.test> <x@y>\r\n"
    b"References: <1@example.org>\r\n <2@example.test>\r\n"
    b"\r\nHello\r\n"
)


def test_values_of_a_letter() -> None:
    detail = describe(LETTER)
    assert detail.size == len(LETTER)
    assert detail.header_octets == LETTER.index(b"Hello")
    assert (detail.from_name, detail.from_address) == ("Jörg", "joerg@example.org")
    assert detail.to_addresses == ("john@example.test", "a@b.test", "c@d.test", "me@example.test")
    assert detail.subject == "Re: [list] Grüße a b"
    assert detail.base_subject == "Grüße a b"
    assert (detail.sent_at, detail.sent_zone) == (1704103200, 120)
    assert detail.message_id == "3@example.org"
    assert detail.in_reply_to == "2@example.test"
    assert detail.references == ("1@example.org", "2@example.test")
    assert detail.preview == "Hello"
    assert not detail.has_attachment


def test_values_that_are_missing_are_empty() -> None:
    detail = describe(b"From: no address\r\n\r\n")
    assert (detail.message_id, detail.subject, detail.from_address, detail.from_name) == ("", "", "", "no")
    assert (detail.to_addresses, detail.in_reply_to, detail.references, detail.base_subject) == ((), "", (), "")
    assert (detail.sent_at, detail.sent_zone, detail.preview) == (None, 0, "")
    assert describe(b"").parts == (Part("", 0, 0, 0, 0, "text/plain", "", "7bit", ""),)


def multipart(subtype: str, *headers: str) -> bytes:
    parts = "".join(f"--b\n{header}\n\nx\n" for header in headers)
    return f"Content-Type: multipart/{subtype}; boundary=b\n\n{parts}--b--\n".replace("\n", "\r\n").encode()


TEXT = "Content-Type: text/plain"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(b"\r\ntext", False, id="text"),
        pytest.param(b"Content-Type: application/pdf\r\n\r\n", True, id="nothing but a file"),
        pytest.param(multipart("alternative", TEXT, "Content-Type: text/html"), False, id="alternative texts"),
        pytest.param(multipart("mixed", TEXT, TEXT), False, id="two texts"),
        pytest.param(multipart("mixed", TEXT, TEXT + "; name=a.txt"), True, id="named text"),
        pytest.param(multipart("mixed", TEXT, TEXT + "\nContent-Disposition: attachment"), True, id="attached text"),
        pytest.param(multipart("mixed", TEXT, "Content-Type: application/pdf"), True, id="a file"),
        pytest.param(
            multipart("mixed", TEXT, "Content-Type: application/pdf; name=a\nContent-Disposition: inline"),
            True,
            id="a file to be shown, as Apple Mail sends them",
        ),
        pytest.param(
            multipart("related", TEXT, "Content-Type: image/png\nContent-ID: <1@x>"), False, id="picture in the text"
        ),
        pytest.param(
            multipart("mixed", TEXT, "Content-Type: image/png\nContent-ID: <1@x>"), True, id="picture beside it"
        ),
        pytest.param(multipart("signed", TEXT, "Content-Type: application/pgp-signature"), False, id="signature"),
        pytest.param(
            multipart("report", TEXT, "Content-Type: message/delivery-status", "Content-Type: message/rfc822\n\nA: b"),
            False,
            id="delivery report",
        ),
        pytest.param(multipart("mixed", TEXT, "Content-Type: message/rfc822\n\nA: b"), True, id="forwarded message"),
    ],
)
def test_has_attachment(message: bytes, expected: bool) -> None:
    assert describe(message).has_attachment is expected


NUMBERS = st.integers(0, 2**40)
PARTS = st.lists(
    st.builds(Part, st.text(), NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.text(), st.text(), st.text(), st.text())
).map(tuple)


@given(PARTS)
def test_stored_parts_come_back(parts: tuple[Part, ...]) -> None:
    assert decode_parts(encode_parts(parts)) == parts


def test_stored_parts_are_small() -> None:
    assert len(encode_parts(describe(LETTER).parts)) < 40


def test_what_was_not_stored_by_us_is_refused() -> None:
    for stored in (b"", b"\xc0", b"\x91\x91\x01", encode_parts(describe(LETTER).parts)[:-1]):
        with pytest.raises(msgspec.DecodeError):
            decode_parts(stored)
