"""Messages read into what the index keeps of them."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import structlog

from mailserver.search.documents import document
from mailserver.search.reading import opened
from mailserver.search.units import CONNECTORS, GRAM, Cutter
from mailserver.store import content_files, word_tables
from mailserver.store.content_files import Unread
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store
from mailserver.store.word_index import WordIndex
from mailserver.store.word_tables import Entry, Ix

MANY_NEW = 1_000  # words in one batch: those of the first ones, with all that are frequent

_CONNECTORS = frozenset(CONNECTORS)

_log = structlog.get_logger("search")


async def read(store: Store, index: WordIndex, cutter: Cutter, unread: Sequence[Unread]) -> list[Entry]:
    """On the index's threads. Contents that no message has any more are left out: nobody looks for them."""
    entries, lost = await index.in_thread(_read_all, cutter, store.maildir, unread)
    if lost:  # moved meanwhile
        found = await store.read(content_files.list_these, lost)
        more, lost = await index.in_thread(_read_all, cutter, store.maildir, found)
        entries += more + [_unreadable(content_id, "its file is missing") for content_id in lost]
    return entries


def add(ix: Ix, position: int, until: int, entries: Sequence[Entry]) -> None:
    """What was read of the contents after this position, if that is still the index's."""
    if word_tables.position(ix) == position:
        word_tables.learn(ix, _new_words(ix, entries), _has_connector)
        word_tables.add(ix, entries, until)


def _read_all(cutter: Cutter, maildir: Maildir, unread: Sequence[Unread]) -> tuple[list[Entry], list[int]]:
    """And the ids of contents whose file was not where it should be."""
    entries: list[Entry] = []
    lost: list[int] = []
    for each in unread:
        if each.location is None:
            continue
        try:
            entries.append(_entry(cutter, maildir, each))
        except FileNotFoundError:
            lost.append(each.id)
        except Exception as fault:  # whatever is wrong with one message, the others are indexed
            entries.append(_unreadable(each.id, repr(fault)))
    return entries, lost


def _entry(cutter: Cutter, maildir: Maildir, unread: Unread) -> Entry:
    with opened(maildir, unread) as message:
        found = document(cutter, message)
    return Entry(unread.id, [*found.units.items()], found.checksum, None if found.is_whole else "too long")


def _unreadable(content_id: int, error: str) -> Entry:
    _log.warning("message not indexed, searches read it", content_id=content_id, error=error)
    return Entry(content_id, (), 0, "unreadable")


def _new_words(ix: Ix, entries: Sequence[Entry]) -> list[str]:
    """Those in most of the entries first: lookups begin with the oldest words."""
    texts = [found for entry in entries for _, found in entry.units]
    new = word_tables.list_new(ix, [unit for unit in set[str]().union(*texts) if unit[0] != GRAM])
    if len(new) < MANY_NEW:
        return new
    counts = Counter(chain.from_iterable(texts))
    return sorted(new, key=counts.__getitem__, reverse=True)


def _has_connector(unit: str) -> bool:
    return not _CONNECTORS.isdisjoint(unit)
