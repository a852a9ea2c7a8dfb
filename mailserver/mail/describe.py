"""Everything the store keeps about a message, found in one go when it arrives."""

import mmap
from collections.abc import Sequence

import msgspec

from mailserver.mail import body_structure, dates, encoded_words, envelope
from mailserver.mail.detail import MessageDetail, Part
from mailserver.mail.message_ids import message_id, message_ids
from mailserver.mail.octets import Octets, octets_of
from mailserver.mail.preview import preview
from mailserver.mail.scanner import Entity, scan
from mailserver.mail.subjects import base_subject

MAX_SUBJECT_OCTETS = 8 * 1024  # of a subject that are decoded
MAX_NAME_CHARACTERS = 1024  # of a file name

_SIGNATURES = frozenset(
    (b"application/pgp-signature", b"application/pkcs7-signature", b"application/x-pkcs7-signature")
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Part, ...])


def describe(message: bytes | mmap.mmap) -> MessageDetail:
    """Never raises on any octets, linear in them. A mapped file is read in windows, never letterle."""
    octets = octets_of(message)
    entities = scan(octets)
    lines = _line_counts(octets, entities)
    header = entities[0].header
    letter = envelope.read(header)
    body, structure = body_structure.render(entities, lines)
    parts = tuple(map(_part, entities, lines))
    sent_at, sent_zone = dates.parse(letter.date) or (None, 0)
    subject = encoded_words.decode(letter.subject[:MAX_SUBJECT_OCTETS])
    return MessageDetail(
        size=len(octets),
        header_octets=parts[0].body_start,
        envelope=letter.imap,
        body=body,
        body_structure=structure,
        parts=parts,
        header_fields=header.kept(),
        preview=preview(octets, [part for part, e in zip(parts, entities, strict=True) if not _is_attached(e)]),
        has_attachment=any(map(_is_attachment, entities, parts)),
        message_id=message_id(letter.message_id),
        subject=subject,
        from_address=letter.from_.addr_specs[0] if letter.from_.addr_specs else "",
        from_name=letter.from_.name,
        to_addresses=tuple(filter(None, letter.to.addr_specs + letter.cc.addr_specs)),
        in_reply_to=message_id(letter.in_reply_to),
        references=message_ids(header.get(b"references")),
        base_subject=base_subject(subject),
        sent_at=sent_at,
        sent_zone=sent_zone,
    )


def encode_parts(parts: Sequence[Part]) -> bytes:
    """The stored form of `MessageDetail.parts`."""
    return _encoder.encode(parts)


def decode_parts(stored: bytes) -> tuple[Part, ...]:
    """What encode_parts was given. Raises msgspec.DecodeError on anything it did not make."""
    return _decoder.decode(stored)


def _part(entity: Entity, lines: int) -> Part:
    content = entity.content
    return Part(
        entity.number,
        entity.header_start,
        entity.body_start,
        entity.end,
        lines,
        content.name,
        content.charset,
        entity.encoding.name,
        _filename(entity),
    )


def _filename(entity: Entity) -> str:
    """Decoded, from Content-Disposition or Content-Type; the message's own disposition means nothing. RFC 2183."""
    _, found = entity.disposition
    name = encoded_words.parameter(found, b"filename") if found and entity.parent else ""
    return (name or entity.content.filename)[:MAX_NAME_CHARACTERS]


def _line_counts(octets: Octets, entities: Sequence[Entity]) -> list[int]:
    """Line ends in the bodies of text parts and embedded messages, which is where IMAP tells them; 0 for others.

    Embedded messages lie inside one another: each stretch of octets is counted once and the counts are summed up.
    """
    if not any(entity.content.embeds for entity in entities):
        return [octets.count(b"\n", e.body_start, e.end) if e.content.is_text else 0 for e in entities]
    counted = [entity for entity in entities if entity.content.embeds or entity.content.is_text]
    edges = sorted({edge for entity in counted for edge in (entity.body_start, entity.end)})
    before, total, last = {}, 0, 0
    for edge in edges:
        total += octets.count(b"\n", last, edge)
        before[edge], last = total, edge
    wanted = set(map(id, counted))
    return [before[e.end] - before[e.body_start] if id(e) in wanted else 0 for e in entities]


def _is_attached(entity: Entity) -> bool:
    """Whether the sender wants it beside the message, not in it."""
    return entity.parent is not None and entity.disposition[0] == b"attachment"


def _is_attachment(entity: Entity, part: Part) -> bool:
    """What a person would call one: not the text, not pictures shown in it, not signatures, not delivery reports."""
    parent, content = entity.parent, entity.content
    if parent is None:
        return not (content.is_text or content.is_multipart)
    if parent.content.embeds or (entity.children and not content.embeds):
        return False  # the message's own body, or a multipart
    if _is_attached(entity):
        return True
    if content.media_type in _SIGNATURES or parent.content.media_type == b"multipart/report":
        return False
    if content.is_text:
        return bool(part.filename)
    shown = parent.content.media_type == b"multipart/related" or entity.disposition[0] == b"inline"
    return not (shown and entity.header.get(b"content-id"))
