"""Members of collections: calendar objects and vCards, octet for octet as they were sent.

Each change takes a number of its own, so that a list of changes can be cut after any of them; what is removed
leaves a tombstone. Lists come from an index that holds all of a member but its data.
"""

import builtins
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from mailserver.store import change_numbers, collections
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx, Value

PIECE = 500  # members of one query that reads data


class Member(msgspec.Struct, frozen=True, gc=False):
    """A struct of msgspec's, because a list has ten thousand."""

    id: int
    collection_id: int
    href: str  # the segment, decoded
    uid: str
    etag: str  # without quotes; digest of the octets
    modseq: int
    size: int  # octets
    component: str  # VEVENT, VTODO, VJOURNAL, VFREEBUSY, VCARD
    schedule_tag: str | None  # without quotes
    created_ms: int
    changed_ms: int  # epoch


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be stored. `columns`: of DERIVED; those that are not given become NULL (0 for all_day)."""

    data: bytes  # UTF-8, but for folds inside a character
    etag: str  # of etag_of(data)
    uid: str
    component: str
    columns: Mapping[str, Value] = field(default_factory=dict)
    schedule_tag: str | None = None


DERIVED: Mapping[Family, tuple[str, ...]] = {
    Family.CALENDARS: (
        "summary", "description", "location", "start_time", "end_time", "all_day", "recurrence_rule",
    ),
    Family.ADDRESSBOOKS: (
        "full_name", "given_name", "family_name", "nickname", "emails", "phones", "organization", "search_text",
        "birthday", "anniversary",
    ),
}  # fmt: skip


def etag_of(data: bytes) -> str:
    """Strong: the same octets, and only they, have the same one."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def find(rx: Rx, collection: Collection, href: str) -> Member | None:
    row = rx.one(f"{_select(collection)} AND href = ?", collection.id, href)
    return Member(*row) if row else None


def find_by_uid(rx: Rx, collection: Collection, uid: str) -> Member | None:
    row = rx.one(f"{_select(collection)} AND uid = ?", collection.id, uid)
    return Member(*row) if row else None


def find_by_id(rx: Rx, family: Family, member_id: int) -> Member | None:
    """Whoever asks has looked for the right to it."""
    row = rx.one(f"SELECT {_columns(family)} FROM {family.members} WHERE id = ?", member_id)
    return Member(*row) if row else None


def list(rx: Rx, collection: Collection) -> builtins.list[Member]:
    """In the order of their last changes."""
    rows = rx.all(f"{_select(collection)} AND href IS NOT NULL ORDER BY modseq", collection.id)
    return [Member(*row) for row in rows]


def list_etags(rx: Rx, collection: Collection) -> builtins.list[tuple[str, str]]:
    """(href, etag) of each, and nothing else: what most PROPFINDs of a whole collection want."""
    return rx.all(
        f"SELECT href, etag FROM {collection.family.members} WHERE {collection.family.parent} = ? "
        "AND href IS NOT NULL ORDER BY modseq",
        collection.id,
    )


def list_changed(rx: Rx, collection: Collection, after: int, limit: int) -> builtins.list[Member]:
    """At most `limit` of those with a number above `after`, by number."""
    rows = rx.all(
        f"{_select(collection)} AND modseq > ? AND href IS NOT NULL ORDER BY modseq LIMIT ?",
        collection.id,
        after,
        limit,
    )
    return [Member(*row) for row in rows]


def list_numbered(rx: Rx, collection: Collection, modseq: int) -> builtins.list[Member]:
    """All with this number: one, unless another program wrote them."""
    rows = rx.all(f"{_select(collection)} AND modseq = ? AND href IS NOT NULL", collection.id, modseq)
    return [Member(*row) for row in rows]


def data(rx: Rx, family: Family, member_id: int) -> bytes:
    """Raises LookupError where it is gone."""
    row = rx.one(f"SELECT CAST({family.data} AS BLOB) FROM {family.members} WHERE id = ?", member_id)
    if row is None:
        raise LookupError(f"no member {member_id} of {family}")
    return bytes(row[0])


def get_with_data(rx: Rx, collection: Collection, href: str) -> tuple[Member, bytes] | None:
    found = list_with_data(rx, collection, [href])
    return found[0] if found else None


def list_with_data(rx: Rx, collection: Collection, hrefs: Sequence[str]) -> builtins.list[tuple[Member, bytes]]:
    """Those that are there of at most PIECE hrefs, in no order."""
    rows = rx.all(
        f"""SELECT {_columns(collection.family)}, CAST({collection.family.data} AS BLOB)
            FROM {collection.family.members}
            WHERE {collection.family.parent} = ? AND href IN (SELECT value FROM json_each(?))""",
        collection.id,
        json.dumps(hrefs[:PIECE]),
    )
    return [(Member(*row[:-1]), row[-1]) for row in rows]


def list_ids(rx: Rx, collection: Collection, component: str | None = None) -> builtins.list[tuple[int, str]]:
    """(id, uid) in the order of their last changes; of one type, or of all."""
    rows = rx.all(
        f"SELECT id, uid, component FROM {collection.family.members} WHERE {collection.family.parent} = ? "
        "AND href IS NOT NULL ORDER BY modseq",
        collection.id,
    )
    return [(row[0], row[1]) for row in rows if component is None or row[2] == component]


def list_by_id(rx: Rx, collection: Collection, ids: Sequence[int]) -> builtins.list[Member]:
    """Those of at most PIECE ids that are in the collection, in no order."""
    rows = rx.all(
        f"SELECT {_columns(collection.family)} FROM {collection.family.members} WHERE {_of_ids(collection)}",
        json.dumps(ids[:PIECE]),
        collection.id,
    )
    return [Member(*row) for row in rows]


def list_by_id_with_data(rx: Rx, collection: Collection, ids: Sequence[int]) -> builtins.list[tuple[Member, bytes]]:
    """As `list_by_id`."""
    family = collection.family
    rows = rx.all(
        f"""SELECT {_columns(family)}, CAST({family.data} AS BLOB) FROM {family.members}
            WHERE {_of_ids(collection)}""",
        json.dumps(ids[:PIECE]),
        collection.id,
    )
    return [(Member(*row[:-1]), row[-1]) for row in rows]


def _of_ids(collection: Collection) -> str:
    """The "+" keeps SQLite from walking through the whole collection to look for a few ids."""
    return f"id IN (SELECT value FROM json_each(?)) AND +{collection.family.parent} = ? AND href IS NOT NULL"


def add(tx: Tx, collection: Collection, href: str, draft: Draft) -> Member:
    """Under an href and with a UID that are free in the collection."""
    family, modseq = collection.family, change_numbers.take(tx, collection.user_id)
    columns = _written(tx, family, draft, modseq) | {
        family.parent: collection.id,
        "href": href,
        "created_ms": tx.now_ms,
        "created_at": tx.now,
    }
    member_id = tx.insert(
        f"INSERT INTO {family.members} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        *columns.values(),
    )
    collections.touch(tx, collection, modseq, members=1, octets=len(draft.data))
    return _member(member_id, collection.id, href, draft, modseq, tx.now_ms, tx.now_ms)


def replace(tx: Tx, collection: Collection, member: Member, draft: Draft) -> Member:
    """Other octets at the same href."""
    family, modseq = collection.family, change_numbers.take(tx, collection.user_id)
    columns = _written(tx, family, draft, modseq)
    tx.run(
        f"UPDATE {family.members} SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
        *columns.values(),
        member.id,
    )
    collections.touch(tx, collection, modseq, octets=len(draft.data) - member.size)
    return _member(member.id, collection.id, member.href, draft, modseq, member.created_ms, tx.now_ms)


def remove(tx: Tx, collection: Collection, member: Member) -> int:
    """Returns the change number."""
    tx.run(f"DELETE FROM {collection.family.members} WHERE id = ?", member.id)
    return _gone(tx, collection, member)


def move(tx: Tx, source: Collection, member: Member, target: Collection, href: str) -> Member:
    """Everything noted about it goes with it. The href and the UID are free in the target."""
    _gone(tx, source, member)
    modseq = change_numbers.take(tx, target.user_id)
    tx.run(
        f"UPDATE {target.family.members} SET {target.family.parent} = ?, href = ?, modseq = ? WHERE id = ?",
        target.id,
        href,
        modseq,
        member.id,
    )
    collections.touch(tx, target, modseq, members=1, octets=member.size)
    return msgspec.structs.replace(member, collection_id=target.id, href=href, modseq=modseq)


def _gone(tx: Tx, collection: Collection, member: Member) -> int:
    modseq = change_numbers.take(tx, collection.user_id)
    tx.run(
        """INSERT INTO dav_removed (family, collection_id, href, modseq, removed_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET modseq = excluded.modseq, removed_at = excluded.removed_at""",
        collection.family,
        collection.id,
        member.href,
        modseq,
        tx.now_ms,
    )
    collections.touch(tx, collection, modseq, members=-1, octets=-member.size)
    return modseq


def _text(data: bytes) -> Value:
    """TEXT, so that people can read the table; a BLOB where a fold stands inside a character, RFC 5545 §3.1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _written(tx: Tx, family: Family, draft: Draft, modseq: int) -> dict[str, Value]:
    """Columns that a draft fills, whether the member is new or not."""
    derived = DERIVED[family]
    if not set(derived).issuperset(draft.columns):
        raise LookupError(f"not derived columns of {family.members}: {sorted(draft.columns)}")
    columns: dict[str, Value] = {name: draft.columns.get(name) for name in derived}
    if family is Family.CALENDARS:
        columns["all_day"] = int(bool(columns["all_day"]))
    return columns | {
        family.data: _text(draft.data),
        "etag": draft.etag,
        "uid": draft.uid,
        "component": draft.component,
        "schedule_tag": draft.schedule_tag,
        "size": len(draft.data),
        "modseq": modseq,
        "changed_ms": tx.now_ms,
        "updated_at": tx.now,
    }


def _member(
    member_id: int, collection_id: int, href: str, draft: Draft, modseq: int, created_ms: int, changed_ms: int
) -> Member:
    return Member(
        member_id,
        collection_id,
        href,
        draft.uid,
        draft.etag,
        modseq,
        len(draft.data),
        draft.component,
        draft.schedule_tag,
        created_ms,
        changed_ms,
    )


def _columns(family: Family) -> str:
    return f"""id, {family.parent}, href, uid, etag, modseq, size, component, schedule_tag, created_ms, changed_ms"""


def _select(collection: Collection) -> str:
    family = collection.family
    return f"SELECT {_columns(family)} FROM {family.members} WHERE {family.parent} = ?"
