"""Everything the store keeps about a message, found in one go when it arrives."""

import mmap
from collections.abc import Sequence

import msgspec

from mailserver.mail import addresses, body_structure, dates, encoded_words, envelope, parameters
from mailserver.mail.detail import MessageDetail, Part
from mailserver.mail.message_ids import message_id, message_ids
from mailserver.mail.octets import Octets, octets_of
from mailserver.mail.scanner import Entity, scan
from mailserver.mail.subjects import base_subject
from mailserver.mail.text import preview

MAX_SUBJECT_OCTETS = 8 * 1024  # of a subject that are decoded
MAX_NAME_OCTETS = 1024  # of a display name or file name
MAX_CHARSET = 60

_SIGNATURES = frozenset(
    (b"application/pgp-signature", b"application/pkcs7-signature", b"application/x-pkcs7-signature")
)
_Row = tuple[str, int, int, int, int, str, str, str, str]
_decoder = msgspec.msgpack.Decoder(tuple[_Row, ...])


def describe(message: bytes | mmap.mmap) -> MessageDetail:
    """Never raises on any octets, linear in them. A mapped file is read in windows, never whole."""
    octets = octets_of(message)
    entities = scan(octets)
    lines = _line_counts(octets, entities)
    root = entities[0]
    header = root.header
    who = envelope.read(header)
    body, structure = body_structure.render(entities, lines)
    files = [_Disposition(entity) for entity in entities]
    parts = [_part(entity, count, file) for entity, count, file in zip(entities, lines, files, strict=True)]
    senders = addresses.mailboxes(who.from_)
    recipients = addresses.mailboxes([*who.to, *who.cc])
    sent = dates.parse(header.get(b"date"))
    subject = encoded_words.decode(header.get(b"subject")[:MAX_SUBJECT_OCTETS])
    return MessageDetail(
        size=len(octets),
        header_octets=root.body_start,
        envelope=envelope.render(who),
        body=body,
        body_structure=structure,
        parts=tuple(parts),
        header_fields=header.kept(),
        preview=preview(octets, [part for part, file in zip(parts, files, strict=True) if not file.attached]),
        has_attachment=any(map(_is_attachment, entities, files)),
        message_id=message_id(header.get(b"message-id")),
        subject=subject,
        from_address=_addr_specs(senders[:1])[0] if senders else "",
        from_name=encoded_words.decode(senders[0].name[:MAX_NAME_OCTETS]) if senders else "",
        to_addresses=tuple(filter(None, _addr_specs(recipients))),
        in_reply_to=message_id(header.get(b"in-reply-to")),
        references=message_ids(header.get(b"references")),
        base_subject=base_subject(subject),
        sent_at=sent[0] if sent else None,
        sent_zone=sent[1] if sent else 0,
    )


def encode_parts(parts: Sequence[Part]) -> bytes:
    """The stored form of `MessageDetail.parts`."""
    return msgspec.msgpack.encode([_row(part) for part in parts])


def decode_parts(stored: bytes) -> tuple[Part, ...]:
    """What encode_parts was given. Raises msgspec.DecodeError on anything it did not make."""
    return tuple([Part(*row) for row in _decoder.decode(stored)])


def _row(part: Part) -> _Row:
    return (
        part.number, part.header_start, part.body_start, part.end, part.lines,
        part.media_type, part.charset, part.encoding, part.filename,
    )  # fmt: skip


class _Disposition:
    """Content-Disposition and the file name, which may also stand in Content-Type. RFC 2183."""

    __slots__ = ("attached", "filename", "inline")

    def __init__(self, entity: Entity) -> None:
        field = entity.header.get(b"content-disposition") if entity.parent else b""
        value, found = parameters.parse(field) if field else (b"", parameters.NOTHING)
        self.attached = value == b"attachment"
        self.inline = value == b"inline"
        name = encoded_words.parameter(found, b"filename") if found else ""
        self.filename = name or (encoded_words.parameter(entity.parameters, b"name") if entity.parameters else "")


def _part(entity: Entity, lines: int, file: _Disposition) -> Part:
    return Part(
        entity.number,
        entity.header_start,
        entity.body_start,
        entity.end,
        lines,
        entity.media_type.decode("utf-8", "replace"),
        _charset(entity),
        entity.encoding.decode("utf-8", "replace"),
        file.filename[:MAX_NAME_OCTETS],
    )


def _charset(entity: Entity) -> str:
    charset = entity.parameters.get(b"charset", b"")
    return charset.strip(b" '\t").lower().decode("utf-8", "replace") if len(charset) <= MAX_CHARSET else ""


def _line_counts(octets: Octets, entities: Sequence[Entity]) -> list[int]:
    """Line ends in the bodies of text parts and embedded messages, which is where IMAP tells them; 0 for others.

    Embedded messages lie inside one another: each stretch of octets is counted once and the counts are summed up.
    """
    if not any(entity.embeds for entity in entities):
        text = [entity.media_type.startswith(b"text/") for entity in entities]
        return [
            octets.count(b"\n", e.body_start, e.end) if counts else 0 for e, counts in zip(entities, text, strict=True)
        ]
    counted = [entity for entity in entities if entity.embeds or entity.media_type.startswith(b"text/")]
    edges = sorted({edge for entity in counted for edge in (entity.body_start, entity.end)})
    before, total, last = {}, 0, 0
    for edge in edges:
        total += octets.count(b"\n", last, edge)
        before[edge], last = total, edge
    wanted = set(map(id, counted))
    return [before[e.end] - before[e.body_start] if id(e) in wanted else 0 for e in entities]


def _is_attachment(entity: Entity, file: _Disposition) -> bool:
    """What a person would call one: not the text, not pictures shown in it, not signatures, not delivery reports."""
    parent = entity.parent
    if parent is None:
        return not entity.media_type.startswith((b"text/", b"multipart/"))
    if parent.embeds or (entity.children and not entity.embeds):
        return False  # the message's own body, or a multipart
    if file.attached:
        return True
    if entity.media_type in _SIGNATURES or parent.media_type == b"multipart/report":
        return False
    if entity.media_type.startswith(b"text/"):
        return bool(file.filename)
    shown = parent.media_type == b"multipart/related" or file.inline
    return not (shown and entity.header.get(b"content-id"))


def _addr_specs(mailboxes: Sequence[addresses.Address]) -> list[str]:
    return [addresses.addr_spec(mailbox).decode("utf-8", "replace") for mailbox in mailboxes]
