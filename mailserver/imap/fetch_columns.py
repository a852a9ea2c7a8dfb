"""FETCH items that need no message file: one function per item, from a chunk of messages to its column of octets.

An extension's item is a function and a row. Everything comes from the mailbox's index or was rendered when the
message was stored; a chunk of 256 lines takes about a millisecond.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailserver.imap.view import View
from mailserver.imap.wire import object_ids, writer
from mailserver.imap.wire.fetch_items import Attribute, BodySection, FetchItem, SectionText
from mailserver.mail import downgrade, headers
from mailserver.mailboxes.values import Detail, StoredDetail

DAY_SECONDS = 86_400
MAX_DAYS = 4096  # kept as text

NOTHING = Detail(0)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages that are there, in parallel sequences; the details only where a column asked for them."""

    view: View
    numbers: Sequence[int]
    uids: Sequence[int]
    positions: Sequence[int]  # in the columns of the index
    details: Sequence[StoredDetail]
    utf8: bool = False  # the client reads UTF-8 in quoted strings, RFC 6855


@dataclass(frozen=True, slots=True)
class Column:
    """What it renders depends on the message alone: its contents and, where `volatile`, its flags."""

    render: Callable[[Chunk], list[bytes]]
    details: Detail = NOTHING
    volatile: bool = False


def column_of(item: FetchItem) -> Column | None:
    """None for what must be read from the file."""
    if isinstance(item, Attribute):
        return _COLUMNS[item]
    if isinstance(item, BodySection) and _is_kept(item):
        return Column(lambda chunk: _kept_fields(chunk, item), Detail.HEADER_FIELDS)
    return None


def lines(chunk: Chunk, columns: Sequence[Column]) -> list[bytes]:
    """`* n FETCH (…)` without the closing parenthesis and line end."""
    rendered = [column.render(chunk) for column in columns]
    form, numbers = _form(chunk)
    if len(rendered) == 1:
        return [form % pair for pair in zip(numbers, rendered[0], strict=True)]
    rows = zip(*rendered, strict=True)
    return [form % (number, b" ".join(row)) for number, row in zip(numbers, rows, strict=True)]


def _form(chunk: Chunk) -> tuple[bytes, Sequence[int]]:
    """UIDFETCH names messages by UID, RFC 9586 §3.3."""
    if chunk.view.manner.uid_only:
        return b"* %d UIDFETCH (%b", chunk.uids
    return b"* %d FETCH (%b", chunk.numbers


# ---- from the index ----


def _uid(chunk: Chunk) -> list[bytes]:
    return [b"UID %d" % uid for uid in chunk.uids]


def _flags(chunk: Chunk) -> list[bytes]:
    flags = chunk.view.index.flags
    if not chunk.view.has_recent:
        return [b"FLAGS (%b)" % flags[position].wire for position in chunk.positions]
    wire = chunk.view.flags_wire
    return [
        b"FLAGS (%b)" % wire(uid, flags[position]) for uid, position in zip(chunk.uids, chunk.positions, strict=True)
    ]


def _modseq(chunk: Chunk) -> list[bytes]:
    modseqs = chunk.view.index.modseqs
    return [b"MODSEQ (%d)" % modseqs[position] for position in chunk.positions]


def _internal_date(chunk: Chunk) -> list[bytes]:
    dates = chunk.view.index.internal_dates
    return [b"INTERNALDATE " + _date_time(dates[position]) for position in chunk.positions]


def _date_time(epoch_seconds: int) -> bytes:
    """As writer.date_time, with the day's text kept: most messages of a chunk share a few days."""
    day, second = divmod(epoch_seconds, DAY_SECONDS)
    return b'%b%02d:%02d:%02d +0000"' % (_day(day), second // 3600, second // 60 % 60, second % 60)


@lru_cache(MAX_DAYS)
def _day(day: int) -> bytes:
    return writer.date_time(day * DAY_SECONDS)[: len('"01-Jan-1970 ')]


def _size(chunk: Chunk) -> list[bytes]:
    sizes = chunk.view.index.sizes
    return [b"RFC822.SIZE %d" % sizes[position] for position in chunk.positions]


def _email_id(chunk: Chunk) -> list[bytes]:
    contents = chunk.view.index.content_ids
    return [
        b"EMAILID (%b)"
        % (object_ids.email_id(content) if (content := contents[position]) else _undescribed(chunk, uid))
        for uid, position in zip(chunk.uids, chunk.positions, strict=True)
    ]


def _undescribed(chunk: Chunk, uid: int) -> bytes:
    """Of a message that came with an older version and whose content nobody has read since: its own name."""
    return b"U%d-%d" % (chunk.view.index.mailbox.uidvalidity, uid)


def _thread_id(chunk: Chunk) -> list[bytes]:
    threads = (chunk.view.index.thread_ids[position] for position in chunk.positions)
    return [b"THREADID (%b)" % object_ids.thread_id(thread) if thread else b"THREADID NIL" for thread in threads]


def _save_date(chunk: Chunk) -> list[bytes]:
    dates = chunk.view.index.save_dates
    return [b"SAVEDATE " + _date_time(dates[position]) for position in chunk.positions]


# ---- from what was kept when the message was stored ----


def _envelope(chunk: Chunk) -> list[bytes]:
    """What is not ASCII in it, only clients that enabled UTF-8 are shown as it is."""
    if chunk.utf8:
        return [b"ENVELOPE " + detail.envelope for detail in chunk.details]
    return [b"ENVELOPE " + downgrade.envelope(detail.envelope) for detail in chunk.details]


def _body(chunk: Chunk) -> list[bytes]:
    if chunk.utf8:
        return [b"BODY " + detail.body for detail in chunk.details]
    return [b"BODY " + downgrade.body_structure(detail.body) for detail in chunk.details]


def _body_structure(chunk: Chunk) -> list[bytes]:
    if chunk.utf8:
        return [b"BODYSTRUCTURE " + detail.body_structure for detail in chunk.details]
    return [b"BODYSTRUCTURE " + downgrade.body_structure(detail.body_structure) for detail in chunk.details]


def _preview(chunk: Chunk) -> list[bytes]:
    """UTF-8, which is quoted only to clients that enabled it."""
    return [b"PREVIEW " + writer.text_string(detail.preview, utf8=chunk.utf8) for detail in chunk.details]


def _is_kept(item: BodySection) -> bool:
    section = item.section
    return section.text is SectionText.HEADER_FIELDS and not section.part and headers.kept_covers(section.fields)


def _kept_fields(chunk: Chunk, item: BodySection) -> list[bytes]:
    name, choose, partial = item.wire, headers.chooser(item.section.fields), item.partial
    column = []
    for detail in chunk.details:
        octets = choose(detail.header_fields)
        if partial is not None:
            octets = octets[partial.start : partial.start + partial.octets]
        column.append(b"%b {%d}\r\n%b" % (name, len(octets), octets))
    return column


_COLUMNS = {
    Attribute.UID: Column(_uid),
    Attribute.FLAGS: Column(_flags, volatile=True),
    Attribute.MODSEQ: Column(_modseq, volatile=True),
    Attribute.INTERNALDATE: Column(_internal_date),
    Attribute.RFC822_SIZE: Column(_size),
    Attribute.ENVELOPE: Column(_envelope, Detail.ENVELOPE),
    Attribute.BODY: Column(_body, Detail.BODY),
    Attribute.BODYSTRUCTURE: Column(_body_structure, Detail.BODY_STRUCTURE),
    Attribute.EMAILID: Column(_email_id),
    Attribute.THREADID: Column(_thread_id),
    Attribute.SAVEDATE: Column(_save_date),
    Attribute.PREVIEW: Column(_preview, Detail.PREVIEW),
}
