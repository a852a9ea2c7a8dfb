"""STATUS: counts of a mailbox that need not be selected. RFC 9051 §6.3.11."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.errors import NoSuchMailbox
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
    found = await statuses(s, [c.name], c.items)
    if not found:
        raise NoSuchMailbox
    for line in found.values():
        s.untagged(line)
    return b"STATUS completed"


async def statuses(s: Session, names: list[str], items: tuple[StatusItem, ...]) -> dict[str, bytes]:
    """STATUS lines of many mailboxes at one moment, by name; for LIST-STATUS too, RFC 5819."""
    if StatusItem.HIGHESTMODSEQ in items:
        s.enabled.add("CONDSTORE")  # RFC 7162 §3.1.7
    found = await s.mailboxes.statuses(s.user_id, names, with_octets=StatusItem.SIZE in items)
    limit = s.around.config.max_append_octets
    return {name: b"STATUS %b (%b)" % (s.name(name), _values(status, items, limit)) for name, status in found.items()}


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
    StatusItem.HIGHESTMODSEQ: lambda status: status.highestmodseq,
}

ROWS = {"STATUS": Row(parse, run, AUTHENTICATED)}
