"""Whether the text index says of each message what its text says; for `mailserver index verify`.

The file is checked by SQLite; that each content is in it once, and none beside, by its lists. Of the messages looked
at, the text is cut again: its checksum must be the one kept, and each of its units must name the message.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailserver.search.documents import Place, document
from mailserver.search.reading import opened
from mailserver.search.units import GRAM, Cutter
from mailserver.store import content_files, word_tables
from mailserver.store.content_files import Unread
from mailserver.store.database import Rx
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store
from mailserver.store.word_index import FILE, DamagedIndex, file_octets, look

SAMPLE = 500  # messages whose text is read again, where not all are wanted
CHUNK = 100  # messages at a time
MAX_FAULTS = 100  # told of; where there are more, the index is useless


@dataclass(frozen=True, slots=True)
class Status:
    octets: int  # of the file and its log
    indexed: int  # messages, each counted once however many copies it has
    behind: int  # messages that are not in it yet
    unsure: int  # messages that every search reads: too long, or unreadable
    words: int  # distinct


@dataclass(frozen=True, slots=True)
class Verified:
    status: Status
    compared: int  # messages whose text was read again
    faults: tuple[str, ...]  # empty where the index is right


async def status(store: Store) -> Status:
    """Raises DamagedIndex where there is no index that could be read."""
    path = store.data / FILE
    position, indexed, unsure, words = await store.in_thread(look, path, _counts)
    return Status(file_octets(path), indexed, await store.read(content_files.count_after, position), unsure, words)


async def verify(store: Store, *, everything: bool) -> Verified:
    """Beside a running server too. Raises DamagedIndex where there is no index that could be read."""
    path = store.data / FILE
    if damage := await store.in_thread(look, path, word_tables.damage):
        raise DamagedIndex("; ".join(damage))
    position, kept, unsure = await store.in_thread(look, path, _lists)
    there = await store.read(content_files.ids_until, position)
    faults = [f"message {each} was left out" for each in there if each not in kept and each not in unsure]
    sure = [each for each in there if each in kept and each not in unsure]
    chosen = sure if everything else random.sample(sure, min(SAMPLE, len(sure)))
    compared = 0
    for start in range(0, len(chosen), CHUNK):
        unread = await store.read(content_files.list_these, chosen[start : start + CHUNK])
        faults += await store.in_thread(look, path, _compare_all, store.maildir, unread, kept)
        compared += len(unread)
        if len(faults) > MAX_FAULTS:
            break
    return Verified(await status(store), compared, tuple(faults[:MAX_FAULTS]))


def _counts(rx: Rx) -> tuple[int, int, int, int]:
    indexed, unsure = word_tables.count_contents(rx)
    return word_tables.position(rx), indexed, unsure, word_tables.count_words(rx)


def _lists(rx: Rx) -> tuple[int, dict[int, int], set[int]]:
    return word_tables.position(rx), dict(word_tables.list_indexed(rx, 0, -1)), {*word_tables.list_unsure(rx)}


def _compare_all(rx: Rx, maildir: Maildir, unread: Sequence[Unread], kept: Mapping[int, int]) -> list[str]:
    cutter = Cutter()
    return [fault for each in unread for fault in _compare(rx, cutter, maildir, each, kept[each.id])]


def _compare(rx: Rx, cutter: Cutter, maildir: Maildir, unread: Unread, kept: int) -> Iterator[str]:
    try:
        with opened(maildir, unread) as message:
            found = document(cutter, message)
    except FileNotFoundError:  # removed meanwhile; fsck tells of files that are missing
        return
    if found.checksum != kept:
        yield f"message {unread.id} has another text"
        return
    absent = [unit for place, units in found.units.items() for unit in units if not _has(rx, unit, place, unread.id)]
    if absent:
        yield f"message {unread.id} is not found by {len(absent)} of its words"


def _has(rx: Rx, unit: str, place: Place, content_id: int) -> bool:
    is_known = unit[0] == GRAM or word_tables.knows(rx, unit)
    return is_known and word_tables.has(rx, unit, place, content_id)
