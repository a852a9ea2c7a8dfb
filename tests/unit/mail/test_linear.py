"""Hostile input costs no more than its length: twice the octets, about twice the time.

Times are of the process's own CPU, the best of several runs, with a floor: a quadratic reader is off by far more
than any of it, since each family has at least 100 kB.
"""

from collections.abc import Callable
from functools import partial

import pytest

from mailserver.mail import addresses, comments, dates, encoded_words, headers, parameters
from mailserver.mail.casemap import fold
from mailserver.mail.describe import describe
from mailserver.mail.editing import HeaderBlock
from mailserver.mail.html_text import text_of
from mailserver.mail.message_ids import message_ids
from mailserver.mail.subjects import base_subject
from tests.growth import is_linear

OCTETS = 100_000


def header(name: bytes) -> Callable[[bytes], object]:
    return lambda octets: describe(name + b": " + octets + b"\r\n\r\n")


def mixed(octets: bytes) -> object:
    return describe(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + octets)


def latin(reader: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda octets: reader(octets.decode("latin-1"))


def utf8(reader: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda octets: reader(octets.decode("utf-8"))


HEADERS = [
    *((header(name), unit) for name in (b"From", b"Subject") for unit in (b"(", b'"', b"<", b",", b"=?", b"=?a?q?b")),
    *(
        (addresses.parse, unit)
        for unit in (b"<@", b'"\\', b"a@", b". ", b"a ", b":;", b"()", b"[", b"<a,", b"(\\", b"\\")
    ),
    (header(b"Content-Type"), b";a*0="),
    (header(b"Content-Type"), b';a="'),
    (header(b"Content-Type"), b"a/"),
    (header(b"References"), b"<a"),
    (header(b"Date"), b"1 "),
    (header(b"Message-ID"), b"< "),
    (parameters.parse, b"(\\"),
    (parameters.parse, b';a="\\'),
    (parameters.parse, b"; "),
    (comments.without_comments, b'("'),
    (encoded_words.decode, b"=?utf-8?q??="),
    (encoded_words.decode, b"=?utf-8?q?a?= "),
    (encoded_words.decode, "\u0300\u0316".encode()),
    (message_ids, b"<a@b> "),
    (dates.parse, b"("),
    (headers.split, b"A"),
    (headers.split, b"A:\n "),
    (headers.split, b"\n"),
    (HeaderBlock.parse, b"A:\n\t"),
    (latin(base_subject), b"[a]"),
    (latin(base_subject), b"(fwd)"),
    (latin(base_subject), b"[fwd:"),
]
BODIES = [
    *((describe, unit) for unit in (b"A: b\r\n", b"\r\n", b"A", b"\r", b"A:\r\n ")),
    *(
        (mixed, unit)
        for unit in (b"\n--", b"--b\r\n", b"--b\r\nA: b\r\n", b"\r\n--b--", b"-", b"\n--bb", b"\n--b\r\n\n")
    ),
    (describe, b"Content-Type: message/rfc822\r\n\r\n"),
    (describe, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
    (mixed, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"),
    *((latin(text_of), unit) for unit in (b"<", b"<style>", b"<!--", b"<a ", b"&#", b"&a", b"&#1", b"<title></")),
    (utf8(fold), "\u0300\u0316".encode()),
]


@pytest.mark.parametrize(("reader", "unit"), [*HEADERS, *BODIES])
def test_twice_the_octets_take_about_twice_the_time(reader: Callable[[bytes], object], unit: bytes) -> None:
    assert is_linear(lambda count: partial(reader, unit * count), OCTETS // len(unit))
