"""Readable text: previews, HTML without markup, transfer encodings, comparing without case."""

import pytest

from mailserver.mail import preview
from mailserver.mail.casemap import fold
from mailserver.mail.describe import describe
from mailserver.mail.html_text import text_of
from mailserver.mail.normalization import normalized
from mailserver.mail.transfer import decode


def message(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("utf-8")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["", "Hello   world,", "\tthis is", "", "it."], "Hello world, this is it."),
        (["", ""], ""),
        (["", "x" * 300], "x" * 200),
        (["", "äö " * 2000], ("äö " * 67)[:200].rstrip()),
        (["Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "",
          "gr=FC=DFe=", "n"], "grüßen"),
        (["Content-Transfer-Encoding: base64", "", "SGVsbG8gd29y", "bGQ="], "Hello world"),
        (["Content-Transfer-Encoding: base64", "", "SGVsbG8gd29ybGQ"], "Hello world"),
        (["Content-Type: text/html", "", "<style>p {}</style><p>Hello&nbsp;<b>w</b>orld</p><p>again"],
         "Hello world again"),
        (["Content-Type: text/html", "", "Deal!<div>&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;</div>now"], "Deal! now"),
        (["Content-Type: image/png", "", "abc"], ""),
        (["", "a\x00b\x1b[1mc"], "ab[1mc"),
    ],
)  # fmt: skip
def test_preview(lines: list[str], expected: str) -> None:
    assert describe(message(*lines)).preview == expected


def test_preview_is_of_the_first_readable_part_that_is_no_attachment() -> None:
    parts = [
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain",
        "Content-Disposition: attachment", "", "attached", "--b", "", "  ", "--b", "Content-Type: text/html", "",
        "<p>letter</p>", "--b--",
    ]  # fmt: skip
    assert describe(message(*parts)).preview == "letter"


def test_preview_never_ends_in_half_a_character() -> None:
    for before in range(4):
        body = "a" * before + "€" * preview.PREVIEW_OCTETS
        part = message("Content-Type: text/plain; charset=utf-8", "", " " * (preview.PREVIEW_OCTETS - 50) + body)
        assert "\ufffd" not in describe(part).preview


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<b>c</b>d", "acd"),
        ("a<br>b<p class='x'>c", "a\nb\nc"),
        ("<script>x</script>a<!-- b -->c<!doctype html>d<?xml?>e", "\nacde"),
        ("<title>t</title><STYLE>s</Style >x", "\n\nx"),
        ("1 < 2 &lt; 3 & 4 &amp; &unknown;", "1 < 2 < 3 & 4 & &unknown;"),
        ("a<script>never closed", "a\n"),
        ("a<!-- never closed", "a"),
        ("a<b never closed", "a"),
        ("&#x20ac;&#8364;&#xd800;&#" + "9" * 6000 + ";", "€€\ufffd\ufffd"),
        ("&#x" + "f" * 6000 + "x", "\ufffdx"),
    ],
)
def test_html_without_markup(html: str, expected: str) -> None:
    shown = text_of(html)
    assert [word for word in shown.split("\n") if word] == [word for word in expected.split("\n") if word]


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        (b"SGVs\r\nbG8=", "base64", b"Hello"),
        (b"SGVs*bG8", "base64", b"Hello"),
        (b"SGVsbG8=SGVsbG8=", "base64", b"Hello\x12\x19[\x1b\x1b"),
        (b"S", "base64", b""),
        (b"====", "base64", b""),
        (b"a=20b=\r\nc =\nd=zz=", "quoted-printable", b"a bc d=zz"),
        (b"a=20b", "7bit", b"a=20b"),
        (b"a=20b", "x-unknown", b"a=20b"),
    ],
)
def test_transfer_encodings_are_read_tolerantly(data: bytes, encoding: str, expected: bytes) -> None:
    assert decode(data, encoding) == expected


@pytest.mark.parametrize(
    ("haystack", "needle", "found"),
    [
        ("Hello World", "lo wO", True),
        ("Hello", "world", False),
        ("GRÜSSE", "grüße", True),
        ("grüße", "GRÜSSE", True),
        ("gru\u0308\u00dfe", "Grüße", True),
        ("ΟΔΟΣ", "οδος", True),
        ("ﬁne", "FINE", True),
        ("Ｆｕｌｌ", "full", True),
        ("\U0001d400bc", "ABC", True),
        ("Straße", "strasse", True),
        ("anything", "", True),
        ("", "x", False),
    ],
)
def test_compares_without_case(haystack: str, needle: str, found: bool) -> None:
    assert (fold(needle) in fold(haystack)) is found


def test_folding_twice_changes_nothing() -> None:
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000))))
    for start in range(0, len(every), 100):
        once = fold(every[start : start + 100])
        assert fold(once) == once


def test_long_text_is_normalised_as_short_text_is() -> None:
    assert normalized("NFC", "e\u0301 plain " * 500) == "é plain " * 500
    assert normalized("NFC", "한" * 1000) == "한" * 1000
