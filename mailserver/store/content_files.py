"""Contents with the file that has them, for whoever reads all messages once: the text index."""

import builtins
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.database import Row, Rx, Value
from mailserver.store.messages import Location


@dataclass(frozen=True, slots=True)
class Unread:
    """What is needed to read a content's message once more."""

    id: int
    size: int  # octets
    header_octets: int
    parts: bytes  # describe.decode_parts reads them
    location: Location | None  # None where no message has this content


def list_after(rx: Rx, content_id: int, limit: int) -> builtins.list[Unread]:
    """The next ones by id: ids only ever grow, so whoever has read up to one has missed nothing before it."""
    return _list(rx, "c.id > ? ORDER BY c.id LIMIT ?", content_id, limit)


def list_these(rx: Rx, ids: Sequence[int]) -> builtins.list[Unread]:
    """Those of them that exist, by id."""
    return _list(rx, "c.id IN (SELECT value FROM json_each(?)) ORDER BY c.id", json.dumps([*ids]))


def list_in(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> builtins.list[tuple[int, Unread]]:
    """(UID, what its message is read with) of those of these messages that exist, by uid."""
    rows = rx.all(
        """SELECT c.id, c.size, c.header_octets, c.parts, u.maildir, b.directory, m.maildir_key, m.name_flags, m.uid
           FROM messages m JOIN contents c ON c.id = m.content_id
           JOIN mailboxes b ON b.id = m.mailbox_id JOIN users u ON u.id = b.user_id
           WHERE m.mailbox_id = ? AND m.uid IN (SELECT value FROM json_each(?)) ORDER BY m.uid""",
        mailbox_id,
        json.dumps([*uids]),
    )
    return [(row[8], _unread(row)) for row in rows]


def existing(rx: Rx, ids: Sequence[int]) -> set[int]:
    rows = rx.all("SELECT id FROM contents WHERE id IN (SELECT value FROM json_each(?))", json.dumps([*ids]))
    return {row[0] for row in rows}


def ids_until(rx: Rx, content_id: int) -> builtins.list[int]:
    """Of contents that messages have, up to this one, by id."""
    rows = rx.all(
        """SELECT id FROM contents c WHERE id <= ? AND EXISTS (SELECT 1 FROM messages WHERE content_id = c.id)
           ORDER BY id""",
        content_id,
    )
    return [row[0] for row in rows]


def last_id(rx: Rx) -> int:
    """The greatest id ever given; 0 where none was."""
    row = rx.one("SELECT seq FROM sqlite_sequence WHERE name = 'contents'")
    return int(row[0]) if row else 0


def count_after(rx: Rx, content_id: int) -> int:
    row = rx.one("SELECT count(*) FROM contents WHERE id > ?", content_id)
    return int(row[0]) if row else 0


def _list(rx: Rx, which: str, *params: Value) -> builtins.list[Unread]:
    rows = rx.all(
        f"""SELECT c.id, c.size, c.header_octets, c.parts, u.maildir, b.directory, m.maildir_key, m.name_flags
            FROM contents c LEFT JOIN messages m ON m.id = (SELECT min(id) FROM messages WHERE content_id = c.id)
            LEFT JOIN mailboxes b ON b.id = m.mailbox_id LEFT JOIN users u ON u.id = b.user_id WHERE {which}""",
        *params,
    )
    return [_unread(row) for row in rows]


def _unread(row: Row) -> Unread:
    content_id, size, header_octets, parts, maildir, directory, key, letters = row[:8]
    folder = f"{maildir}/{directory}" if directory else maildir
    location = None if maildir is None else Location(folder, key, letters, size)
    return Unread(content_id, size, header_octets, parts, location)
