"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. RFC 9051 §6.3.4 to §6.3.8, RFC 6154 §3."""

from dataclasses import dataclass

from mailserver.errors import UseAttribute
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import object_ids
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mailboxes import names


@dataclass(frozen=True, slots=True)
class Create:
    name: str
    spelling: str  # of the name, as the client has it
    special_uses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    name: str
    spelling: str


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str
    spelling: str  # of the new name


def parse_create(r: Reader) -> Create:
    """create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]"""
    r.sp()
    name, spelling = r.mailbox_and_spelling()
    uses: list[str] = []
    if r.accept(b" "):
        r.expect(b"(")
        if r.word() != "USE":
            raise BadSyntax("Unknown CREATE parameter")
        r.sp()
        uses = r.parenthesised(lambda: _use(r), empty=True)
        r.expect(b")")
    r.end()
    return Create(name, spelling, tuple(uses))


def _use(r: Reader) -> str:
    r.expect(b"\\")
    return "\\" + r.atom().decode("ascii")


def parse_delete(r: Reader) -> Delete:
    """delete = "DELETE" SP mailbox"""
    r.sp()
    name, spelling = r.mailbox_and_spelling()
    r.end()
    return Delete(name, spelling)


def parse_name(r: Reader) -> str:
    r.sp()
    name = r.mailbox()
    r.end()
    return name


def parse_rename(r: Reader) -> Rename:
    """rename = "RENAME" SP mailbox SP mailbox"""
    r.sp()
    old = r.mailbox()
    r.sp()
    new, spelling = r.mailbox_and_spelling()
    r.end()
    return Rename(old, new, spelling)


async def create(s: Session, c: Create) -> bytes:
    """The OK names the new mailbox's id, RFC 8474 §4.1."""
    if len(c.special_uses) > 1:
        raise UseAttribute("A mailbox has one special use")
    made = await s.mailboxes.create(s.user_id, c.name, c.special_uses[0] if c.special_uses else None)
    _tell_spelling(s, c.spelling, b"")
    return b"[MAILBOXID (%b)] CREATE completed" % object_ids.mailbox_id(made.id)


async def delete(s: Session, c: Delete) -> bytes:
    await s.mailboxes.delete(s.user_id, c.name)
    _tell_spelling(s, c.spelling, b"\\NonExistent")
    return b"DELETE completed"


async def rename(s: Session, c: Rename) -> bytes:
    await s.mailboxes.rename(s.user_id, c.old, c.new)
    _tell_spelling(s, c.spelling, b"")
    return b"RENAME completed"


def _tell_spelling(s: Session, spelling: str, attribute: bytes) -> None:
    """What a name became that the server spells otherwise. RFC 9051 §6.3.4, §6.3.5, §6.3.6, §6.3.9.7."""
    spelling = spelling.removesuffix("/")  # only declares that there will be names below, RFC 9051 §6.3.4
    name = names.canonical(spelling)
    if s.rev2 and name != spelling:
        s.untagged(b'LIST (%b) "/" %b ("OLDNAME" (%b))' % (attribute, s.name(name), s.name(spelling)))


async def subscribe(s: Session, name: str) -> bytes:
    """The mailbox need not exist, RFC 9051 §6.3.7."""
    await s.mailboxes.subscribe(s.user_id, name)
    return b"SUBSCRIBE completed"


async def unsubscribe(s: Session, name: str) -> bytes:
    await s.mailboxes.unsubscribe(s.user_id, name)
    return b"UNSUBSCRIBE completed"


ROWS = {
    "CREATE": Row(parse_create, create, AUTHENTICATED),
    "DELETE": Row(parse_delete, delete, AUTHENTICATED),
    "RENAME": Row(parse_rename, rename, AUTHENTICATED),
    "SUBSCRIBE": Row(parse_name, subscribe, AUTHENTICATED),
    "UNSUBSCRIBE": Row(parse_name, unsubscribe, AUTHENTICATED),
}
