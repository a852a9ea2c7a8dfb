"""IMAP BODY and BODYSTRUCTURE, rendered once and stored. RFC 9051 §7.5.2, RFC 3501 §7.4.2."""

from collections.abc import Sequence

from mailserver.mail import envelope
from mailserver.mail.imap_strings import NIL, nstring, nstrings, parenthesized, string
from mailserver.mail.mime_fields import imap_parameters
from mailserver.mail.scanner import Entity

MAX_LANGUAGES = 100

_OPTIONAL = (
    *(b"content-id", b"content-description"),
    *(b"content-md5", b"content-disposition", b"content-language", b"content-location"),
)

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
    fields, extension = _fields(entity)
    inner = envelope.read(entity.children[0].header).imap
    body, structure = (b"%b %b %b %d" % (fields, inner, rendered, lines) for rendered in embedded)
    return b"(%b)" % body, b"(%b %b)" % (structure, extension)


def _leaf(entity: Entity, lines: int) -> _Pair:
    fields, extension = _fields(entity)
    if entity.content.is_text:
        fields = b"%b %d" % (fields, lines)
    return b"(%b)" % fields, b"(%b %b)" % (fields, extension)


def _fields(entity: Entity) -> _Pair:
    """(type subtype params id description encoding octets, md5 disposition language location)"""
    header, content = entity.header, entity.content
    identity, extension = b"NIL NIL", b"NIL NIL NIL NIL"
    if not header.lacks(_OPTIONAL):
        identity = b" ".join(nstrings(header.get(b"content-id"), header.get(b"content-description")))
        extension = b"%b %b" % (nstring(header.get(b"content-md5")), _extension(entity))
    octets = entity.end - entity.body_start
    types = content.imap_type, content.imap_parameters
    return b"%b %b %b %b %d" % (*types, identity, entity.encoding.imap, octets), extension


def _extension(entity: Entity) -> bytes:
    """disposition language location"""
    get = entity.header.get
    value, found = entity.disposition
    disposition = b"(%b %b)" % (string(value), imap_parameters(found)) if value else NIL
    return b"%b %b %b" % (disposition, _languages(get(b"content-language")), nstring(get(b"content-location")))


def _languages(field: bytes) -> bytes:
    if not field:
        return NIL
    tags = [tag for tag in (piece.strip() for piece in field.split(b",", MAX_LANGUAGES)[:MAX_LANGUAGES]) if tag]
    return string(tags[0]) if len(tags) == 1 else parenthesized(map(string, tags))
