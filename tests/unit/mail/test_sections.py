"""BODY[section] of RFC 9051 §6.4.5.1, with the section numbers of the RFC's own example."""

import pytest

from mailserver.mail.describe import describe
from mailserver.mail.sections import Text, window

# 1 text, 2 an image, 3 a message with 3.1 and 3.2, 4 a multipart of an image and a message with 4.2.1
MESSAGE = b"""H: top
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

one
--b
Content-Type: image/gif

two
--b
Content-Type: message/rfc822

H: three
Content-Type: multipart/mixed; boundary=c

pre
--c

three.one
--c
Content-Type: application/x

three.two
--c--
--b
Content-Type: multipart/mixed; boundary=d

--d
Content-Type: image/gif

four.one
--d
Content-Type: message/rfc822

H: four.two
Content-Type: text/plain

four.two.one
--d--
--b--
""".replace(b"\n", b"\r\n")

SECTIONS: list[tuple[str, Text | None, bytes | None]] = [
    ("", None, MESSAGE),
    ("", "HEADER", b"H: top\nContent-Type: multipart/mixed; boundary=b\n\n"),
    ("", "TEXT", MESSAGE[MESSAGE.index(b"--b") :]),
    ("1", None, b"one"),
    ("1", "MIME", b"Content-Type: text/plain\n\n"),
    ("1", "HEADER", None),
    ("1", "TEXT", None),
    ("1.1", None, None),
    ("2", None, b"two"),
    ("3", "HEADER", b"H: three\nContent-Type: multipart/mixed; boundary=c\n\n"),
    ("3", "TEXT", b"pre\n--c\n\nthree.one\n--c\nContent-Type: application/x\n\nthree.two\n--c--"),
    ("3", "MIME", b"Content-Type: message/rfc822\n\n"),
    ("3.1", None, b"three.one"),
    ("3.2", "MIME", b"Content-Type: application/x\n\n"),
    ("3.TEXT", None, None),
    ("4", None, MESSAGE[MESSAGE.index(b"--d") : MESSAGE.rindex(b"\r\n--b--")]),
    ("4", "MIME", b"Content-Type: multipart/mixed; boundary=d\n\n"),
    ("4", "HEADER", None),
    ("4.1", None, b"four.one"),
    ("4.2", None, b"H: four.two\nContent-Type: text/plain\n\nfour.two.one"),
    ("4.2", "HEADER", b"H: four.two\nContent-Type: text/plain\n\n"),
    ("4.2", "TEXT", b"four.two.one"),
    ("4.2.1", None, b"four.two.one"),
    ("4.2.1", "MIME", b"H: four.two\nContent-Type: text/plain\n\n"),
    ("4.2.2", None, None),
    ("5", None, None),
    ("01", None, None),
]


@pytest.mark.parametrize(("number", "text", "expected"), SECTIONS)
def test_sections_of_a_multipart(number: str, text: Text | None, expected: bytes | None) -> None:
    found = window(describe(MESSAGE).parts, number, text)
    octets = None if found is None else MESSAGE[found[0] : found[1]].replace(b"\r\n", b"\n")
    assert octets == (None if expected is None else expected.replace(b"\r\n", b"\n"))


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        ("1", None, b"body"),
        ("1", "MIME", b"H: x\r\n\r\n"),
        ("1", "HEADER", None),
        ("1", "TEXT", None),
        ("1.1", None, None),
        ("2", None, None),
        ("", "TEXT", b"body"),
    ],
)
def test_a_message_that_is_no_multipart_is_its_own_part_1(
    number: str, text: Text | None, expected: bytes | None
) -> None:
    message = b"H: x\r\n\r\nbody"
    found = window(describe(message).parts, number, text)
    assert (found and message[slice(*found)]) == expected


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        ("1", None, b"H: in\r\n\r\nbody"),
        ("1", "HEADER", b"H: in\r\n\r\n"),
        ("1", "TEXT", b"body"),
        ("1.1", None, b"body"),
        ("1.1", "HEADER", None),
    ],
)
def test_a_message_that_is_an_embedded_message(number: str, text: Text | None, expected: bytes | None) -> None:
    message = b"Content-Type: message/rfc822\r\n\r\nH: in\r\n\r\nbody"
    found = window(describe(message).parts, number, text)
    assert (found and message[slice(*found)]) == expected
