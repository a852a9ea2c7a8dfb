"""A request's XML as a tree of values, read within bounds. RFC 4918 §8.2, §17, §20.6.

Clients send small documents: no type declaration, a few levels, a few thousand hrefs at most. Whatever is beyond
that is refused while it is read, before it costs anything: a document type declaration at its first octet, so that
no entity is ever declared, a level or an element too many at that element.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from xml.parsers.expat import ErrorString, ExpatError

from mailserver.dav.errors import BadXml, XmlTooLarge
from mailserver.dav.names import Name

MAX_XML_OCTETS = 10 * 1024 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 100_000
MAX_ATTRIBUTES = 64  # of one element
MAX_ALL_ATTRIBUTES = 100_000
MAX_NAMESPACE = 256  # characters; expat writes it out again for every name that has its prefix
PIECE_OCTETS = 64 * 1024  # read at once; between two pieces other threads have their turn
MAX_TOKEN_OCTETS = 4 * PIECE_OCTETS  # of one tag, comment or instruction
MAX_MARKS = 100_000  # processing instructions and namespace declarations of the whole document

ENCODINGS = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1"})  # that expat knows itself


@dataclass(frozen=True, slots=True)
class Element:
    name: Name
    attributes: Mapping[Name, str] = field(default_factory=dict)
    content: tuple["Element | str", ...] = ()  # text and elements in their order

    @property
    def children(self) -> tuple["Element", ...]:
        return tuple(part for part in self.content if isinstance(part, Element))

    @property
    def text(self) -> str:
        """The text directly in the element, without the white space around it."""
        if len(self.content) == 1 and isinstance(self.content[0], str):  # as every href of thousands is
            return self.content[0].strip()
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    @property
    def whole_text(self) -> str:
        """As `text`, with its white space."""
        return "".join(part for part in self.content if isinstance(part, str))

    def find(self, name: Name) -> "Element | None":
        """The first child of this name."""
        return next(self.all(name), None)

    def all(self, name: Name) -> Iterator["Element"]:
        return (part for part in self.content if isinstance(part, Element) and part.name == name)

    def attribute(self, local: str, default: str = "") -> str:
        """The attribute without a namespace, as CalDAV and CardDAV have them."""
        return self.attributes.get(Name("", local), default)


def read(body: bytes) -> Element:
    """The root of a whole document. Raises BadXml, XmlTooLarge.

    Linear in the octets: about 20 ms for a megabyte, so the caller moves a large one off the loop.
    """
    if len(body) > MAX_XML_OCTETS:
        raise XmlTooLarge(f"An XML body has at most {MAX_XML_OCTETS} octets")
    return _Builder().read(body)


class _Builder:
    """What expat calls while it reads; one for each document."""

    def __init__(self) -> None:
        self._names: dict[str, Name] = {}
        self._open: list[tuple[Name, Mapping[Name, str], list[Element | str]]] = []
        self._root: Element | None = None
        self._elements = 0
        self._attributes = 0
        self._marks = 0

    def read(self, body: bytes) -> Element:
        from defusedxml.common import DefusedXmlException

        expat = _expat()
        expat.StartElementHandler = self._start
        expat.EndElementHandler = self._end
        expat.CharacterDataHandler = self._text
        expat.StartNamespaceDeclHandler = self._namespace
        expat.ProcessingInstructionHandler = self._mark
        expat.XmlDeclHandler = self._declaration
        expat.CommentHandler = None
        expat.DefaultHandlerExpand = None
        try:
            self._feed(expat, body)
        except DefusedXmlException:
            raise BadXml("A document type declaration is not allowed in a request") from None
        except ExpatError as fault:
            raise BadXml(f"Not well-formed XML: {ErrorString(fault.code)}, line {fault.lineno}") from None
        if self._root is None:
            raise BadXml("The XML body has no element")
        return self._root

    def _feed(self, expat: "_Expat", body: bytes) -> None:
        """In pieces: expat holds the interpreter while it reads one, and nothing else of the server runs.

        It reads a token that is cut over many pieces from its start each time, so tokens are bounded as well.
        """
        for end in range(PIECE_OCTETS, len(body), PIECE_OCTETS):
            expat.Parse(body[end - PIECE_OCTETS : end], False)
            if end - expat.CurrentByteIndex > MAX_TOKEN_OCTETS:
                raise XmlTooLarge(f"A tag or comment has at most {MAX_TOKEN_OCTETS} octets")
        expat.Parse(body[(len(body) - 1) // PIECE_OCTETS * PIECE_OCTETS :] if body else b"", True)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        """Before expat looks for a codec of that name: Python has some that are no encodings of text."""
        if encoding is not None and encoding.lower() not in ENCODINGS:
            raise BadXml(f"XML is sent in {', '.join(sorted(ENCODINGS))}")

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise XmlTooLarge(f"An XML body has at most {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise BadXml(f"Elements are nested at most {MAX_DEPTH} deep")
        if len(attributes) > 2 * MAX_ATTRIBUTES:
            raise BadXml(f"An element has at most {MAX_ATTRIBUTES} attributes")
        self._attributes += len(attributes) // 2
        if self._attributes > MAX_ALL_ATTRIBUTES:
            raise XmlTooLarge(f"An XML body has at most {MAX_ALL_ATTRIBUTES} attributes")
        names = attributes[::2]
        pairs = {self._name(name): value for name, value in zip(names, attributes[1::2], strict=True)} if names else {}
        self._open.append((self._name(tag), pairs, []))

    def _end(self, _tag: str) -> None:
        name, attributes, content = self._open.pop()
        element = Element(name, attributes, tuple(content) if len(content) < 2 else _joined(content))
        if self._open:
            self._open[-1][2].append(element)
        else:
            self._root = element

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri is not None and len(uri) > MAX_NAMESPACE:
            raise BadXml(f"The name of a namespace has at most {MAX_NAMESPACE} characters")
        self._mark(prefix, uri)

    def _mark(self, _name: str | None, _text: str | None) -> None:
        self._marks += 1
        if self._marks > MAX_MARKS:
            raise BadXml(f"An XML body has at most {MAX_MARKS} namespace declarations and instructions")

    def _name(self, tag: str) -> Name:
        name = self._names.get(tag)
        if name is None:
            namespace, _, local = tag.rpartition("}")
            name = self._names[tag] = Name(namespace, local)
        return name


class _Expat(Protocol):
    """As much of pyexpat's parser as is used here; the attributes take our handlers."""

    StartElementHandler: object
    EndElementHandler: object
    CharacterDataHandler: object
    StartNamespaceDeclHandler: object
    XmlDeclHandler: object
    ProcessingInstructionHandler: object
    CommentHandler: object
    DefaultHandlerExpand: object
    CurrentByteIndex: int  # of the octet where what is being read began

    def Parse(self, data: bytes, final: bool, /) -> int: ...  # noqa: N802 - expat's name


def _expat() -> _Expat:
    """A parser that raises at a declaration, an entity or an external reference, with no other handlers.

    The library is imported here: reading XML is not what most processes do.
    """
    from defusedxml.ElementTree import DefusedXMLParser

    expat: _Expat = DefusedXMLParser(forbid_dtd=True).parser
    return expat


def _joined(content: Sequence[Element | str]) -> tuple[Element | str, ...]:
    """Text that expat gave in pieces (at a comment, a section, the end of what it was fed) is one text."""
    whole: list[Element | str] = []
    texts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        whole += ["".join(texts), part] if texts else [part]
        texts.clear()
    return (*whole, "".join(texts)) if texts else tuple(whole)
