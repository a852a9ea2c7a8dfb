"""NOTIFY: news of all mailboxes, as they happen and without being asked for. RFC 5465."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.errors import Refusal
from mailserver.imap.commands.fetch import send_items
from mailserver.imap.commands.list import Names
from mailserver.imap.commands.status import statuses
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.view import News
from mailserver.imap.watch import Renaming, Watch
from mailserver.imap.wire import notify_items, writer
from mailserver.imap.wire.fetch_items import BodySection, FetchItem
from mailserver.imap.wire.notify_items import Event, EventGroup, NotifyRequest, Which
from mailserver.imap.wire.status_items import StatusItem

_NEWS = {
    Event.MESSAGE_NEW: News.ARRIVALS,
    Event.MESSAGE_EXPUNGE: News.REMOVALS,
    Event.FLAG_CHANGE: News.FLAGS,
}
_STATUS = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY, StatusItem.UNSEEN)


async def run(s: Session, c: NotifyRequest) -> bytes:
    """Replaces what was asked for before. What has happened is told before the OK, as by NOOP. RFC 5465 §3.1."""
    s.telling.stop_watching()
    s.telling.interest = News.NOTHING
    if not c.groups:
        return b"NOTIFY completed: no events"
    watching = Watching(s, c, await Names.of(s))
    s.telling.watch_by(watching)
    group = watching.watch.of_selected
    s.telling.interest = _interest(group)
    if c.status:
        await _tell_status(s, watching.watch.with_messages(s.selected_id))
    return b"NOTIFY completed"


def _interest(group: EventGroup | None) -> News:
    interest = News.NOTHING
    for event in group.events if group is not None else ():
        interest |= _NEWS[event]
    return interest


class Watching:
    """What stands between a watch and its session: it says in IMAP's words what happened."""

    def __init__(self, s: Session, request: NotifyRequest, seen: Names) -> None:
        self._s = s
        self.watch = Watch(request, s.user_id, seen, s.connection.wake)
        self._unsubscribe = s.around.store.subscribe(self.watch.hear)
        group = self.watch.of_selected
        self.expunges_at_once = group is not None and group.which is Which.SELECTED
        self._fetch = _seeing_nothing(group.fetch) if group is not None else ()

    def stop(self) -> None:
        self._unsubscribe()

    async def tell(self) -> None:
        """LIST of names and STATUS of mailboxes that changed; to be called when nothing half is written."""
        s, watch = self._s, self.watch
        try:
            await self._tell_all()
        except Refusal:  # what was taken to be told is lost, and silence would say that nothing happened
            watch.overflowed = True
        if watch.overflowed:
            s.telling.stop_watching()
            s.telling.interest = News.NOTHING
            s.untagged(b"OK [NOTIFICATIONOVERFLOW] Too much happened that was not read; as after NOTIFY NONE")

    async def _tell_all(self) -> None:
        s, watch = self._s, self.watch
        while watch.has_news and not watch.overflowed:
            if watch.names_changed:
                heard, now = watch.names_heard, await Names.of(s)
                for change in watch.take_names(now, heard):
                    s.untagged(_list_line(s, now, change))
                continue  # they may have changed again while they were read
            changed, entries = watch.take_changed(s.selected_id), watch.take_entries()
            await _tell_status(s, changed)
            for name, named in entries:
                s.untagged(_metadata_line(s, name, named))

    async def fetch(self, numbers: Sequence[int]) -> None:
        """What the client wants to know of new messages in the selected mailbox. RFC 5465 §5.2."""
        if not self._fetch:
            return
        try:
            await send_items(self._s, self._fetch, numbers)
        except Refusal:
            self.watch.overflowed = True


def _seeing_nothing(items: Sequence[FetchItem]) -> tuple[FetchItem, ...]:
    """Nobody reads a message by being told of it."""
    return tuple(replace(item, peek=True) if isinstance(item, BodySection) else item for item in items)


async def _tell_status(s: Session, names: list[str]) -> None:
    if not names:
        return
    items = (*_STATUS, StatusItem.HIGHESTMODSEQ) if s.condstore else _STATUS
    for line in (await statuses(s, names, items)).values():
        s.untagged(line)


def _list_line(s: Session, names: Names, change: Renaming) -> bytes:
    attributes = names.attributes(change.name, subscribed=True)
    line = b'LIST %b "/" %b' % (writer.atoms(attributes), s.name(change.name))
    return line + b' ("OLDNAME" (%b))' % s.name(change.old) if change.old else line


def _metadata_line(s: Session, name: str, entries: Sequence[str]) -> bytes:
    """Entries without values, which the client asks for if it wants them. RFC 5464 §4.4.2"""
    named = b" ".join(writer.astring(entry.encode("utf-8")) for entry in entries)
    return b"METADATA %b %b" % (s.name(name) if name else b'""', named)


ROWS = {"NOTIFY": Row(notify_items.parse, run, AUTHENTICATED, capability=b"NOTIFY")}
