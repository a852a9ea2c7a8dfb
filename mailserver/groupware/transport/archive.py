"""All that a user keeps as one zip archive: a file for each calendar and address book, and what they are called.

    index.json            what is in the archive: the file of each collection, with its slug, name, colour …
    calendars/….ics
    addressbooks/….vcf

Names of files are ours: slugs and hrefs may hold dots alone, "\\" or what a disk does not take, so that the index says
whose each file is and nothing in an archive is ever used as a path. Other users' collections and those that the server
fills (birthdays, subscriptions, the directory, correspondents) are not in it.
"""

import re
import zlib
from typing import BinaryIO, Literal
from zipfile import BadZipFile, ZipFile

import msgspec

from mailserver.errors import BadValue
from mailserver.groupware.access import Seen
from mailserver.groupware.transport.items import MAX_FILE_OCTETS
from mailserver.groupware.transport.taking_in import SUFFIX
from mailserver.groupware.wanted import NewCollection
from mailserver.store.collections import ALL_COMPONENTS, Family, Kind

INDEX = "index.json"
MAX_INDEX_OCTETS = 32 << 20
MAX_STEM = 60  # characters of a file's name

_ODD = re.compile(r"[^\w-]+")
_DAMAGED = (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)  # or encrypted, or packed oddly


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One collection of an archive."""

    file: str
    family: Family
    slug: str
    name: str
    description: str | None = None
    color: str | None = None
    position: int | None = None
    timezone: str | None = None
    timezone_id: str | None = None
    components: tuple[str, ...] = ()
    is_transparent: bool = False
    is_default: bool = False

    def as_new(self) -> NewCollection:
        return NewCollection(
            self.name,
            description=self.description,
            color=self.color,
            position=self.position,
            timezone=self.timezone,
            timezone_id=self.timezone_id,
            components=self.components or ALL_COMPONENTS,
            is_transparent=self.is_transparent,
        )


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    collections: tuple[Entry, ...]


def entries(seen: list[Seen]) -> list[Entry]:
    """What goes into an archive of these homes, each under another file."""
    kept = [each for each in seen if not each.is_shared_in and each.collection.kind is Kind.ORDINARY]
    return [_entry(each, number) for number, each in enumerate(kept, 1)]


def _entry(seen: Seen, number: int) -> Entry:
    collection = seen.collection
    family = collection.family
    is_calendar = family is Family.CALENDARS
    return Entry(
        f"{family}/{number:03}-{_ODD.sub('-', seen.slug)[:MAX_STEM].strip('-') or 'unnamed'}{SUFFIX[family]}",
        family,
        seen.slug,
        collection.name,
        collection.description,
        collection.color,
        collection.position,
        collection.timezone,
        collection.timezone_id,
        collection.components if is_calendar else (),
        collection.is_transparent,
        collection.is_default,
    )


def written_index(found: list[Entry]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_Index(1, tuple(found))))


def is_archive(data: bytes) -> bool:
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


class Archive:
    """One that is read. What it says of itself is not believed: nothing larger than its bound is unpacked."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises BadValue: no archive of ours."""
        try:
            self._zip = ZipFile(file)
            self.entries = msgspec.json.decode(self._read(INDEX, MAX_INDEX_OCTETS), type=_Index).collections
        except BadZipFile:
            raise BadValue("This is no zip archive, or a damaged one") from None
        except msgspec.MsgspecError as fault:
            raise BadValue(f"{INDEX} of the archive is not one of an export: {fault}") from None

    def data(self, entry: Entry) -> bytes:
        """Raises BadValue: it is missing, damaged, or too large."""
        return self._read(entry.file, MAX_FILE_OCTETS)

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with self._zip.open(name) as file:
                octets = file.read(limit + 1)
        except KeyError:
            raise BadValue(f"The archive has no {name[:200]}") from None
        except (
            BadZipFile,
            NotImplementedError,
            RuntimeError,
            EOFError,
            zlib.error,
        ) as fault:  # damaged, encrypted, packed oddly
            raise BadValue(f"{name[:200]} can not be unpacked: {fault}") from None
        if len(octets) > limit:
            raise BadValue(f"{name[:200]} has more than {limit >> 20} MiB")
        return octets
