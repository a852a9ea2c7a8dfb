"""What has to be known of a message before it is sent, and the message for servers that take 7-bit octets only.

Without 8BITMIME (RFC 6152 §3) every leaf with 8-bit octets is encoded anew: texts in quoted-printable, all else in
base64; multiparts and embedded messages can not be encoded themselves (RFC 2045 §6.4), so they are walked. What can not
be converted is refused rather than sent as garbage: 8-bit header fields, and anything below multipart/signed, whose
signature would not hold (RFC 1847 §2.1).

A signature of ours in the header is good for the octets as they were: whoever converts has to sign again.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mailserver.mail.editing import HeaderBlock, RawField, is_named
from mailserver.mail.headers import header_octets
from mailserver.mail.octets import Octets
from mailserver.mail.scanner import Entity, scan
from mailserver.mail.transfer import IDENTITY

WINDOW = 57 * 4096  # octets looked at or encoded at once; whole lines of base64, RFC 2045 §6.8
UNKNOWN_CHARSET = "unknown-8bit"  # RFC 1428 §3

_HIGH = re.compile(rb"[\x80-\xff]")
_NOT_ASCII = bytes(range(0x80, 0x100))
_D_TAG = re.compile(rb"(?:^|;)\s*d\s*=\s*([^;\s]+)", re.I)
_SIGNED = b"multipart/signed"
_NEVER_ENCODED = frozenset((b"message/partial", b"message/external-body"))  # RFC 2046 §5.2.2.1, §5.2.3

Encode = Callable[[Iterable[bytes]], Iterator[bytes]]


class CannotConvert(Exception):  # noqa: N818 - a property of the message
    """It holds 8-bit octets where no encoding is possible; says where."""


@dataclass(frozen=True, slots=True)
class Facts:
    octets: int
    is_ascii: bool
    header_is_ascii: bool  # its own header and those of its parts; not of messages inside


@dataclass(frozen=True, slots=True)
class _Edit:
    """Octets start … end of the message are replaced by these."""

    start: int
    end: int
    pieces: Iterable[bytes]


def examine(message: Octets) -> Facts:
    """In a thread where the message is large."""
    if all(piece.isascii() for piece in windows(message, 0, len(message))):
        return Facts(len(message), is_ascii=True, header_is_ascii=True)
    if not message[: header_octets(message)].isascii():
        return Facts(len(message), is_ascii=False, header_is_ascii=False)
    own = [entity for entity in scan(message) if not _is_inside_message(entity)]
    return Facts(len(message), False, all(_header(message, entity).isascii() for entity in own))


def windows(message: Octets, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, WINDOW):
        yield message[at : min(at + WINDOW, end)]


def to_seven_bit(message: Octets) -> Iterator[bytes]:
    """The message in pieces, all of them ASCII. Raises CannotConvert before the first one."""
    entities = scan(message)
    edits = sorted((edit for entity in entities for edit in _edits(message, entity)), key=lambda edit: edit.start)
    return _edited(message, edits)


def without_signatures_of(header: bytes, signatures: bytes) -> bytes:
    """The header without DKIM-Signature fields of the domains that these new ones are of."""
    domains = {_domain(field) for field in HeaderBlock.parse(signatures + b"\r\n").fields}
    outdated = is_named(b"dkim-signature")
    return HeaderBlock.parse(header).without(lambda field: outdated(field) and _domain(field) in domains).render()


def _domain(field: RawField) -> bytes:
    found = _D_TAG.search(field.value)
    return found[1].lower() if found else b""


def _edited(message: Octets, edits: list[_Edit]) -> Iterator[bytes]:
    at = 0
    for edit in edits:
        yield from windows(message, at, edit.start)
        yield from edit.pieces
        at = edit.end
    yield from windows(message, at, len(message))


def _edits(message: Octets, entity: Entity) -> Iterator[_Edit]:
    if all(piece.isascii() for piece in windows(message, entity.header_start, entity.end)):
        return
    if not _header(message, entity).isascii():
        raise CannotConvert("a header field holds 8-bit octets")
    if any(above.content.media_type == _SIGNED for above in _lineage(entity)):
        raise CannotConvert("a signed part holds 8-bit octets, and its signature would not hold")
    if entity.children:
        yield _Edit(entity.header_start, entity.body_start, [_with_encoding(message, entity, "7bit")])
        yield from _around_parts(message, entity)
    else:
        yield from _leaf(message, entity)


def _leaf(message: Octets, entity: Entity) -> Iterator[_Edit]:
    pieces = windows(message, entity.body_start, entity.end)
    repair = _REPAIRS.get(entity.encoding.name)
    if repair is not None:
        yield _Edit(entity.body_start, entity.end, map(repair, pieces))
        return
    if entity.encoding.name not in IDENTITY or entity.content.media_type in _NEVER_ENCODED:
        raise CannotConvert(f"a part of type {entity.content.name} can not be encoded")
    encoding = "quoted-printable" if entity.content.is_text else "base64"
    yield _Edit(entity.header_start, entity.body_start, [_with_encoding(message, entity, encoding)])
    yield _Edit(entity.body_start, entity.end, _ENCODERS[encoding](pieces))


def _around_parts(message: Octets, entity: Entity) -> Iterator[_Edit]:
    """Preamble, delimiters and epilogue, which nobody reads: no octet of them needs its eighth bit."""
    at = entity.body_start
    for child in [*entity.children, None]:
        end = child.header_start if child else entity.end
        if not all(piece.isascii() for piece in windows(message, at, end)):
            yield _Edit(at, end, (_HIGH.sub(b"?", piece) for piece in windows(message, at, end)))
        at = child.end if child else end


def _with_encoding(message: Octets, entity: Entity, encoding: str) -> bytes:
    """The entity's header, saying that; a message from before MIME becomes one of MIME."""
    block = HeaderBlock.parse(_header(message, entity))
    lines = [line for field in block.fields if field.name != b"content-transfer-encoding" for line in [field.line]]
    is_message = entity.parent is None or entity.parent.content.embeds
    if is_message and not block.has(b"mime-version"):
        lines.append(b"MIME-Version: 1.0\r\n")
    if entity.content.is_text and not block.has(b"content-type"):
        lines.append(b"Content-Type: text/plain; charset=%b\r\n" % _charset(message, entity).encode())
    lines.append(f"Content-Transfer-Encoding: {encoding}\r\n".encode())
    return b"".join(line if line.endswith(b"\n") else line + b"\r\n" for line in lines) + b"\r\n"


def _charset(message: Octets, entity: Entity) -> str:
    try:
        message[entity.body_start : min(entity.end, entity.body_start + WINDOW)].decode()
    except UnicodeDecodeError as fault:
        return "utf-8" if fault.reason == "unexpected end of data" else UNKNOWN_CHARSET
    return "utf-8"


def _header(message: Octets, entity: Entity) -> bytes:
    return message[entity.header_start : entity.body_start]


def _lineage(entity: Entity) -> Iterator[Entity]:
    above = entity.parent
    while above is not None:
        yield above
        above = above.parent


def _is_inside_message(entity: Entity) -> bool:
    return any(above.content.embeds for above in _lineage(entity))


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield base64.encodebytes(piece).replace(b"\n", b"\r\n")


def _quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut at line ends where there are any, so that no line end is ever encoded as octets."""
    held = b""
    for piece in pieces:
        data = held + piece
        cut = data.rfind(b"\n") + 1 or (len(data) - 1 if len(data) > WINDOW else 0)
        held = data[cut:]
        if cut:
            yield _quoted(data[:cut])
    if held:
        yield _quoted(held).removesuffix(b"=\r\n")


def _quoted(data: bytes) -> bytes:
    encoded = binascii.b2a_qp(data, istext=True).replace(b"\r\n", b"\n").replace(b"\r", b"=0D").replace(b"\n", b"\r\n")
    return encoded if data.endswith(b"\n") else encoded + b"=\r\n"


_ENCODERS: dict[str, Encode] = {"base64": _base64, "quoted-printable": _quoted_printable}

# 8-bit octets in a part that says it is encoded: what they mean there, if anything.
_REPAIRS: dict[str, Callable[[bytes], bytes]] = {
    "quoted-printable": lambda piece: _HIGH.sub(lambda octet: b"=%02X" % ord(octet[0]), piece),
    "base64": lambda piece: piece.translate(None, _NOT_ASCII),
}
