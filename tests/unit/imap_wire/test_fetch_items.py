"""FETCH's items: every form of the grammar, and the name each has in the reply."""

import pytest

from mailserver.imap.wire.fetch_items import (
    MACROS,
    Attribute,
    Binary,
    BinarySize,
    BodySection,
    FetchModifiers,
    Partial,
    Section,
    SectionText,
    parse_items,
    parse_modifiers,
)
from mailserver.imap.wire.reader import BadSyntax, Reader


def reader(text: bytes, *literals: bytes) -> Reader:
    return Reader(b"a", "FETCH", text, literals)


FROM_TO = (b"From", b"To")
ITEMS = [
    (b"ALL", MACROS["ALL"]),
    (b"fast", MACROS["FAST"]),
    (b"FULL", (*MACROS["ALL"], Attribute.BODY)),
    (b"uid", (Attribute.UID,)),
    (b"(FLAGS)", (Attribute.FLAGS,)),
    (b"(FLAGS UID FLAGS)", (Attribute.FLAGS, Attribute.UID)),
    (b"(INTERNALDATE RFC822.SIZE)", (Attribute.INTERNALDATE, Attribute.RFC822_SIZE)),
    (b"(ENVELOPE BODY BODYSTRUCTURE)", (Attribute.ENVELOPE, Attribute.BODY, Attribute.BODYSTRUCTURE)),
    (b"MODSEQ", (Attribute.MODSEQ,)),
    (b"(EMAILID threadid SAVEDATE)", (Attribute.EMAILID, Attribute.THREADID, Attribute.SAVEDATE)),
    (b"PREVIEW", (Attribute.PREVIEW,)),
    (b"PREVIEW (LAZY)", (Attribute.PREVIEW,)),
    (b"(UID PREVIEW (lazy) FLAGS)", (Attribute.UID, Attribute.PREVIEW, Attribute.FLAGS)),
    (b"BINARY[]", (Binary(""),)),
    (b"BINARY[1.2]<0.10>", (Binary("1.2", partial=Partial(0, 10)),)),
    (b"binary.peek[3]", (Binary("3", peek=True),)),
    (b"(BINARY.SIZE[1] BINARY.SIZE[1])", (BinarySize("1"),)),
    (b"BODY[]", (BodySection(Section()),)),
    (b"BODY.PEEK[]", (BodySection(Section(), peek=True),)),
    (b"body[header]", (BodySection(Section(text=SectionText.HEADER)),)),
    (b"BODY[1]", (BodySection(Section("1")),)),
    (b"BODY[4.2.2.1]", (BodySection(Section("4.2.2.1")),)),
    (b"BODY[4.1.MIME]", (BodySection(Section("4.1", SectionText.MIME)),)),
    (b"BODY[3.TEXT]", (BodySection(Section("3", SectionText.TEXT)),)),
    (b"BODY[3.HEADER]", (BodySection(Section("3", SectionText.HEADER)),)),
    (b"BODY[]<0.2048>", (BodySection(Section(), partial=Partial(0, 2048)),)),
    (
        b"BODY.PEEK[HEADER.FIELDS (From To)]",
        (BodySection(Section("", SectionText.HEADER_FIELDS, FROM_TO), peek=True),),
    ),
    (
        b'BODY[2.HEADER.FIELDS.NOT ("From" To)]<5.1>',
        (BodySection(Section("2", SectionText.HEADER_FIELDS_NOT, FROM_TO), partial=Partial(5, 1)),),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), ITEMS)
def test_items(text: bytes, wanted: tuple[object, ...]) -> None:
    r = reader(text)
    assert parse_items(r) == wanted
    r.end()


NAMES = [
    (b"BODY.PEEK[]", b"BODY[]"),
    (b"BODY.PEEK[1.2.MIME]", b"BODY[1.2.MIME]"),
    (b"body.peek[header.fields (Subject FROM)]<7.9>", b"BODY[HEADER.FIELDS (Subject FROM)]<7>"),
    (b'BODY[1.HEADER.FIELDS.NOT ("X-(a)")]', b'BODY[1.HEADER.FIELDS.NOT ("X-(a)")]'),
    (b"rfc822", b"RFC822"),
    (b"RFC822.HEADER", b"RFC822.HEADER"),
    (b"RFC822.TEXT", b"RFC822.TEXT"),
    (b"RFC822.SIZE", b"RFC822.SIZE"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_each_item_knows_its_name_in_the_reply(text: bytes, name: bytes) -> None:
    (item,) = parse_items(reader(text))
    assert item.wire == name


def test_the_old_names_are_sections() -> None:
    whole, header, text = parse_items(reader(b"(RFC822 RFC822.HEADER RFC822.TEXT)"))
    assert isinstance(whole, BodySection)
    assert isinstance(header, BodySection)
    assert isinstance(text, BodySection)
    assert (whole.section, whole.peek) == (Section(), False)
    assert (header.section, header.peek) == (Section(text=SectionText.HEADER), True)
    assert (text.section, text.peek) == (Section(text=SectionText.TEXT), False)


def test_a_field_name_may_be_a_literal() -> None:
    (item,) = parse_items(reader(b"BODY[HEADER.FIELDS ({4}\r\n To)]", b"From"))
    assert item.wire == b"BODY[HEADER.FIELDS (From To)]"


REFUSED = [
    b"",
    b"()",
    b"(FLAGS",
    b"(FLAGS )",
    b"(ALL)",
    b"NOSUCH",
    b"BODY.PEEK",
    b"BODY[",
    b"BODY[0]",
    b"BODY[1.]",
    b"BODY[1.0]",
    b"BODY[.1]",
    b"BODY[1..2]",
    b"BODY[MIME]",
    b"BODY[HEADER.FIELDS]",
    b"BODY[HEADER.FIELDS ()]",
    b"BODY[HEADER.FIELDS (a:b)]",
    b'BODY[HEADER.FIELDS ("")]',
    b'BODY[HEADER.FIELDS ("a b")]',
    b"BODY[HEADER (a)]",
    b"BODY[NOSUCH]",
    b"BODY[4294967296]",
    b"BODY[]<0>",
    b"BODY[]<0.0>",
    b"BODY[]<-1.5>",
    b"BODY[]<1.5",
    b"BODY[]<99999999999999999999.5>",
    b"RFC822[]",
    b"RFC822.SIZE<0.1>",
    b"BODY[" + b"1." * 100_000 + b"1]",
    b"(" * 100_000,
    b"(" + b" ".join(b"BODY[]<%d.1>" % n for n in range(1000)) + b")",
]


@pytest.mark.parametrize("text", REFUSED)
def test_not_in_the_grammar(text: bytes) -> None:
    r = reader(text)
    with pytest.raises(BadSyntax):
        parse_items(r)
        r.end()


def test_modifiers() -> None:
    assert parse_modifiers(reader(b"")) == FetchModifiers()
    assert parse_modifiers(reader(b" (changedsince 12345)")) == FetchModifiers(12345)


@pytest.mark.parametrize(
    "text",
    [b" ", b" ()", b" (NOSUCH 1)", b" (CHANGEDSINCE)", b" (CHANGEDSINCE x)", b" (CHANGEDSINCE 1 CHANGEDSINCE 2)"],
)
def test_not_modifiers(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_modifiers(reader(text))
