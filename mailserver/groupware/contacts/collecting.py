"""Whom a user writes to is collected, in the transaction that takes the message: nothing is lost, nothing waits.

    counted      each recipient of a message that was accepted, with 1; of an answer (In-Reply-To) with a half: who is
                 written to first is chosen, who is answered has chosen us
    not counted  the user's own addresses, mail with many recipients or for lists, automatic mail, addresses of robots

A new correspondent gets a card in the user's collected book. Deleting the card, or the book, forgets the person.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mailserver.config.tree import ContactsConfig
from mailserver.groupware.contacts.accept import accept
from mailserver.groupware.contacts.cards import Person, card, uid
from mailserver.mail import addresses, encoded_words
from mailserver.mail.editing import HeaderBlock
from mailserver.store import collections, correspondents, members
from mailserver.store.collections import Collection, Draft, Family, Kind
from mailserver.store.correspondents import Correspondent
from mailserver.store.database import Rx, Tx
from mailserver.store.members import Member
from mailserver.text import split_address

FIRST, ANSWER = 1.0, 0.5  # what a message counts
MAX_RECIPIENTS = 50  # more are a mailing, and no correspondence
MAX_CORRESPONDENTS = 2000  # of one user; those least written to are forgotten
MAX_NAME = 200  # characters
SLUG, NAME = "collected", "Collected"

_MAILING = (b"list-id", b"list-post", b"list-unsubscribe", b"precedence", b"auto-submitted")
_ROBOT = re.compile(
    r"(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster|listserv|majordomo|owner-.*|bounces?|unsubscribe)"
    r"|.*-(?:request|owner|bounces?|subscribe|unsubscribe|confirm|leave|join)(?:[+=].*)?|.*=.*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Written:
    """Of one message, to whom."""

    people: tuple[tuple[str, str], ...]  # (address as it is compared, name or "")
    weight: float


def written(block: HeaderBlock, recipients: Iterable[str], own: Iterable[str]) -> Written | None:
    """What a submitted message tells; None: nothing. `recipients`: of the envelope; `own`: addresses of the sender."""
    addressed = list(recipients)
    if len(addressed) > MAX_RECIPIENTS or any(map(block.has, _MAILING)):
        return None
    names, mine = _names(block), {_compared(each) for each in own}
    found = dict.fromkeys(filter(None, map(_compared, addressed)))
    people = [(each, names.get(each, "")) for each in found if each not in mine and not _is_robot(each)]
    return Written(tuple(people), ANSWER if block.has(b"in-reply-to") else FIRST) if people else None


class Collecting:
    """`is_on`: what the configuration says for accounts that have not chosen."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on

    def configure(self, config: ContactsConfig) -> None:
        self.is_on = config.collect

    def prepare(
        self, user_id: int, block: HeaderBlock, recipients: Iterable[str], own: Iterable[str]
    ) -> Callable[[Tx], None] | None:
        """Work for the transaction that takes the message; None: none."""
        found = written(block, recipients, own)
        if found is None:
            return None
        return lambda tx: self._collect(tx, user_id, found)

    def _collect(self, tx: Tx, user_id: int, found: Written) -> None:
        choice = correspondents.choice(tx, user_id)
        if self.is_on if choice is None else choice:
            collect(tx, user_id, found)


def collect(tx: Tx, user_id: int, found: Written, kept: int = MAX_CORRESPONDENTS) -> None:
    """`kept`: so many are not forgotten."""
    known = {address: correspondents.find(tx, user_id, address) for address, _ in found.people}
    for address, name in found.people:
        there = known[address]
        if there is None:
            _add(tx, user_id, address, name, found.weight)
        else:
            correspondents.count_message(tx, there, name, found.weight)
            if name and name != there.name:
                _rename(tx, there, name)
    if None in known.values() and correspondents.count(tx, user_id) > kept:
        for each in correspondents.list_beyond(tx, user_id, kept):
            forget(tx, each)


def forget(tx: Tx, known: Correspondent) -> None:
    """The person and the card, which clients see go; a card that was moved to another book stays there."""
    card_of = _card(tx, known)
    if card_of is not None:
        members.remove(tx, *card_of)
    correspondents.remove(tx, known.id)


def _add(tx: Tx, user_id: int, address: str, name: str, weight: float) -> None:
    new = correspondents.add(tx, user_id, address, name, weight)
    book = _book(tx, user_id)
    draft = _draft(address, name)
    member = members.add(tx, book, f"{draft.uid}.vcf", draft)
    correspondents.set_contact(tx, new.id, member.id)


def _rename(tx: Tx, known: Correspondent, name: str) -> None:
    """The card says how they are called now."""
    card_of = _card(tx, known)
    if card_of is not None:
        members.replace(tx, *card_of, _draft(known.address, name))


def _card(rx: Rx, known: Correspondent) -> tuple[Collection, Member] | None:
    """The card in the collected book."""
    if known.contact_id is None:
        return None
    member = members.find_by_id(rx, Family.ADDRESSBOOKS, known.contact_id)
    book = None if member is None else collections.find_by_id(rx, Family.ADDRESSBOOKS, member.collection_id)
    if member is None or book is None or book.kind is not Kind.COLLECTED:
        return None
    return book, member


def _draft(address: str, name: str) -> members.Draft:
    data = card(Person(address, name), uid("correspondent", address))
    return accept(data).draft(data)


def _book(tx: Tx, user_id: int) -> Collection:
    """The user's collected book, which is made with the first card in it."""
    for each in collections.list(tx, Family.ADDRESSBOOKS, user_id):
        if each.kind is Kind.COLLECTED:
            return each
    slug, number = SLUG, 1
    while not collections.is_free(tx, Family.ADDRESSBOOKS, user_id, slug):
        number += 1
        slug = f"{SLUG}-{number}"
    return collections.add(tx, Family.ADDRESSBOOKS, user_id, Draft(slug, NAME, Kind.COLLECTED))


def _names(block: HeaderBlock) -> Mapping[str, str]:
    """Addresses of To, Cc and Bcc with how they are called there."""
    entries = [addresses.parse(value) for field in (b"to", b"cc", b"bcc") for value in block.values(field)]
    found = dict[str, str]()
    for mailbox in (each for entry in entries for each in addresses.mailboxes(entry)):
        address = _compared(addresses.addr_spec(mailbox).decode("utf-8", "replace"))
        name = encoded_words.decode(mailbox.name).strip()[:MAX_NAME]
        if address and name and _compared(name) != address and name.isprintable():
            found.setdefault(address, name)
    return found


def _compared(address: str) -> str:
    try:
        return "@".join(split_address(address))
    except ValueError:
        return ""


def _is_robot(address: str) -> bool:
    return _ROBOT.fullmatch(address.rpartition("@")[0]) is not None
