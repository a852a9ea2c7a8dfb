"""An export: a collection as one file, piece by piece."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from mailserver.groupware.members import Members
from mailserver.store.collections import Family
from mailserver.store.members import PIECE


async def give_out(service: Members, viewer: int, family: Family, slug: str) -> AsyncIterator[bytes]:
    """Raises NoSuchCollection before the first piece."""
    seen, listed = await service.list(viewer, family, slug)
    join = _JOINS[family]
    yield join.begin(seen.name)
    written: set[bytes] = set()
    for start in range(0, len(listed), PIECE):
        hrefs = [member.href for member in listed[start : start + PIECE]]
        found = await service.multiget(viewer, family, slug, hrefs)
        yield b"".join([join.add(found[href][1], written) for href in hrefs if href in found])
    yield join.end


@dataclass(frozen=True, slots=True)
class _Join:
    """How the objects of a family become one file."""

    begin: Callable[[str], bytes]  # of the collection's name
    add: Callable[[bytes, set[bytes]], bytes]  # an object, and the time zones written before it
    end: bytes


def _begin(name: str) -> bytes:
    from mailserver.ical import split

    return split.begin(name)


def _components(data: bytes, written: set[bytes]) -> bytes:
    from mailserver.ical import split

    return split.added(data, written)


def _card_line(data: bytes, written: set[bytes]) -> bytes:
    from mailserver.vcard.lines import as_in_file

    del written
    return as_in_file(data)


_JOINS = {
    Family.CALENDARS: _Join(_begin, _components, b"END:VCALENDAR\r\n"),
    Family.ADDRESSBOOKS: _Join(lambda _: b"", _card_line, b""),
}
