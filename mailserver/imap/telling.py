"""What a client is told without having asked: changes of its selected mailbox, and what NOTIFY watches."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from mailserver.imap import contexts
from mailserver.imap.view import ALL_NEWS, News

if TYPE_CHECKING:
    from mailserver.imap.session import Session


class Watching(Protocol):
    """What NOTIFY set up: whoever can say in IMAP's words what happened."""

    expunges_at_once: bool  # also between commands

    def stop(self) -> None: ...
    async def tell(self) -> None:
        """News of mailboxes that are not selected."""

    async def fetch(self, numbers: Sequence[int]) -> None:
        """What is to be told of new messages in the selected mailbox."""


class Telling:
    def __init__(self, s: "Session") -> None:
        self._s = s
        self.interest = ALL_NEWS  # in the selected mailbox; NOTIFY narrows it
        self._watching: Watching | None = None
        self._deaf: Callable[[], None] = _nothing  # ends hearing of the selected mailbox for NOTIFY

    # ---- the selected mailbox ----

    def news(self, *, expunge: bool, uid: bool = False) -> None:
        """EXPUNGE or VANISHED, EXISTS, RECENT and FETCH of what happened meanwhile."""
        view = self._s.view
        if view is not None:
            news = self.interest if expunge else self.interest & ~News.REMOVALS
            self._departures(news)
            for line in view.sync(news, uid=uid or self._watching is not None):  # RFC 5465 §5.1
                self._s.write(line)

    def removals(self) -> None:
        """For a command that removes: its own are told whatever the client is interested in. RFC 5465 §5."""
        view = self._s.view
        if view is not None:
            self._departures(News.REMOVALS)
            for line in view.sync(News.REMOVALS):
                self._s.write(line)

    async def after_command(self, *, expunge: bool, uid: bool) -> None:
        """Everything that goes before the tagged answer."""
        self.news(expunge=expunge, uid=uid)
        await self._arrived()
        await contexts.tell(self._s)
        self._complete()

    def modseq_code(self) -> bytes:
        """For the tagged OK of what removed messages, where everything up to it is told before. RFC 7162 §3.2.7.

        A client that NOTIFY keeps from some of the news would miss them for good, if it took the number for its own.
        """
        view = self._s.view
        if view is None or not self._s.condstore or self.interest != ALL_NEWS:
            return b""
        return b"[HIGHESTMODSEQ %d] " % view.index.highestmodseq

    def _departures(self, news: News) -> None:
        """From results that are kept up to date: before the messages themselves, RFC 5267 §4.3.4."""
        if self._s.view is not None and News.REMOVALS in news:
            for line in contexts.departures(self._s.view):
                self._s.write(line)

    def _complete(self) -> None:
        """Where removals wait behind changes that were told, a client must not take the highest MODSEQ for its own.

        It would never hear of them when it comes back. With this code it takes the number in it. RFC 7162 §6.
        """
        view = self._s.view
        if self._s.qresync and view is not None and view.holds_back:
            self._s.untagged(b"OK [HIGHESTMODSEQ %d] Removals are yet to be told" % view.complete_modseq)

    # ---- NOTIFY ----

    def watch_by(self, watching: Watching) -> None:
        self._watching = watching
        self.hear_selected()

    def stop_watching(self) -> None:
        self.hear_nothing()
        if self._watching is not None:
            self._watching.stop()
            self._watching = None

    async def watched(self, *, expunge: bool = False) -> None:
        """Between commands and in IDLE: what the client asked for by NOTIFY."""
        if self._watching is not None:
            self.news(expunge=expunge or self._watching.expunges_at_once)
            await self._arrived()
            await contexts.tell(self._s)
            await self._watching.tell()

    def hear_selected(self) -> None:
        """When a mailbox is selected, or NOTIFY begins."""
        self.hear_nothing()
        if self._watching is not None and self._s.view is not None:
            self._deaf = self._s.view.index.listen(self._s.connection.wake)

    def hear_nothing(self) -> None:
        self._deaf()
        self._deaf = _nothing

    async def _arrived(self) -> None:
        view = self._s.view
        if self._watching is not None and view is not None and view.arrived:
            arrived, view.arrived = view.arrived, range(0)
            await self._watching.fetch(arrived)


def _nothing() -> None:
    """Ends what never began."""
