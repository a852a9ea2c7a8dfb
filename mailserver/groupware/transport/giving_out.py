"""An export: a collection as one file, piece by piece."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from mailserver.groupware.members import Members
from mailserver.store.collections import Family
from mailserver.store.members import PIECE


async def give_out(service: Members, viewer: int, family: Family, slug: str) -> AsyncIterator[bytes]:
    """Raises NoSuchCollection before the first piece."""
    seen, listed = await service.list(viewer, family, slug)
    file = _FILES[family](seen.name)
    yield file.begin
    for start in range(0, len(listed), PIECE):
        hrefs = [member.href for member in listed[start : start + PIECE]]
        found = await service.multiget(viewer, family, slug, hrefs)
        yield b"".join([file.add(found[href][1]) for href in hrefs if href in found])
    yield file.end


class _File(Protocol):
    """Objects of a family while they become one file."""

    begin: bytes
    end: bytes

    def add(self, data: bytes, /) -> bytes: ...


def _calendars(name: str) -> _File:
    from mailserver.ical.join import Joined

    return Joined(name)


class _Cards:
    begin = end = b""

    def add(self, data: bytes, /) -> bytes:
        from mailserver.vcard.lines import as_in_file

        return as_in_file(data)


_FILES: dict[Family, Callable[[str], _File]] = {
    Family.CALENDARS: _calendars,
    Family.ADDRESSBOOKS: lambda _: _Cards(),
}
