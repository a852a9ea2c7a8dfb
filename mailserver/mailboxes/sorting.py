"""SORT and THREAD over a mailbox: orders and threads are kept and brought up to date when messages came in."""

from bisect import insort
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.mail import sorting, threading
from mailserver.mail.sorting import Criterion, SortKey, Value
from mailserver.mail.threading import Algorithm, Letter, Threads
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.sort_values import STORED, Kept, letters
from mailserver.mailboxes.values import LEAST, Found
from mailserver.store.store import Store

MAX_ORDERS = 64  # of all mailboxes: one for each list of sort keys
MAX_ORDERED = 1_000_000  # messages in them
MAX_THREADED = 200_000  # messages in kept threads
LARGE = 40_000  # messages whose order is not gone through on the loop
FEW = 32  # as many new messages are put into an order one by one

Keys = tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class _Threaded:
    asked: Sequence[int]
    threads: Threads


class Sorter:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._values: Kept[Value] = Kept(store)
        self._letters: Kept[Letter] = Kept(store)
        self._orders: OrderedDict[tuple[int, Keys], list[int]] = OrderedDict()
        self._threads: OrderedDict[tuple[int, Algorithm], _Threaded] = OrderedDict()

    async def sort(self, index: MailboxIndex, keys: Keys, found: Found) -> list[int]:
        """The UIDs in the order that is asked for. Those of messages that are gone meanwhile may be left out."""
        if any(key.criterion is Criterion.RELEVANCY for key in keys):
            return await self._sorted(index, keys, found.uids, found)
        order = self._orders.get((index.mailbox.id, keys), [])
        chosen, missing = await self._chosen(order, found.uids)
        if missing:
            order = await self._extended(index, keys, order, missing)
            self._keep((index.mailbox.id, keys), order)
            chosen, _ = await self._chosen(order, found.uids)
        elif order:
            self._orders.move_to_end((index.mailbox.id, keys))
        return chosen

    async def thread(self, index: MailboxIndex, algorithm: Algorithm, uids: Sequence[int]) -> Threads:
        key = index.mailbox.id, algorithm
        kept = self._threads.get(key)
        if kept is not None and kept.asked == uids:
            self._threads.move_to_end(key)
            return kept.threads
        known = await self._letters.get(index.mailbox.id, "threads", letters, uids)
        present = set(index.uids)
        there = [known[uid] for uid in uids if uid in known and uid in present]
        threads = await self._store.in_thread(threading.thread, algorithm, there)
        self._threads[key] = _Threaded(uids, threads)
        self._forget_threads()
        return threads

    # ---- inside ----

    async def _chosen(self, order: Sequence[int], uids: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those of the order that are among the UIDs, and the UIDs that are not in it."""
        if len(order) + len(uids) > LARGE:
            return await self._store.in_thread(_choose, order, uids)
        return _choose(order, uids)

    async def _extended(self, index: MailboxIndex, keys: Keys, order: list[int], new: Sequence[int]) -> list[int]:
        """A new list: whoever holds the old one goes on with it."""
        present = set(index.uids)
        staying = [uid for uid in order if uid in present]
        if not staying or len(new) > FEW:
            return await self._sorted(index, keys, sorted({*staying, *new}), None)
        values = await self._all_values(index, keys, [*staying, *new], None)
        extended = _known(staying, values)
        place = sorting.compound(keys, [each.__getitem__ for each in values])
        for uid in _known(new, values):
            insort(extended, uid, key=place)
        return extended

    async def _sorted(self, index: MailboxIndex, keys: Keys, uids: Sequence[int], found: Found | None) -> list[int]:
        values = await self._all_values(index, keys, uids, found)
        lookups = [each.__getitem__ for each in values]
        return await self._store.in_thread(sorting.ordered, _known(uids, values), keys, lookups)

    async def _all_values(
        self, index: MailboxIndex, keys: Keys, uids: Sequence[int], found: Found | None
    ) -> list[Mapping[int, Value]]:
        return [await self._values_of(index, key.criterion, uids, found) for key in keys]

    async def _values_of(
        self, index: MailboxIndex, criterion: Criterion, uids: Sequence[int], found: Found | None
    ) -> Mapping[int, Value]:
        match criterion:
            case Criterion.ARRIVAL:
                return dict(zip(index.uids, index.internal_dates, strict=True))
            case Criterion.SIZE:
                return dict(zip(index.uids, index.sizes, strict=True))
            case Criterion.RELEVANCY:
                scores = found.scores if found is not None else {}
                return {uid: -scores.get(uid, LEAST) for uid in uids}  # the highest first, RFC 6203 §6
            case _:
                return await self._values.get(index.mailbox.id, criterion.value, STORED[criterion], uids)

    def _keep(self, key: tuple[int, Keys], order: list[int]) -> None:
        self._orders[key] = order
        self._orders.move_to_end(key)
        total = sum(map(len, self._orders.values()))
        while len(self._orders) > 1 and (len(self._orders) > MAX_ORDERS or total > MAX_ORDERED):
            total -= len(self._orders.popitem(last=False)[1])

    def _forget_threads(self) -> None:
        total = sum(len(each.asked) for each in self._threads.values())
        while len(self._threads) > 1 and total > MAX_THREADED:
            total -= len(self._threads.popitem(last=False)[1].asked)


def _choose(order: Sequence[int], uids: Sequence[int]) -> tuple[list[int], list[int]]:
    wanted = set(uids)
    chosen = [*order] if len(order) == len(wanted) and wanted.issuperset(order) else _among(order, wanted)
    return chosen, [] if len(chosen) == len(wanted) else sorted(wanted.difference(chosen))


def _among(order: Sequence[int], wanted: set[int]) -> list[int]:
    return [uid for uid in order if uid in wanted]


def _known(uids: Sequence[int], values: Sequence[Mapping[int, Value]]) -> list[int]:
    """Without messages that were gone when the values were read."""
    known = [*uids]
    for each in values:
        known = [uid for uid in known if uid in each]
    return known
