"""Completion: whom the user means when he begins to write a name or an address.

found    correspondents, and contacts of every book in the user's home (his own, shared ones, the directory), with
         a word of the name, the nickname, the organisation or the address that begins with what was written; of
         several words each must begin one
order    those written to, by their rank (store/correspondents.py); then the others: those whose name or address
         begins so before those with a later word, by name
once     each address, with the name the user's own contact has for it, else how it was written last
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailserver.groupware import access
from mailserver.mail.casemap import fold
from mailserver.store import contacts, correspondents
from mailserver.store.collections import Family, Kind
from mailserver.store.contacts import Found
from mailserver.store.correspondents import Correspondent
from mailserver.store.database import Rx
from mailserver.text import split_address

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_PREFIX = 200  # characters
MAX_WORDS = 5
MAX_READ = 300  # contacts with such a word that are looked at: one letter fits thousands

_WORD = re.compile(r"[^\s,;<>\"()]+")
_BORDER = re.compile(r"[\s.,;@_+\"()-]+")


class Source(StrEnum):
    CORRESPONDENT = "correspondent"
    CONTACT = "contact"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: str  # "" where none is known
    address: str
    source: Source
    score: float  # messages of today it counts as; 0.0 where the user never wrote to it


def suggest(rx: Rx, user_id: int, prefix: str, limit: int, now_ms: int) -> list[Suggestion]:
    """The best first, `limit` (1 to MAX_LIMIT) at most; nothing for an empty prefix."""
    words = [fold(word) for word in _WORD.findall(prefix[:MAX_PREFIX])[:MAX_WORDS]]
    if not words:
        return []
    found = dict[str, Suggestion]()
    known = {each.address: each for each in correspondents.list(rx, user_id)}
    for each in _contacts(rx, user_id, words, known, now_ms):
        found.setdefault(_compared(each.address), each)
    for person in known.values():
        if person.address not in found and _begins(words, (person.name, person.address)):
            found[person.address] = _correspondent(person, now_ms)
    ordered = sorted(found.values(), key=lambda each: _order(each, words))
    return ordered[: max(1, min(limit, MAX_LIMIT))]


def is_known(rx: Rx, user_id: int, address: str) -> bool:
    """Whether the user has written to the address or has it in a book of his own."""
    wanted = _compared(address)
    if correspondents.find(rx, user_id, wanted) is not None:
        return True
    books = [seen.collection.id for seen in access.list(rx, user_id, Family.ADDRESSBOOKS) if not seen.is_shared_in]
    return contacts.has_address(rx, books, fold(wanted))


def _contacts(
    rx: Rx, user_id: int, words: list[str], known: dict[str, Correspondent], now_ms: int
) -> Iterable[Suggestion]:
    """Of the user's own books before the others."""
    seen = access.list(rx, user_id, Family.ADDRESSBOOKS)
    sources = {each.collection.id: _source(each.collection.kind) for each in seen}
    own = {each.collection.id for each in seen if not each.is_shared_in}
    books = [number for number, source in sources.items() if source is not None]
    listed = contacts.list_starting(rx, books, words, MAX_READ)
    for each in sorted(listed, key=lambda one: one.addressbook_id not in own):
        for address in each.emails:
            person = known.get(_compared(address))
            source = Source.CORRESPONDENT if person else sources[each.addressbook_id]
            if source is not None and _begins(words, _texts(each, address)):
                score = correspondents.score(person.rank, now_ms) if person else 0.0
                yield Suggestion(each.full_name, address, source, score)


def _texts(found: Found, address: str) -> tuple[str, ...]:
    """A person with two addresses is found by the name with both, by one address with that one."""
    return found.full_name, found.nickname, found.organization, address


def _source(kind: Kind) -> Source | None:
    """The collected book has nobody who is no correspondent."""
    if kind is Kind.COLLECTED:
        return None
    return Source.DIRECTORY if kind is Kind.DIRECTORY else Source.CONTACT


def _correspondent(person: Correspondent, now_ms: int) -> Suggestion:
    return Suggestion(person.name, person.address, Source.CORRESPONDENT, correspondents.score(person.rank, now_ms))


def _begins(words: list[str], texts: Iterable[str]) -> bool:
    folded = [fold(text) for text in texts if text]
    return all(any(_has_start(text, word) for text in folded) for word in words)


def _has_start(text: str, word: str) -> bool:
    return text.startswith(word) or any(part.startswith(word) for part in _parts(text)) or f" {word}" in text


def _parts(text: str) -> list[str]:
    return _BORDER.split(text)


def _order(each: Suggestion, words: list[str]) -> tuple[float, bool, str, str]:
    name, address = fold(each.name), fold(each.address)
    starts = name.startswith(words[0]) or address.startswith(words[0])
    return -each.score, not starts, name, address


def _compared(address: str) -> str:
    try:
        return "@".join(split_address(address))
    except ValueError:
        return address.lower()
