"""LIST and LSUB. RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5258, RFC 5819, RFC 6154."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.imap.commands.status import statuses
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import writer
from mailserver.imap.wire.list_items import ListRequest, ListReturn, Selection, parse_list, parse_lsub
from mailserver.imap.wire.patterns import matches
from mailserver.mailboxes.names import SEPARATOR, parents
from mailserver.store.mailboxes import Mailbox

ROOT = b'LIST (\\Noselect) "/" ""'


@dataclass(frozen=True, slots=True)
class Names:
    """An account's names at one moment."""

    mailboxes: dict[str, Mailbox]
    subscribed: frozenset[str]  # may name mailboxes that do not exist
    with_children: frozenset[str]

    @classmethod
    async def of(cls, s: Session) -> "Names":
        mailboxes = {mailbox.name: mailbox for mailbox in await s.mailboxes.list(s.user_id)}
        subscribed = frozenset(await s.mailboxes.subscriptions(s.user_id))
        return cls(mailboxes, subscribed, frozenset(_above(mailboxes)))

    def selected(self, selection: frozenset[Selection]) -> set[str]:
        """Names that meet all selection options."""
        chosen = set(self.mailboxes) | (self.with_children if not selection else set())
        if Selection.SUBSCRIBED in selection:
            chosen = set(self.subscribed)
        if Selection.SPECIAL_USE in selection:
            chosen = {name for name in chosen if name in self.mailboxes and self.mailboxes[name].special_use}
        return chosen

    def attributes(self, name: str, *, subscribed: bool) -> list[str]:
        found = [] if name in self.mailboxes else ["\\NonExistent", "\\Noselect"]  # the second for IMAP4rev1 clients
        found.append("\\HasChildren" if name in self.with_children else "\\HasNoChildren")
        if subscribed and name in self.subscribed:
            found.append("\\Subscribed")
        if name in self.mailboxes and (special_use := self.mailboxes[name].special_use):
            found.append(special_use)
        return found


async def list_(s: Session, c: ListRequest) -> bytes:
    if not c.extended and c.patterns == ("",):
        s.untagged(ROOT)
        return b"LIST completed"
    names = await Names.of(s)
    selected = names.selected(c.selection)
    hits = await _matching(selected, c.full_patterns)
    parents_of = await _recursive(selected, hits, c) if Selection.RECURSIVEMATCH in c.selection else set()
    told = sorted(hits | parents_of, key=_order)
    tell_subscribed = ListReturn.SUBSCRIBED in c.returns or Selection.SUBSCRIBED in c.selection
    status = await statuses(s, [name for name in told if name in names.mailboxes], c.status) if c.status else {}
    for name in told:
        attributes = names.attributes(name, subscribed=tell_subscribed)
        children = _child_info(c.selection) if name in parents_of else b""
        s.untagged(_line(s, b"LIST", attributes, name) + children)
        if name in status:
            s.untagged(status[name])
    return b"LIST completed"


async def lsub(s: Session, c: ListRequest) -> bytes:
    """With "%" the parents of subscribed names stand for them, as \\Noselect. RFC 3501 §6.3.9."""
    subscribed = frozenset(await s.mailboxes.subscriptions(s.user_id))
    [pattern] = c.full_patterns
    candidates = subscribed | (_above(subscribed) if pattern.endswith("%") else set())
    for name in sorted(await _matching(candidates, (pattern,)), key=_order):
        s.untagged(_line(s, b"LSUB", [] if name in subscribed else ["\\Noselect"], name))
    return b"LSUB completed"


async def _matching(names: Iterable[str], patterns: Iterable[str]) -> set[str]:
    hits: set[str] = set()
    remaining = set(names)
    for pattern in patterns:
        found = {name for name in remaining if matches(pattern, name)}
        hits |= found
        remaining -= found
        await asyncio.sleep(0)  # many names times many patterns are more than one turn
    return hits


async def _recursive(selected: set[str], hits: set[str], c: ListRequest) -> set[str]:
    """Matching names above those that are selected and do not match themselves, RFC 5258 §3.1."""
    return await _matching(_above(selected - hits), c.full_patterns)


def _child_info(selection: frozenset[Selection]) -> bytes:
    told = sorted(option.value for option in selection - {Selection.RECURSIVEMATCH, Selection.REMOTE})
    return b' ("CHILDINFO" (%b))' % b" ".join(b'"%b"' % option.encode("ascii") for option in told)


def _above(names: Iterable[str]) -> set[str]:
    return {parent for name in names for parent in parents(name)}


def _order(name: str) -> tuple[bool, list[str]]:
    """INBOX first, then by name, what is below a name right behind it."""
    return name != "INBOX", name.split(SEPARATOR)


def _line(s: Session, word: bytes, attributes: Iterable[str], name: str) -> bytes:
    return b'%b %b "/" %b' % (word, writer.atoms(attributes), s.name(name))


ROWS = {"LIST": Row(parse_list, list_, AUTHENTICATED), "LSUB": Row(parse_lsub, lsub, AUTHENTICATED)}
