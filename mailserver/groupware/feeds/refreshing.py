"""Feeds are fetched when they are due, a few at a time; one that fails is asked less and less often.

State is in the store alone: what a stop or a crash interrupts is due again at the next start, and writing the same
feed twice changes nothing.
"""

import asyncio
from collections.abc import Callable

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DavConfig
from mailserver.errors import Refusal
from mailserver.groupware.accepted import Accept
from mailserver.groupware.feeds import addresses
from mailserver.groupware.feeds.fetching import FeedFailed, Get, fetch
from mailserver.groupware.feeds.taking_in import Superseded, TakingIn
from mailserver.store import feeds
from mailserver.store.events import AccountsChanged, Event, FeedsChanged, ForeignCommit
from mailserver.store.feeds import Feed
from mailserver.store.store import Store

AT_ONCE = 4
LONGEST_REST = 3600.0  # seconds
FAULT_REST = 300.0
FIRST_RETRY_MS = 300_000
LAST_RETRY_MS = 86_400_000

_log = structlog.get_logger("feeds")


class Refreshing:
    def __init__(self, store: Store, get: Get, accept: Accept, config: DavConfig) -> None:
        self._store = store
        self._clock: Clock = store.clock
        self._get = get
        self._taking = TakingIn(store, accept, config)
        self._config = config
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._hear)
        self._task = asyncio.create_task(self._keep(), name="feeds")

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reconfigure(self, config: DavConfig) -> None:
        self._config = config
        self._taking.configure(config)
        self._wanted.set()

    async def refresh_due(self) -> int:
        """All that are due now; how many. Raises Refusal where the database can not be used."""
        if not self._config.subscriptions:
            return 0
        done = 0
        while due := await self._store.read(feeds.list_due, self._now_ms(), AT_ONCE):
            outcomes = await asyncio.gather(*map(self._refresh, due), return_exceptions=True)
            for fault in filter(None, outcomes):
                raise fault
            done += len(due)
        return done

    # ---- inside ----

    async def _keep(self) -> None:
        while True:
            self._wanted.clear()
            seconds = FAULT_REST
            try:
                await self.refresh_due()
                seconds = await self._until_next()
            except Refusal as fault:  # a full or failing disk may be well later
                _log.warning("feeds put off", error=fault.text)
            except Exception:  # one fault must not end it for as long as the server runs
                _log.exception("feeds failed")
            await self._rest(seconds)

    async def _until_next(self) -> float:
        next_ms = await self._store.read(feeds.next_due)
        if next_ms is None or not self._config.subscriptions:
            return LONGEST_REST
        return min(max((next_ms - self._now_ms()) / 1000, 1.0), LONGEST_REST)

    async def _rest(self, seconds: float) -> None:
        """Until then, or until something else is to be done."""
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.create_task(self._wanted.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _refresh(self, feed: Feed) -> None:
        """Always leaves the feed due at a later time. Raises Refusal where not even that can be written."""
        log = _log.bind(calendar=feed.calendar_id, host=addresses.host(feed.url))
        try:
            body = await fetch(self._get, feed, self._config.max_feed_octets)
            if body is None:
                await self._store.write(feeds.note_unchanged, feed)
                return
            taken = await self._taking.take(feed, body)
        except Superseded:
            return
        except FeedFailed as failed:
            log.warning("feed not fetched", error=failed.reason, failures=feed.failures + 1)
            await self._put_off(feed, failed.reason, failed.retry_seconds)
        except Refusal as fault:  # no room: for this user, or on the disk
            log.warning("feed not stored", error=fault.text)
            await self._put_off(feed, fault.text)
        except Exception:  # of this feed: the others are fetched all the same
            log.exception("feed failed")
            await self._put_off(feed, "the server made a mistake with it; its log tells more")
        else:
            if taken.written or taken.removed:
                log.info("feed taken in", written=taken.written, removed=taken.removed, left_out=taken.left_out)

    async def _put_off(self, feed: Feed, reason: str, seconds: int = 0) -> None:
        pause_ms = max(backoff_ms(feed.failures), seconds * 1000)
        await self._store.write(feeds.note_failure, feed, reason, self._now_ms() + pause_ms)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _hear(self, event: Event) -> None:
        if isinstance(event, FeedsChanged | AccountsChanged | ForeignCommit):
            self._wanted.set()


def backoff_ms(failures: int) -> int:
    """Five minutes after the first failure, twice as long after each further one, a day at most."""
    return min(FIRST_RETRY_MS << min(failures, 20), LAST_RETRY_MS)
