import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dav import xml_kept, xml_reader, xml_writer
from mailserver.dav.errors import BadXml, XmlTooLarge
from mailserver.dav.names import XML_LANG, Name, dav
from mailserver.dav.xml_reader import Element, read

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY a "&lol;&lol;&lol;&lol;&lol;">
<!ENTITY b "&a;&a;&a;&a;&a;&a;">]><propfind xmlns="DAV:">&b;</propfind>"""
QUADRATIC = b'<!DOCTYPE d [<!ENTITY a "' + b"x" * 50_000 + b'">]><d>' + b"&a;" * 1000 + b"</d>"


def test_names_attributes_text_and_order_are_read() -> None:
    root = read(b'<a:x xmlns:a="urn:one" k="v" a:n="w"> t <b xmlns="DAV:" xml:lang="en">&lt;&#233;</b>u</a:x>')
    assert root.name == Name("urn:one", "x")
    assert root.attributes == {Name("", "k"): "v", Name("urn:one", "n"): "w"}
    assert root.text == "t u"
    assert root.children == (Element(dav("b"), {XML_LANG: "en"}, ("<é",)),)
    assert root.find(dav("b")) == root.children[0]
    assert root.find(dav("c")) is None
    assert (root.attribute("k"), root.attribute("none", "-")) == ("v", "-")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no element"),
        (b"   ", "no element"),
        (b"banana", "syntax error"),
        (b"<a>", "no element found|not well|unclosed"),
        (b"<a></b>", "mismatched tag"),
        (b"<a/><b/>", "junk after document element"),
        (b"<a:b/>", "unbound prefix"),
        (b"<a b='1' b='2'/>", "duplicate attribute"),
        (b"<a>\xff\xfe</a>", "invalid token"),
        (b"<a>\x00</a>", "invalid token"),
        (b"<a>&nbsp;</a>", "undefined entity"),
        (b"<a>&#0;</a>", "reference to invalid character number"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "is sent in"),
        (b"<!DOCTYPE a><a/>", "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><a/>', "document type"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"), "document type"),
        (LAUGHS, "document type"),
        (QUADRATIC, "document type"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "nested"),
        (b"<a" + b"".join(b" a%d='1'" % n for n in range(65)) + b"/>", "attributes"),
        (
            b"<a>" + (b"<b" + b"".join(b" xmlns:a%d='u'" % n for n in range(1001)) + b"/>") * 100,
            "namespace declarations",
        ),
        (b"<?a b?>" * 100_001 + b"<a/>", "instructions"),
    ],
)
def test_what_is_no_request_is_refused_by_name_and_at_once(body: bytes, words: str) -> None:
    with pytest.raises(BadXml, match=f"(?i){words}"):
        read(body)


@pytest.mark.parametrize(
    "body",
    [b"<a>" + b"<b/>" * xml_reader.MAX_ELEMENTS + b"</a>", b"<a>" + b"x" * xml_reader.MAX_XML_OCTETS + b"</a>"],
    ids=["elements", "octets"],
)
def test_what_is_too_large_is_413(body: bytes) -> None:
    with pytest.raises(XmlTooLarge, match="at most"):
        read(body)


def test_the_deepest_and_widest_that_is_taken() -> None:
    depth = xml_reader.MAX_DEPTH
    assert read(b"<a>" * depth + b"</a>" * depth).name == Name("", "a")
    assert len(read(b"<a>" + b"<b/>" * 10_000 + b"</a>").children) == 10_000


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_other_encodings_that_are_declared_are_read(charset: str) -> None:
    declared = charset.removesuffix("-sig")
    assert read(f'<?xml version="1.0" encoding="{declared}"?><a>é</a>'.encode(charset)).text == "é"


@given(st.binary(max_size=300))
def test_any_octets_are_a_document_or_refused(body: bytes) -> None:
    for document in (body, b"<a>" + body + b"</a>"):
        with contextlib.suppress(BadXml):
            assert isinstance(read(document), Element)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=20).map(
    lambda text: "".join(c for c in text if c >= " " or c in "\t\n\r")
)
_LOCAL = st.sampled_from(["prop", "a", "é-1", "_x.y"])
_NAME = st.builds(Name, st.sampled_from(["", "DAV:", "urn:x", 'urn:"&<']), _LOCAL)
_ATTRIBUTES = st.dictionaries(
    st.one_of(st.builds(Name, st.sampled_from(["", "urn:x"]), _LOCAL), st.just(XML_LANG)), _TEXT, max_size=3
)


def _element(content: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    return st.builds(_joined, _NAME, _ATTRIBUTES, st.lists(st.one_of(_TEXT, content), max_size=4))


def _joined(name: Name, attributes: dict[Name, str], parts: "list[Element | str]") -> Element:
    """As a reader gives it: no empty text, no two texts side by side."""
    content: list[Element | str] = []
    for part in parts:
        if isinstance(part, str) and content and isinstance(content[-1], str):
            content[-1] += part
        elif part != "":
            content.append(part)
    return Element(name, attributes, tuple(content))


@given(st.recursive(st.builds(Element, _NAME, _ATTRIBUTES), _element, max_leaves=8))
def test_what_was_read_is_written_and_read_the_same(element: Element) -> None:
    assert read(xml_kept.written(element)) == element
    inside = xml_writer.document(dav("prop"), xml_kept.written(element))
    assert read(inside).children == (element,)


def test_text_is_one_text_whatever_expat_cut_it_into() -> None:
    root = xml_reader.read(b"<a>x<!-- c -->y<![CDATA[>]]>&gt;<b/>z&amp;z</a>")
    assert [part for part in root.content if isinstance(part, str)] == ["xy>>", "z&z"]
