"""A message as the index keeps it: the units of its texts, by the place where they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from mailserver.mail.casemap import fold
from mailserver.mail.message_text import MessageOctets, body_texts, header_text
from mailserver.search.units import Cutter

MAX_CHARACTERS = 1 << 21  # of the texts of a message; the rest is left out, and the message is read by every search
MAX_UNITS = 100_000  # of one place; more are in no text that people write


class Place(IntEnum):
    """In the order of their numbers; a search for TEXT is one for the first three."""

    HEADER = 0  # fields other than those in FRONT, "name: value"
    FRONT = 1  # From, To, Cc, Subject: where a hit says most
    BODY = 2  # what SEARCH BODY looks through
    NAMES = 3  # of attachments: for FUZZY only, they are neither header nor text. RFC 9051 §6.4.4


_FRONT = ("from:", "to:", "cc:", "subject:")


@dataclass(frozen=True, slots=True)
class Document:
    units: Mapping[Place, set[str]]  # places without units are left out
    checksum: int  # of the texts that were cut, by CRC-32
    is_whole: bool  # False where the message has more text than is indexed


def document(cutter: Cutter, message: MessageOctets) -> Document:
    """Raises OSError."""
    header = header_text(message)
    names = fold(" ".join(part.filename for part in message.parts))
    lines = header.split("\0")
    front = [line for line in lines if line.startswith(_FRONT)]
    rest = [line for line in lines if not line.startswith(_FRONT)]
    room = _Room(MAX_CHARACTERS, _sum(header, _sum(names)))
    units = {
        Place.HEADER: cutter.units(("\0".join(rest),)),
        Place.FRONT: cutter.units(("\0".join(front),)),
        Place.BODY: _body_units(cutter, message, room),
        Place.NAMES: cutter.units((names,)),
    }
    return Document({place: found for place, found in units.items() if found}, room.checksum, not room.is_full)


def _body_units(cutter: Cutter, message: MessageOctets, room: "_Room") -> set[str]:
    """Parts are no one text: a word does not go on in the next."""
    found: set[str] = set()
    for part in body_texts(message):
        found |= cutter.units(room.take(part))
        if len(found) > MAX_UNITS:
            room.close()
        if room.is_full:
            break
    return found


class _Room:
    """Lets pieces of text through until there were too many characters, and sums up those it let."""

    def __init__(self, characters: int, checksum: int) -> None:
        self._left = characters
        self.checksum = checksum
        self.is_full = False

    def close(self) -> None:
        self.is_full = True

    def take(self, pieces: Iterator[str]) -> Iterator[str]:
        for piece in pieces:
            self._left -= len(piece)
            if self._left < 0:
                self.close()
                return
            self.checksum = _sum(piece, self.checksum)
            yield piece


def _sum(text: str, before: int = 0) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"), before)
