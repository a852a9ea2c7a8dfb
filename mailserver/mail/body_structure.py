"""IMAP BODY and BODYSTRUCTURE, rendered once and stored. RFC 9051 §7.5.2, RFC 3501 §7.4.2."""

from collections.abc import Sequence

from mailserver.mail import envelope
from mailserver.mail.imap_strings import NIL, nstring, nstrings, parenthesized, string
from mailserver.mail.mime_fields import imap_parameters
from mailserver.mail.scanner import Entity

MAX_LANGUAGES = 100

_IDENTITY = (b"content-id", b"content-description")
_EXTENSION = (b"content-disposition", b"content-language", b"content-location")

_Pair = tuple[bytes, bytes]  # BODY, BODYSTRUCTURE


def render(entities: Sequence[Entity], lines: Sequence[int]) -> _Pair:
    """BODY and BODYSTRUCTURE of the first of the entities, which are depth first; `lines` are those of their bodies.

    Children come after their parents, so going backwards finds every child rendered.
    """
    rendered: dict[int, _Pair] = {}
    for entity, count in zip(reversed(entities), reversed(lines), strict=True):
        if entity.content.embeds:
            pair = _message(entity, count, rendered.pop(id(entity.children[0])))
        elif entity.children:
            pair = _multipart(entity, [rendered.pop(id(child)) for child in entity.children])
        else:
            pair = _leaf(entity, count)
        rendered[id(entity)] = pair
    return rendered[id(entities[0])]


def _multipart(entity: Entity, children: list[_Pair]) -> _Pair:
    content = entity.content
    body = b"(%b %b)" % (b"".join([child for child, _ in children]), content.imap_subtype)
    structures = b"".join([structure for _, structure in children])
    return body, b"(%b %b %b %b)" % (structures, content.imap_subtype, content.imap_parameters, _extension(entity))


def _message(entity: Entity, lines: int, embedded: _Pair) -> _Pair:
    fields = _fields(entity)
    inner = envelope.read(entity.children[0].header).imap
    body = b"%b %b %b %d" % (fields, inner, embedded[0], lines)
    structure = b"%b %b %b %d" % (fields, inner, embedded[1], lines)
    return b"(%b)" % body, b"(%b %b %b)" % (structure, _md5(entity), _extension(entity))


def _leaf(entity: Entity, lines: int) -> _Pair:
    fields = _fields(entity)
    if entity.content.is_text:
        fields = b"%b %d" % (fields, lines)
    return b"(%b)" % fields, b"(%b %b %b)" % (fields, _md5(entity), _extension(entity))


def _fields(entity: Entity) -> bytes:
    """type subtype params id description encoding octets"""
    content, header = entity.content, entity.header
    return b"%b %b %b %b %d" % (
        content.imap_type,
        content.imap_parameters,
        b"NIL NIL" if header.lacks(_IDENTITY) else b" ".join(nstrings(*map(header.get, _IDENTITY))),
        entity.encoding.imap,
        entity.end - entity.body_start,
    )


def _md5(entity: Entity) -> bytes:
    return nstring(entity.header.get(b"content-md5"))


def _extension(entity: Entity) -> bytes:
    """disposition language location"""
    header = entity.header
    if header.lacks(_EXTENSION):
        return b"NIL NIL NIL"
    value, found = entity.disposition
    disposition = b"(%b %b)" % (string(value), imap_parameters(found)) if value else NIL
    language, location = header.get(b"content-language"), header.get(b"content-location")
    return b"%b %b %b" % (disposition, _languages(language), nstring(location))


def _languages(field: bytes) -> bytes:
    tags = [tag for tag in (piece.strip() for piece in field.split(b",", MAX_LANGUAGES)[:MAX_LANGUAGES]) if tag]
    return string(tags[0]) if len(tags) == 1 else parenthesized(map(string, tags))
