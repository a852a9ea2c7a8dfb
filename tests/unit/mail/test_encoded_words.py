"""Header text to Unicode: RFC 2047, RFC 2231, raw 8-bit, and charsets by name."""

import codecs

import pytest

from mailserver.mail import charsets, parameters
from mailserver.mail.encoded_words import clean, decode, parameter


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # RFC 2047 §8
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        (
            b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        ),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=   =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        # RFC 2231 §5: a language
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # what is met
        (b"plain", "plain"),
        (b"", ""),
        (b"=?utf-8?q?a?=b", "ab"),
        (b"x=?utf-8?q?a?=", "xa"),
        (b"=?utf-8?B?w6Q?= =?UTF-8?b?w7Y=?=", "äö"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),  # a character cut in two
        (b"=?utf-8?q?=C3?= =?utf-8?b?pA==?=", "ä"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        (b"=?utf-8?q?nul=00bel=07?=", "nulbel"),
        (b"=?utf-8?b?/////?=", "\ufffd\ufffd\ufffd"),
        (b"=?unknown-8bit?q?=E4=C3?=", "äÃ"),
        (b"=?x-none?q?=C3=A4?=", "ä"),
        (b"=?zip?b?eJwDAAAAAAE=?=", "x\u0153\x03".replace("\x03", "")),  # no charset: never Python's zip codec
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?utf-7?q?+2AA-?=", "\ufffd"),  # half a surrogate pair
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?=?=?", "=?=?=?"),
        ("raw grüße".encode(), "raw grüße"),
        (b"raw gr\xfc\xdfe", "raw grüße"),
        ("=?utf-8?q?=C3=A4?= ö".encode(), "ä ö"),
        (b"e\xcc\x81", "é"),  # NFC
        (b"a\tb\r\n c", "a b   c"),
        ("a\u2028b\u0085c".encode(), "a bc"),
    ],
)
def test_decodes_header_text(raw: bytes, expected: str) -> None:
    assert decode(raw) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        # RFC 2231 §3, §4, §4.1
        (b'x; url*0="ftp://"; url*1="cs.utk.edu/pub"', "ftp://cs.utk.edu/pub"),
        (b"x; url*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "This is ***fun***"),
        (
            b"x; url*0*=us-ascii'en'This%20is%20even%20more%20; url*1*=%2A%2A%2Afun%2A%2A%2A%20; url*2=\"isn't it!\"",
            "This is even more ***fun*** isn't it!",
        ),
        # what is met
        (b'x; url="=?utf-8?q?=C3=A4?="', "ä"),
        ('x; url="ä"'.encode(), "ä"),
        (b"x; url=plain; url*=utf-8''%c3%a4", "ä"),
        (b"x; url*=utf-8''%c3%a4; url=plain", "ä"),
        (b"x; url*=%c3%a4", "ä"),
        (b"x; url*=utf-8''%zz%c3", "%zz\ufffd"),
        (b"x; url*1=b; url*0=a", "ab"),
        (b"x; url*0=a; url*2=c", "a"),
        (b"x; url*5=e", ""),
        (b"x", ""),
    ],
)
def test_decodes_parameters(field: bytes, expected: str) -> None:
    assert parameter(parameters.parse(field)[1], b"url") == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"text/plain", (b"text/plain", {})),
        (b'Text/HTML; Charset="utf-8"', (b"text/html", {b"charset": b"utf-8"})),
        (b"text/plain charset=x", (b"text/plain", {})),
        (b"text/plain; charset = us-ascii (Plain text)", (b"text/plain", {b"charset": b"us-ascii"})),
        (b'text/plain (a "b); (c) charset="(d)" (e', (b"text/plain", {b"charset": b"(d)"})),
        (b'attachment; filename="a;b\\"c"; x=y', (b"attachment", {b"filename": b'a;b"c', b"x": b"y"})),
        (b'attachment; filename="never closed', (b"attachment", {b"filename": b"never closed"})),
        (b"attachment; filename=two words.txt", (b"attachment", {b"filename": b"two"})),
        (b"attachment;; ;a=b;a=c; =d;e", (b"attachment", {b"a": b"b"})),
        (b"/plain; a=b", (b"", {b"a": b"b"})),
        (b"", (b"", {})),
    ],
)
def test_reads_structured_fields(field: bytes, expected: tuple[bytes, dict[bytes, bytes]]) -> None:
    assert parameters.parse(field) == expected


def test_parameters_beyond_the_limit_are_not_read() -> None:
    field = b"x" + b"".join(b"; a%d=b" % number for number in range(parameters.MAX_PARAMETERS + 10))
    assert len(parameters.parse(field)[1]) == parameters.MAX_PARAMETERS


def test_every_charset_has_a_codec_that_decodes_text() -> None:
    names = [name for name in charsets._CODECS if charsets.codec(name)]
    assert names
    for name in names:
        codec = codecs.lookup(charsets._CODECS[name])
        assert codec._is_text_encoding, name
        assert codec.incrementaldecoder is not None, name
        assert isinstance(charsets.decode(bytes(range(256)), name), str), name


@pytest.mark.parametrize("name", ["zip", "hex", "rot13", "idna", "punycode", "unicode_escape", "base64", "mbcs", ""])
def test_codecs_that_are_no_charsets_are_not_known(name: str) -> None:
    assert charsets.codec(name) is None


@pytest.mark.parametrize("name", ["UTF-8", "utf_8", " utf8 ", "Windows_1252", "CP1252", "Shift_JIS", "ISO-8859-15"])
def test_charset_names_are_read_in_every_spelling(name: str) -> None:
    assert charsets.codec(name) is not None


def test_clean_text_has_no_control_characters() -> None:
    assert clean("".join(map(chr, range(256)))).isprintable() or clean("\xa0\xad") == "\xa0\xad"
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in clean("".join(map(chr, range(256)))))
