"""What a FETCH sends of each message, in the order of its items: columns first, then octets of the file."""

from dataclasses import dataclass

from mailserver.imap import fetch_sections
from mailserver.imap.fetch_columns import NOTHING, Column, column_of
from mailserver.imap.wire.fetch_items import Attribute, BodySection, FetchItem, FileItem
from mailserver.mailboxes.values import Detail


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[FetchItem, ...]
    columns: tuple[Column, ...]
    sections: tuple[FileItem, ...]  # from the file, after the columns
    details: Detail
    tells_flags: bool
    tells_modseq: bool
    sets_seen: bool

    @classmethod
    def of(cls, items: tuple[FetchItem, ...]) -> "Plan":
        columns = tuple(column for item in items if (column := column_of(item)) is not None)
        sections = tuple(item for item in items if not isinstance(item, Attribute) and column_of(item) is None)
        details = Detail.PARTS if any(map(_needs_parts, sections)) else NOTHING
        for column in columns:
            details |= column.details
        sets_seen = any(not isinstance(item, Attribute) and not item.peek for item in items)
        return cls(items, columns, sections, details, Attribute.FLAGS in items, Attribute.MODSEQ in items, sets_seen)

    @property
    def volatile(self) -> bool:
        """Whether flags or change numbers are told."""
        return any(column.volatile for column in self.columns)

    @property
    def names(self) -> int:
        """Of header fields, as often as the client wrote them."""
        return sum(len(item.section.fields) for item in self.items if isinstance(item, BodySection))


def _needs_parts(item: FileItem) -> bool:
    return not isinstance(item, BodySection) or fetch_sections.needs_parts(item)
