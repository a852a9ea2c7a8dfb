"""IMAP BODY and BODYSTRUCTURE, rendered once and stored. RFC 9051 §7.5.2, RFC 3501 §7.4.2."""

from collections.abc import Sequence

from mailserver.mail import envelope, parameters
from mailserver.mail.imap_strings import NIL, nstring, parenthesized, string
from mailserver.mail.parameters import Parameters
from mailserver.mail.scanner import Entity

MAX_LANGUAGES = 100

_EXTENSION_FIELDS = frozenset((b"content-disposition", b"content-language", b"content-location"))

_Pair = tuple[bytes, bytes]  # BODY, BODYSTRUCTURE


def render(entities: Sequence[Entity], lines: Sequence[int]) -> _Pair:
    """BODY and BODYSTRUCTURE of the first of the entities, which are depth first; `lines` are those of their bodies.

    Children come after their parents, so going backwards finds every child rendered.
    """
    rendered: dict[int, _Pair] = {}
    for entity, count in zip(reversed(entities), reversed(lines), strict=True):
        if entity.embeds:
            pair = _message(entity, count, rendered.pop(id(entity.children[0])))
        elif entity.children:
            pair = _multipart(entity, [rendered.pop(id(child)) for child in entity.children])
        else:
            pair = _leaf(entity, count)
        rendered[id(entity)] = pair
    return rendered[id(entities[0])]


def _multipart(entity: Entity, children: list[_Pair]) -> _Pair:
    subtype = string(entity.media_type.partition(b"/")[2])
    body = b"(%b %b)" % (b"".join([child for child, _ in children]), subtype)
    structures = b"".join([structure for _, structure in children])
    extension = b"%b %b" % (_parameters(entity.parameters), _extension(entity))
    return body, b"(%b %b %b)" % (structures, subtype, extension)


def _message(entity: Entity, lines: int, embedded: _Pair) -> _Pair:
    fields = _fields(entity)
    inner = envelope.render(envelope.read(entity.children[0].header))
    body = b"%b %b %b %d" % (fields, inner, embedded[0], lines)
    structure = b"%b %b %b %d" % (fields, inner, embedded[1], lines)
    return b"(%b)" % body, b"(%b %b %b)" % (structure, _md5(entity), _extension(entity))


def _leaf(entity: Entity, lines: int) -> _Pair:
    fields = _fields(entity)
    if entity.media_type.startswith(b"text/"):
        fields = b"%b %d" % (fields, lines)
    return b"(%b)" % fields, b"(%b %b %b)" % (fields, _md5(entity), _extension(entity))


def _fields(entity: Entity) -> bytes:
    """type subtype params id description encoding octets"""
    media, _, subtype = entity.media_type.partition(b"/")
    found = entity.parameters
    if media == b"text" and b"charset" not in found and b"charset*" not in found:
        found = {b"charset": b"us-ascii"} | found  # the default of text, RFC 2046 §4.1.2, said aloud
    get = entity.header.get
    return b"%b %b %b %b %b %b %d" % (
        string(media),
        string(subtype),
        _parameters(found),
        nstring(get(b"content-id")),
        nstring(get(b"content-description")),
        string(entity.encoding),
        entity.end - entity.body_start,
    )


def _md5(entity: Entity) -> bytes:
    return nstring(entity.header.get(b"content-md5"))


def _extension(entity: Entity) -> bytes:
    """disposition language location"""
    if entity.header.lacks(_EXTENSION_FIELDS):
        return b"NIL NIL NIL"
    get = entity.header.get
    field = get(b"content-disposition")
    disposition, found = parameters.parse(field) if field else (b"", parameters.NOTHING)
    shown = b"(%b %b)" % (string(disposition), _parameters(found)) if disposition else NIL
    return b"%b %b %b" % (shown, _languages(get(b"content-language")), nstring(get(b"content-location")))


def _languages(field: bytes) -> bytes:
    tags = [tag for tag in (piece.strip() for piece in field.split(b",", MAX_LANGUAGES)[:MAX_LANGUAGES]) if tag]
    return string(tags[0]) if len(tags) == 1 else parenthesized(map(string, tags))


def _parameters(found: Parameters) -> bytes:
    if not found:
        return NIL
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in found.items()])
