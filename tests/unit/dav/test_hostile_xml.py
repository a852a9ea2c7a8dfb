"""Bodies and headers that were made to cost: each is refused, or read in a time that grows with its size alone."""

import contextlib
from collections.abc import Callable

import pytest

from mailserver.dav import xml_kept, xml_reader
from mailserver.dav.errors import BadXml, XmlTooLarge
from mailserver.dav.wire import etags, headers, if_header
from mailserver.dav.xml_reader import (
    MAX_ALL_ATTRIBUTES,
    MAX_ATTRIBUTES,
    MAX_NAMESPACE,
    MAX_TOKEN_OCTETS,
    PIECE_OCTETS,
    read,
)
from mailserver.errors import BadRequest
from tests.growth import is_linear


def attributes(count: int) -> bytes:
    each = b"<b %b/>" % b" ".join(b'a%d=""' % number for number in range(MAX_ATTRIBUTES))
    return b"<a>" + each * (count // MAX_ATTRIBUTES + 1) + b"</a>"


@pytest.mark.parametrize(
    ("body", "fault", "words"),
    [
        # expat writes a namespace out again for each name: a megabyte of body became 20 GB of names
        (b'<a xmlns:x="%b">%b</a>' % (b"n" * 100_000, b"<x:b/>" * 10), BadXml, "namespace"),
        (b'<a xmlns="%b"/>' % (b"n" * (MAX_NAMESPACE + 1)), BadXml, "namespace"),
        (attributes(MAX_ALL_ATTRIBUTES), XmlTooLarge, "attributes"),
        (b'<a b="%b"/>' % (b"u" * 2 * MAX_TOKEN_OCTETS), XmlTooLarge, "tag or comment"),
        (b"<a><!--%b--></a>" % (b"u" * 2 * MAX_TOKEN_OCTETS), XmlTooLarge, "tag or comment"),
        (b'<?xml version="1.0" encoding="unicode_escape"?><a>\\x</a>', BadXml, "is sent in"),
        (b'<?xml version="1.0" encoding="utf-7"?><a>+ADw-b/+AD4-</a>', BadXml, "is sent in"),
    ],
)
def test_what_would_cost_more_than_its_octets_is_refused(body: bytes, fault: type[Exception], words: str) -> None:
    with pytest.raises(fault, match=words):
        read(body)


@pytest.mark.parametrize("octets", [PIECE_OCTETS * 2 + more for more in range(-1, 2)])
def test_a_body_is_read_whole_however_it_falls_into_pieces(octets: int) -> None:
    body = b"<a>%b</a>" % (b"u" * (octets - 7))
    assert len(body) == octets
    assert read(body).text == "u" * (octets - 7)


def test_a_long_text_is_no_long_token() -> None:
    text = "ü" * MAX_TOKEN_OCTETS
    assert read(f"<a>{text}</a>".encode()).text == text
    assert read(f"<a><![CDATA[{text}]]></a>".encode()).text == text


def test_what_is_kept_is_bounded_as_it_is_written() -> None:
    """Namespaces are declared again where they change: much more is written than was read."""
    inner = b"<x:b/>" * 2000
    root = read(b'<a xmlns:x="%b">%b</a>' % (b"n" * MAX_NAMESPACE, inner))
    with pytest.raises(xml_kept.TooLong) as refused:
        xml_kept.written(root)
    assert refused.value.http == 507


@pytest.mark.parametrize("encoding", ["UTF-8", "utf-16", "ISO-8859-1", "us-ascii"])
def test_the_encodings_of_xml_are_read(encoding: str) -> None:
    text = "a" if encoding == "us-ascii" else "ä"
    assert read(f'<?xml version="1.0" encoding="{encoding}"?><a>{text}</a>'.encode(encoding)).text == text


@pytest.mark.parametrize(
    "work",
    [
        lambda n: lambda: headers.prefer("a" + " " * n + '"', None),
        lambda n: lambda: headers.prefer("a=" + " " * n + '"', None),
        lambda n: lambda: headers.prefer("a;" * n, None),
        lambda n: lambda: headers.timeout("Second-" * n),
        lambda n: lambda: read_or_refused(etags.parse, "If-Match", '"' * n + '"'),
        lambda n: lambda: read_or_refused(etags.parse, "If-Match", " " * n + '"a'),
        lambda n: lambda: read_or_refused(if_header.parse, "(" + " " * n + '"'),
        lambda n: lambda: read_or_refused(if_header.parse, '(["' + " " * n),
    ],
)
def test_a_header_costs_as_much_as_it_is_long(work: Callable[[int], Callable[[], object]]) -> None:
    assert is_linear(work, 30_000)


def read_or_refused(parse: Callable[..., object], *arguments: str) -> None:
    with contextlib.suppress(BadRequest):
        parse(*arguments)


@pytest.mark.parametrize("unit", [b"<a/>", b"\n", b"&lt;", b"<!---->", b"<?a?>", b"<![CDATA[]]>"])
def test_a_body_costs_as_much_as_it_is_long(unit: bytes) -> None:
    assert is_linear(lambda n: lambda: xml_reader.read(b"<a>%b</a>" % (unit * n)), 20_000)
