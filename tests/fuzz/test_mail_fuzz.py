"""Any octets at all are a message: nothing raises, offsets fit together, what is sent to clients can be parsed."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mail import addresses, charsets, dates, encoded_words, headers, parameters, transfer
from mailserver.mail.describe import decode_parts, describe, encode_parts
from mailserver.mail.detail import MessageDetail
from mailserver.mail.editing import HeaderBlock, is_named
from mailserver.mail.html_text import text_of
from mailserver.mail.message_ids import message_id, message_ids
from mailserver.mail.message_text import MessageOctets, field_text, text_has
from mailserver.mail.preview import PREVIEW_CHARACTERS
from mailserver.mail.sections import window
from mailserver.mail.subjects import base_subject

MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
EMBEDDED = b"Content-Type: message/rfc822\r\n\r\n"
SEEDS = [
    b'From: a <a@b>\r\nTo: g: c@d, "e" <f@g>;\r\nSubject: =?utf-8?q?=C3=A4?=\r\nDate: 1 Jan 24 0:00 GMT\r\n\r\ntext',
    MULTIPART + b"p\r\n--b\r\n\r\n1\r\n--b\r\nContent-Type: text/html\r\n\r\n2\r\n--b--\r\n",
    b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: x\r\n\r\n1\r\n--b\r\n\r\nA: b\r\n\r\n--b--\r\n",
    EMBEDDED + b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n1\r\n--bb--\r\n",
    b"Content-Type: text/plain; charset*0=utf; charset*1=-8\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n",
]
SPLICES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\r\n\r\n", b"\n\n", b" ", b"\t", b"--", b"-", b"\\", b"=3D"),
    *(b":", b";", b'"', b"(", b")", b"<", b">", b"@", b",", b"=?utf-8?q?", b"=?utf-8?b?", b"?=", b"*0*="),
    *(b"--b", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n--bb\r\n", b"boundary=", MULTIPART, EMBEDDED),
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*=x''%\r\n",
]
EDITS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 20), st.one_of(st.sampled_from(SPLICES), st.binary(max_size=5))),
    max_size=12,
)
SPLICED = st.lists(st.sampled_from(SPLICES), max_size=60).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    message = draw(st.sampled_from(SEEDS))
    for position, removed, added in draw(EDITS):
        message = message[:position] + added + message[position + removed :]
    return message


MESSAGES = st.one_of(st.binary(max_size=300), SPLICED, mutated())


@given(MESSAGES)
@settings(max_examples=500, deadline=None)
def test_any_octets_have_a_description(message: bytes) -> None:
    detail = describe(message)
    check_offsets(message, detail)
    for rendered in (detail.envelope, detail.body, detail.body_structure):
        assert isinstance(imap_value(rendered), list)
    assert len(imap_value(detail.envelope)) == 10
    assert count_leaves(imap_value(detail.body)) == count_leaves(imap_value(detail.body_structure))
    assert len(detail.preview) <= PREVIEW_CHARACTERS
    assert detail.header_octets == headers.header_octets(message)
    assert headers.select(detail.header_fields, headers.KEPT_FIELDS)[:-2] == detail.header_fields
    for text in (detail.subject, detail.preview, detail.from_name, detail.from_address, *detail.references):
        text.encode("utf-8")
    assert decode_parts(encode_parts(detail.parts)) == detail.parts
    text_has(MessageOctets(lambda start, end: message[start:end], detail.header_octets, detail.parts), "ä")


def check_offsets(message: bytes, detail: MessageDetail) -> None:
    root = detail.parts[0]
    assert (root.number, root.header_start, root.end) == ("", 0, len(message))
    assert detail.size == len(message)
    assert len({part.number for part in detail.parts}) == len(detail.parts)
    for part in detail.parts:
        assert 0 <= part.header_start <= part.body_start <= part.end <= len(message)
        assert part.lines in {0, message.count(b"\n", part.body_start, part.end)}
        if part.number and not part.number.endswith("TEXT"):
            assert window(detail.parts, part.number) == (part.body_start, part.end)
            parent = part.number.rpartition(".")[0]
            outer = window(detail.parts, parent) if parent else (0, len(message))
            assert outer is not None
            assert outer[0] <= part.header_start
            assert part.end <= outer[1]
    for text in ("HEADER", "TEXT", "MIME"):
        assert window(detail.parts, "1.1.1.1.1.1.1.1.1.1", text) is None or len(detail.parts) > 5


_STRING = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"')
_ATOM = re.compile(rb"NIL|[0-9]+")
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n")

Value = bytes | int | None | list["Value"]


def imap_value(rendered: bytes) -> list[Value]:
    """A strict reader of what clients are sent; anything not of IMAP's grammar fails."""
    stack: list[list[Value]] = [[]]
    position = 0
    while position < len(rendered):
        if rendered[position : position + 1] == b"(":
            stack.append([])
            position += 1
        elif rendered[position : position + 1] == b")":
            closed = stack.pop()
            assert closed, "an empty list is written NIL"
            stack[-1].append(closed)
            position += 1
        elif rendered[position : position + 1] == b" ":
            position += 1
        elif quoted := _STRING.match(rendered, position):
            stack[-1].append(quoted[1])
            position = quoted.end()
        elif literal := _LITERAL.match(rendered, position):
            text = rendered[literal.end() : literal.end() + int(literal[1])]
            assert len(text) == int(literal[1])
            assert b"\0" not in text
            stack[-1].append(text)
            position = literal.end() + len(text)
        else:
            atom = _ATOM.match(rendered, position)
            assert atom, rendered[position : position + 20]
            stack[-1].append(None if atom[0] == b"NIL" else int(atom[0]))
            position = atom.end()
    assert len(stack) == 1
    (value,) = stack[0]
    assert isinstance(value, list)
    return value


def count_leaves(structure: list[Value]) -> int:
    """Bodies of a BODY or BODYSTRUCTURE that are no multiparts."""
    if isinstance(structure[0], list):
        return sum(count_leaves(child) for child in structure if isinstance(child, list) and is_body(child))
    if structure[0] == b"message" and len(structure) > 9 and isinstance(structure[8], list):
        return 1 + count_leaves(structure[8])
    return 1


def is_body(value: list[Value]) -> bool:
    """Not parameters, disposition or languages: a body is a list of lists or has its seven basic fields."""
    return isinstance(value[0], list) or (len(value) >= 7 and isinstance(value[6], int))


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_header_edits_never_touch_the_body(message: bytes) -> None:
    block = HeaderBlock.parse(message)
    body = message[block.octets :]
    assert b"".join(field.line for field in block.fields) == message[: block.octets].removesuffix(
        b"" if not block.ended else b"\r\n" if message[: block.octets].endswith(b"\r\n") else b"\n"
    )
    edited = block.without(is_named(b"subject")).with_first([b"Received: x\r\n"]).render() + body
    parsed = HeaderBlock.parse(edited)
    assert edited[parsed.octets :] == body
    assert parsed.fields[0].name == b"received"
    assert not parsed.has(b"subject")


TEXTS = st.one_of(st.binary(max_size=200), SPLICED)


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_readers_of_header_values_never_raise(octets: bytes) -> None:
    for entry in addresses.mailboxes(addresses.parse(octets)):
        addresses.addr_spec(entry).decode("utf-8", "replace")
    dates.parse(octets)
    message_id(octets)
    message_ids(octets)
    encoded_words.parameter(parameters.parse(octets)[1], b"filename").encode("utf-8")
    shown = encoded_words.decode(octets)
    shown.encode("utf-8")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    base_subject(shown)
    field_text(octets, "subject")
    text_of(octets.decode("latin-1"))


@given(TEXTS, st.sampled_from(["base64", "quoted-printable", "7bit", ""]), st.sampled_from(sorted(charsets._CODECS)))
@settings(max_examples=500, deadline=None)
def test_decoders_never_raise(octets: bytes, encoding: str, charset: str) -> None:
    charsets.decode(transfer.decode(octets, encoding), charset).encode("utf-8")


@given(st.text(max_size=100))
def test_base_subject_of_a_base_subject_is_itself(subject: str) -> None:
    once = base_subject(subject)
    assert base_subject(once) == once
