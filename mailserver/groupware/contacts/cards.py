"""Cards of ours: of correspondents and of the server's own accounts."""

import base64
import hashlib
from dataclasses import dataclass

from mailserver.vcard.values import content_line, escaped

PRODID = "-//mailserver//contacts//EN"


@dataclass(frozen=True, slots=True)
class Picture:
    media_type: str  # image/png …
    data: bytes


@dataclass(frozen=True, slots=True)
class Person:
    address: str
    name: str  # "" where it is not known
    language: str | None = None
    timezone: str | None = None
    picture: Picture | None = None


def uid(kind: str, key: str) -> str:
    """The same for the same person each time: a card that is made anew is no new contact."""
    return hashlib.blake2b(f"{kind}\0{key}".encode(), digest_size=16).hexdigest()


def card(person: Person, card_uid: str) -> bytes:
    """vCard 3.0: what every client reads."""
    given, family = _parts(person.name)
    lines = [
        "BEGIN:VCARD\r\n",
        "VERSION:3.0\r\n",
        content_line("PRODID", PRODID),
        content_line("UID", card_uid),
        content_line("FN", escaped(person.name or person.address)),
        content_line("N", f"{escaped(family)};{escaped(given)};;;"),
        content_line("EMAIL", escaped(person.address), {"TYPE": ["INTERNET"]}),
        *([content_line("LANG", person.language)] if person.language else []),
        *([content_line("TZ", person.timezone, {"VALUE": ["text"]})] if person.timezone else []),
        *([_photo(person.picture)] if person.picture else []),
        "END:VCARD\r\n",
    ]
    return "".join(lines).encode("utf-8")


def _parts(name: str) -> tuple[str, str]:
    """(given, family) as most people who write "Given Family" or "Family, Given" mean it."""
    family, comma, given = name.partition(",")
    if comma:
        return given.strip(), family.strip()
    given, _, family = name.rpartition(" ")
    return (given, family) if given else (family, "")


def _photo(picture: Picture) -> str:
    kind = picture.media_type.rpartition("/")[2].upper()
    value = base64.b64encode(picture.data).decode("ascii")
    return content_line("PHOTO", value, {"ENCODING": ["b"], "TYPE": [kind]})
