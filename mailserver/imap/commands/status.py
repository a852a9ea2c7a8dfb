"""STATUS: counts of a mailbox that need not be selected. RFC 9051 §6.3.11."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import object_ids, status_items
from mailserver.imap.wire.reader import Reader
from mailserver.imap.wire.status_items import StatusItem
from mailserver.mailboxes.values import Status


@dataclass(frozen=True, slots=True)
class StatusCommand:
    name: str
    items: tuple[StatusItem, ...]


def parse(r: Reader) -> StatusCommand:
    """status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" """
    r.sp()
    name = r.mailbox()
    r.sp()
    items = status_items.parse_items(r)
    r.end()
    return StatusCommand(name, items)


async def run(s: Session, c: StatusCommand) -> bytes:
    _note_items(s, c.items)
    status = await s.mailboxes.status(s.user_id, c.name, with_deleted_octets=_tells_deleted(c.items))
    s.untagged(_line(s, c.name, status, c.items))
    return b"STATUS completed"


async def statuses(s: Session, names: list[str], items: tuple[StatusItem, ...]) -> dict[str, bytes]:
    """STATUS lines of many mailboxes at one moment, by name; for LIST-STATUS too, RFC 5819."""
    _note_items(s, items)
    found = await s.mailboxes.statuses(s.user_id, names, with_deleted_octets=_tells_deleted(items))
    return {name: _line(s, name, status, items) for name, status in found.items()}


def _note_items(s: Session, items: tuple[StatusItem, ...]) -> None:
    if StatusItem.HIGHESTMODSEQ in items:
        s.need_condstore()  # RFC 7162 §3.1.7


def _tells_deleted(items: tuple[StatusItem, ...]) -> bool:
    return StatusItem.DELETED_STORAGE in items


def _line(s: Session, name: str, status: Status, items: tuple[StatusItem, ...]) -> bytes:
    return b"STATUS %b (%b)" % (s.name(name), _values(status, items, s.around.config.max_append_octets))


def _values(status: Status, items: tuple[StatusItem, ...], append_limit: int) -> bytes:
    return b" ".join(b"%b %b" % (item.wire, _value(status, item, append_limit)) for item in items)


def _value(status: Status, item: StatusItem, append_limit: int) -> bytes:
    if item is StatusItem.MAILBOXID:
        return b"(%b)" % object_ids.mailbox_id(status.mailbox_id)
    return b"%d" % (append_limit if item is StatusItem.APPENDLIMIT else _VALUES[item](status))


_VALUES: dict[StatusItem, Callable[[Status], int]] = {
    StatusItem.MESSAGES: lambda status: status.messages,
    StatusItem.RECENT: lambda status: status.recent,
    StatusItem.UIDNEXT: lambda status: status.uidnext,
    StatusItem.UIDVALIDITY: lambda status: status.uidvalidity,
    StatusItem.UNSEEN: lambda status: status.unseen,
    StatusItem.DELETED: lambda status: status.deleted,
    StatusItem.SIZE: lambda status: status.octets,
    StatusItem.DELETED_STORAGE: lambda status: status.deleted_octets,
    StatusItem.HIGHESTMODSEQ: lambda status: status.highestmodseq,
}

ROWS = {"STATUS": Row(parse, run, AUTHENTICATED)}
