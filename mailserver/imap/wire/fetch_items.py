"""What FETCH may ask for: values, their names in the reply, and the grammar. RFC 9051 §6.4.5, RFC 7162 §3.1.4.

An extension's item is a member of Attribute, or a row in _ITEMS where it has arguments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from mailserver.imap.wire import partial_range
from mailserver.imap.wire.partial_range import PartialRange
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.writer import astring

MAX_ITEMS = 250  # of one FETCH: each may be a whole message
MAX_PART_DEPTH = 100  # numbers in 1.2.3

_FIELD_NAME = re.compile(rb"[!-9;-~]{1,1000}")  # RFC 5322 §3.6.8 ftext


class Attribute(Enum):
    """Items without arguments; the value is the name in the reply."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    MODSEQ = b"MODSEQ"  # RFC 7162
    INTERNALDATE = b"INTERNALDATE"
    RFC822_SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    EMAILID = b"EMAILID"  # RFC 8474
    THREADID = b"THREADID"  # RFC 8474
    SAVEDATE = b"SAVEDATE"  # RFC 8514
    PREVIEW = b"PREVIEW"  # RFC 8970

    @property
    def wire(self) -> bytes:
        return self.value


class SectionText(Enum):
    ALL = b""
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True)
class Section:
    part: str = ""  # "1.2", "" for the message itself
    text: SectionText = SectionText.ALL
    fields: tuple[bytes, ...] = ()  # of HEADER_FIELDS and HEADER_FIELDS_NOT, as the client spelled them

    @property
    def wire(self) -> bytes:
        text = self.text.value
        if self.fields:
            text += b" (%b)" % b" ".join(map(astring, self.fields))
        return b".".join(filter(None, [self.part.encode("ascii"), text]))


@dataclass(frozen=True, slots=True)
class Partial:
    start: int  # octets
    octets: int  # at least 1


@dataclass(frozen=True, slots=True)
class BodySection:
    """Octets of the message: BODY[…], and RFC822, RFC822.HEADER and RFC822.TEXT, which are old names of some."""

    section: Section
    peek: bool = False  # \\Seen stays as it is
    partial: Partial | None = None
    old_name: bytes = b""

    @property
    def wire(self) -> bytes:
        """The reply repeats where the partial begins, not how long it is. RFC 9051 §7.5.2"""
        if self.old_name:
            return self.old_name
        return b"BODY[%b]%b" % (self.section.wire, b"<%d>" % self.partial.start if self.partial else b"")


@dataclass(frozen=True, slots=True)
class Binary:
    """A part without its transfer encoding; "" is the message, which has none. RFC 9051 §6.4.5.1, RFC 3516."""

    part: str
    peek: bool = False
    partial: Partial | None = None  # of the decoded octets

    @property
    def wire(self) -> bytes:
        return b"BINARY[%b]%b" % (self.part.encode("ascii"), b"<%d>" % self.partial.start if self.partial else b"")


@dataclass(frozen=True, slots=True)
class BinarySize:
    """How many octets Binary would have."""

    part: str
    peek: bool = True

    @property
    def wire(self) -> bytes:
        return b"BINARY.SIZE[%b]" % self.part.encode("ascii")


FileItem = BodySection | Binary | BinarySize  # which are not kept but read from the message
FetchItem = Attribute | FileItem

_FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE)
MACROS: dict[str, tuple[FetchItem, ...]] = {
    "FAST": _FAST,
    "ALL": (*_FAST, Attribute.ENVELOPE),
    "FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_OLD: dict[str, FetchItem] = {
    "RFC822": BodySection(Section(), old_name=b"RFC822"),
    "RFC822.HEADER": BodySection(Section(text=SectionText.HEADER), peek=True, old_name=b"RFC822.HEADER"),
    "RFC822.TEXT": BodySection(Section(text=SectionText.TEXT), old_name=b"RFC822.TEXT"),
}
_PLAIN: dict[str, FetchItem] = {**{item.value.decode("ascii"): item for item in Attribute}, **_OLD}


@dataclass(frozen=True, slots=True)
class FetchModifiers:
    changed_since: int | None = None  # modseq
    partial: PartialRange | None = None  # a page of what is left, RFC 9394 §3.3
    vanished: bool = False  # UIDs removed since then too, RFC 7162 §3.2.6


def parse_items(r: Reader) -> tuple[FetchItem, ...]:
    """ "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"; each item once."""
    if r.peek() != b"(":
        name = r.item_name()
        return MACROS.get(name) or (_item(r, name),)
    items = tuple(dict.fromkeys(r.parenthesised(lambda: _item(r, r.item_name()))))
    if len(items) > MAX_ITEMS:
        raise BadSyntax(f"At most {MAX_ITEMS} items")
    return items


def parse_modifiers(r: Reader) -> FetchModifiers:
    """[SP "(" fetch-modifier *(SP fetch-modifier) ")"], RFC 4466 §2.4."""
    modifiers = FetchModifiers()
    if r.accept(b" "):
        given: set[str] = set()
        for name, field, value in r.parenthesised(lambda: _modifier(r)):
            if name in given:
                raise BadSyntax("Modifier given twice")
            given.add(name)
            modifiers = replace(modifiers, **{field: value})
    if modifiers.vanished and (modifiers.changed_since is None or not r.uid):
        raise BadSyntax("VANISHED is for UID FETCH with CHANGEDSINCE")
    return modifiers


def _modifier(r: Reader) -> tuple[str, str, Any]:
    """The modifier's name, its field and that field's value."""
    name = r.word()
    if name not in _MODIFIERS:
        raise BadSyntax("Unknown FETCH modifier")
    field, read = _MODIFIERS[name]
    return name, field, read(r)


def _changed_since(r: Reader) -> int:
    r.sp()
    return r.number64()


def _partial_range(r: Reader) -> PartialRange:
    r.sp()
    return partial_range.parse(r)


_MODIFIERS: dict[str, tuple[str, Callable[[Reader], Any]]] = {
    "CHANGEDSINCE": ("changed_since", _changed_since),
    "PARTIAL": ("partial", _partial_range),
    "VANISHED": ("vanished", lambda _: True),
}


def _item(r: Reader, name: str) -> FetchItem:
    with_section = _WITH_SECTION.get(name)
    if with_section is not None and r.peek() == b"[":
        return with_section(r)
    item = _PLAIN.get(name)
    if item is None or (r.rev2 and name in _OLD):
        raise BadSyntax("Unknown FETCH item")
    if item is Attribute.PREVIEW:
        _preview_modifiers(r)
    return item


def _preview_modifiers(r: Reader) -> None:
    """[SP "(" "LAZY" ")"]: only if it costs nothing, as ours always do. RFC 8970 §3.2."""
    if r.accept(b" (LAZY"):
        r.expect(b")")


def _body(r: Reader) -> FetchItem:
    return BodySection(parse_section(r), False, _partial(r))


def _body_peek(r: Reader) -> FetchItem:
    return BodySection(parse_section(r), True, _partial(r))


def _binary(r: Reader) -> FetchItem:
    return Binary(_section_binary(r), False, _partial(r))


def _binary_peek(r: Reader) -> FetchItem:
    return Binary(_section_binary(r), True, _partial(r))


def _binary_size(r: Reader) -> FetchItem:
    return BinarySize(_section_binary(r))


_WITH_SECTION: dict[str, Callable[[Reader], FetchItem]] = {
    "BODY": _body,
    "BODY.PEEK": _body_peek,
    "BINARY": _binary,
    "BINARY.PEEK": _binary_peek,
    "BINARY.SIZE": _binary_size,
}


def _section_binary(r: Reader) -> str:
    """section-binary = "[" [section-part] "]" """
    section = parse_section(r)
    if section.text is not SectionText.ALL:
        raise BadSyntax("A part's number expected")
    return section.part


def parse_section(r: Reader) -> Section:
    """section = "[" [section-msgtext / (section-part ["." section-text])] "]" """
    r.expect(b"[")
    numbers: list[int] = []
    while r.peek().isdigit():
        numbers.append(r.nz_number())
        if len(numbers) > MAX_PART_DEPTH:
            raise BadSyntax("Part too deep")
        if not r.accept(b"."):
            break
    else:
        return _section_text(r, numbers)
    r.expect(b"]")
    return Section(_part(numbers))


def _section_text(r: Reader, numbers: list[int]) -> Section:
    if not numbers and r.accept(b"]"):
        return Section()
    text = _TEXTS.get(r.item_name())
    if text is None or (text is SectionText.MIME and not numbers):
        raise BadSyntax("Not a section")
    fields: tuple[bytes, ...] = ()
    if text in (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT):
        r.sp()
        fields = tuple(r.parenthesised(lambda: _field_name(r)))
    r.expect(b"]")
    return Section(_part(numbers), text, fields)


_TEXTS = {text.value.decode("ascii"): text for text in SectionText if text is not SectionText.ALL}


def _part(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


def _field_name(r: Reader) -> bytes:
    name = r.astring()
    if not _FIELD_NAME.fullmatch(name):
        raise BadSyntax("Not the name of a header field")
    return name


def _partial(r: Reader) -> Partial | None:
    """["<" number64 "." nz-number64 ">"]"""
    if not r.accept(b"<"):
        return None
    start = r.number64()
    r.expect(b".")
    octets = r.number64()
    r.expect(b">")
    if not octets:
        raise BadSyntax("A partial has at least one octet")
    return Partial(start, octets)
