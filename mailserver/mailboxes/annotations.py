"""GETMETADATA and SETMETADATA: what clients note about mailboxes and about the server. RFC 5464.

/private entries belong to one user, /shared ones to everybody who may see the mailbox. Entry names are compared
without regard to case and kept in lower case.
"""

from collections.abc import Iterable, Sequence

from mailserver.errors import BadValue, NoSuchMailbox, NotPermitted, Refusal
from mailserver.mailboxes import access, naming
from mailserver.store import annotations, users
from mailserver.store.annotations import Annotation
from mailserver.store.database import Rx, Tx
from mailserver.store.events import AnnotationsChanged
from mailserver.store.mailboxes import Mailbox
from mailserver.store.store import Store

PRIVATE, SHARED = "/private/", "/shared/"
SERVER = ""  # the name that stands for the server
SPECIAL_USE = "/private/specialuse"  # RFC 6154 §4
ADMIN = "/shared/admin"  # how to reach whoever runs the server; read-only
MAX_ENTRY_OCTETS = 255
MAX_VALUE_OCTETS = 65_536
MAX_ENTRIES = 100  # of one mailbox, or of the server: shared ones, and of each user
READERS = frozenset("rswip")  # beside "l" one of these, RFC 5464 §3.3

Values = dict[str, bytes]  # by entry


class ValueTooLong(Refusal):
    imap, http, text = f"METADATA MAXSIZE {MAX_VALUE_OCTETS}", 413, f"A value has at most {MAX_VALUE_OCTETS} octets"


class TooManyEntries(Refusal):
    imap, http, text = "METADATA TOOMANY", 409, f"At most {MAX_ENTRIES} entries"


class Annotations:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user_id: int, name: str, asked: Sequence[str], depth: float) -> dict[str, bytes | None]:
        """Of the entries and of those below them, down to `depth` levels; an entry asked for without a value is None.

        `name` "" is the server. Raises NoSuchMailbox, NotPermitted, BadValue (no name of an entry).
        """
        wanted = [check_entry(entry) for entry in asked]
        values = await self._store.read(_values, user_id, name)
        return _chosen(values, wanted, depth)

    async def list(
        self, user_id: int, names: Sequence[str], asked: Sequence[str]
    ) -> dict[str, dict[str, bytes | None]]:
        """Of many mailboxes at one moment, by name; those that may not be read are left out. RFC 9590"""
        wanted = [check_entry(entry) for entry in asked]
        found = await self._store.read(_values_of_many, user_id, names)
        return {name: _chosen(values, wanted, 0) for name, values in found.items()}

    async def set(self, user_id: int, name: str, changes: Sequence[tuple[str, bytes | None]]) -> None:
        """All or none; None removes.

        Raises NoSuchMailbox, NotPermitted, BadValue, UseAttribute, ValueTooLong, TooManyEntries, NoRoom.
        """
        checked = {check_entry(entry): value for entry, value in changes}
        await self._store.write(_set, user_id, name, checked)


def check_entry(entry: str) -> str:
    """In the form it is kept. Raises BadValue. RFC 5464 §3.2"""
    entry = entry.lower()
    if not entry.startswith((PRIVATE, SHARED)) and f"{entry}/" not in (PRIVATE, SHARED):
        raise BadValue("An entry begins with /private/ or /shared/")
    if len(entry.encode()) > MAX_ENTRY_OCTETS:
        raise BadValue(f"The name of an entry has at most {MAX_ENTRY_OCTETS} octets")
    if not entry.isprintable() or not entry.isascii() or any(each in entry for each in ("*", "%", "//")):
        raise BadValue("The name of an entry is printable ASCII without *, % and empty parts")
    if entry.endswith("/"):
        raise BadValue("The name of an entry does not end in /")
    return entry


def _chosen(values: Values, wanted: Iterable[str], depth: float) -> dict[str, bytes | None]:
    chosen: dict[str, bytes | None] = {}
    for asked in wanted:
        below: dict[str, bytes | None] = {
            entry: value for entry, value in values.items() if _is_at(asked, entry, depth)
        }
        chosen |= below or {asked: values.get(asked)}
    return chosen


def _is_at(asked: str, entry: str, depth: float) -> bool:
    """Whether the entry is the one asked for, or below it by at most `depth` levels."""
    return entry == asked or (entry.startswith(asked + "/") and entry[len(asked) :].count("/") <= depth)


def _values(rx: Rx, user_id: int, name: str) -> Values:
    if name == SERVER:
        values = {each.entry: each.value for each in annotations.list(rx, None, user_id)}
        admin = users.administrator(rx, user_id)
        return values | ({ADMIN: f"mailto:{admin}".encode()} if admin else {})
    return _of_mailbox(rx, user_id, _readable(rx, user_id, name))


def _values_of_many(rx: Rx, user_id: int, names: Sequence[str]) -> dict[str, Values]:
    found = {name: access.find(rx, user_id, name) for name in names}
    return {name: _of_mailbox(rx, user_id, box) for name, box in found.items() if box and _may_read(box, user_id)}


def _of_mailbox(rx: Rx, user_id: int, mailbox: Mailbox) -> Values:
    values = {each.entry: each.value for each in annotations.list(rx, mailbox.id, user_id)}
    if mailbox.special_use and mailbox.user_id == user_id:
        values[SPECIAL_USE] = mailbox.special_use.encode("ascii")
    return values


def _readable(rx: Rx, user_id: int, name: str) -> Mailbox:
    mailbox = access.find(rx, user_id, name)
    if mailbox is None or "l" not in mailbox.rights(user_id):
        raise NoSuchMailbox
    if not _may_read(mailbox, user_id):
        raise access.lacks("r")
    return mailbox


def _may_read(mailbox: Mailbox, user_id: int) -> bool:
    rights = mailbox.rights(user_id)
    return "l" in rights and not rights.isdisjoint(READERS)


def _set(tx: Tx, user_id: int, name: str, changes: dict[str, bytes | None]) -> None:
    mailbox = None if name == SERVER else _readable(tx, user_id, name)
    mailbox_id = mailbox.id if mailbox is not None else None
    _require_right(tx, user_id, mailbox, changes)
    for entry, value in changes.items():
        if entry == SPECIAL_USE and mailbox is not None:
            _set_special_use(tx, user_id, mailbox, value)
        else:
            _set_one(tx, user_id, mailbox_id, entry, value)
    _require_few(tx, user_id, mailbox_id)
    _require_room(tx, user_id, mailbox, changes)
    tx.tell(
        AnnotationsChanged(
            mailbox.user_id if mailbox is not None else None,
            mailbox_id,
            tuple(entry for entry in changes if entry.startswith(SHARED)),
            tuple(entry for entry in changes if entry.startswith(PRIVATE)),
            user_id,
        )
    )


def _set_one(tx: Tx, user_id: int, mailbox_id: int | None, entry: str, value: bytes | None) -> None:
    owner = user_id if entry.startswith(PRIVATE) else None
    if value is None:
        annotations.remove(tx, mailbox_id, owner, entry)
        return
    if len(value) > MAX_VALUE_OCTETS:
        raise ValueTooLong
    annotations.set(tx, mailbox_id, Annotation(owner, entry, value))


def _require_right(tx: Tx, user_id: int, mailbox: Mailbox | None, changes: Iterable[str]) -> None:
    """Shared entries of a mailbox change with the right `w`, those of the server by administrators."""
    for entry in changes:
        if f"{entry}/" in (PRIVATE, SHARED):
            raise BadValue("This is no entry, only the beginning of one")
        if entry == ADMIN and mailbox is None:
            raise NotPermitted("/shared/admin can not be changed")
        if not entry.startswith(SHARED):
            continue
        if mailbox is not None and "w" not in mailbox.rights(user_id):
            raise access.lacks("w")
        if mailbox is None and not users.get_by_id(tx, user_id).is_admin:
            raise NotPermitted("Only administrators change what the server tells everybody")


def _require_few(tx: Tx, user_id: int, mailbox_id: int | None) -> None:
    there = annotations.list(tx, mailbox_id, user_id)
    private = sum(each.user_id is not None for each in there)
    if max(private, len(there) - private) > MAX_ENTRIES:
        raise TooManyEntries


def _require_room(tx: Tx, user_id: int, mailbox: Mailbox | None, changes: dict[str, bytes | None]) -> None:
    """Of who answers for what was added; who only takes away is never refused."""
    added = [entry for entry, value in changes.items() if value is not None]
    if any(entry.startswith(PRIVATE) for entry in added):
        annotations.require_room(tx, user_id)
    if mailbox is not None and any(entry.startswith(SHARED) for entry in added):
        annotations.require_room(tx, mailbox.user_id)


def _set_special_use(tx: Tx, user_id: int, mailbox: Mailbox, value: bytes | None) -> None:
    """As CREATE gives it: one use for a mailbox, one mailbox for a use. RFC 6154 §4"""
    if mailbox.user_id != user_id:
        raise NotPermitted("Only the owner gives a mailbox its use")
    before = naming.set_special_use(tx, mailbox, value.decode("latin-1") if value else None)
    if before is not None:
        tx.tell(AnnotationsChanged(before.user_id, before.id, (), (SPECIAL_USE,), user_id))
