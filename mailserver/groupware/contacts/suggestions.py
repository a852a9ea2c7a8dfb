"""Completion: whom the user means when he begins to write a name or an address.

found    correspondents, and contacts of every book in the user's home (his own, shared ones, the directory), with
         a word of the name, the nickname, the organisation or the address that begins with what was written; of
         several words each must begin one
order    those written to, by their rank (store/correspondents.py); then the others: those whose name or address
         begins so before those with a later word, by name
once     each address, with the name the user's own contact has for it, else how it was written last
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailserver.groupware import access
from mailserver.mail.casemap import fold
from mailserver.store import contacts, correspondents, word_starts
from mailserver.store.collections import Family, Kind
from mailserver.store.contacts import Found
from mailserver.store.database import Rx
from mailserver.text import split_address

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_PREFIX = 200  # characters
MAX_WORDS = 5
MAX_READ = 150  # contacts with such a word that are looked at: one letter fits thousands

_WORD = re.compile(r"[^\s,;<>\"()]+")


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
    found = _contacts(rx, user_id, words, now_ms)
    for person in correspondents.list_starting(rx, user_id, words, MAX_LIMIT):
        if person.address not in found:
            score = correspondents.score(person.rank, now_ms)
            found[person.address] = Suggestion(person.name, person.address, Source.CORRESPONDENT, score)
    ordered = sorted(found.values(), key=lambda each: _order(each, words))
    return ordered[: max(1, min(limit, MAX_LIMIT))]


def is_known(rx: Rx, user_id: int, address: str) -> bool:
    """Whether the user has written to the address or has it in a book of his own."""
    wanted = compared(address)
    if correspondents.find(rx, user_id, wanted) is not None:
        return True
    books = [seen.collection.id for seen in access.list(rx, user_id, Family.ADDRESSBOOKS) if not seen.is_shared_in]
    return contacts.has_address(rx, books, fold(wanted))


def _contacts(rx: Rx, user_id: int, words: list[str], now_ms: int) -> dict[str, Suggestion]:
    """By address as it is compared; of the user's own books before the others."""
    seen = access.list(rx, user_id, Family.ADDRESSBOOKS)
    sources = {each.collection.id: _source(each.collection.kind) for each in seen}
    own = {each.collection.id for each in seen if not each.is_shared_in}
    books = [number for number, source in sources.items() if source is not None]
    listed = contacts.list_starting(rx, books, words, MAX_READ)
    listed.sort(key=lambda one: one.addressbook_id not in own)
    matching = dict[str, tuple[Found, str]]()
    for each in listed:
        for address in _matching(each, words):
            matching.setdefault(compared(address), (each, address))
    people = correspondents.list_of(rx, user_id, matching)
    scores = {each.address: correspondents.score(each.rank, now_ms) for each in people}
    return {
        key: _suggestion(each, address, sources[each.addressbook_id], scores.get(key))
        for key, (each, address) in matching.items()
    }


def _matching(found: Found, words: list[str]) -> list[str]:
    """The addresses: all of who is found by the name, of who is found by an address that one."""
    name = "\n" + "\n".join(map(fold, (found.full_name, found.nickname, found.organization)))
    return [address for address in found.emails if word_starts.holds(f"{name}\n{fold(address)}", words)]


def _suggestion(found: Found, address: str, source: Source | None, score: float | None) -> Suggestion:
    if score is not None or source is None:
        return Suggestion(found.full_name, address, Source.CORRESPONDENT, score or 0.0)
    return Suggestion(found.full_name, address, source, 0.0)


def _source(kind: Kind) -> Source | None:
    """The collected book has nobody who is no correspondent."""
    if kind is Kind.COLLECTED:
        return None
    return Source.DIRECTORY if kind is Kind.DIRECTORY else Source.CONTACT


def _order(each: Suggestion, words: list[str]) -> tuple[float, bool, str, str]:
    name, address = fold(each.name), fold(each.address)
    starts = name.startswith(words[0]) or address.startswith(words[0])
    return -each.score, not starts, name, address


def compared(address: str) -> str:
    """As addresses are compared; what is none in lower case."""
    try:
        return "@".join(split_address(address))
    except ValueError:
        return address.lower()
