"""LIST and LSUB. RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5258, RFC 5819, RFC 6154."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.imap.commands.acl import myrights
from mailserver.imap.commands.metadata import metadata
from mailserver.imap.commands.status import statuses
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import writer
from mailserver.imap.wire.list_items import ListRequest, ListReturn, Selection, parse_list, parse_lsub
from mailserver.imap.wire.patterns import Patterns
from mailserver.mailboxes.access import Listed
from mailserver.mailboxes.names import SEPARATOR, parents

CHUNK = 200  # names that are matched or told before others get their turn
FEW_CHARACTERS = 500  # of all patterns; with more of them fewer names are matched at once

ROOT = b'LIST (\\Noselect) "/" ""'


@dataclass(frozen=True, slots=True)
class Names:
    """What a user sees at one moment: his own, and what others share with him."""

    mailboxes: dict[str, Listed]
    subscribed: frozenset[str]  # may name mailboxes that do not exist
    with_children: frozenset[str]

    @classmethod
    async def of(cls, s: Session) -> "Names":
        mailboxes = {listed.name: listed for listed in await s.mailboxes.visible(s.user_id)}
        subscribed = frozenset(await s.mailboxes.subscriptions(s.user_id))
        return cls(mailboxes, subscribed, frozenset(_above(mailboxes)))

    def selected(self, selection: frozenset[Selection]) -> set[str]:
        """Names that meet all selection options."""
        chosen = set(self.mailboxes) | (self.with_children if not selection else set())
        if Selection.SUBSCRIBED in selection:
            chosen = set(self.subscribed)
        if Selection.SPECIAL_USE in selection:
            chosen = {name for name in chosen if self.special_use(name)}
        return chosen

    def special_use(self, name: str) -> str | None:
        """What somebody else uses a mailbox for is no advice to this client: it would put its sent mail there."""
        listed = self.mailboxes.get(name)
        return listed.mailbox.special_use if listed is not None and listed.own else None

    def readable(self, names: Iterable[str]) -> list[str]:
        """Those that STATUS would answer for."""
        return [name for name in names if name in self.mailboxes and "r" in self.mailboxes[name].rights]

    def attributes(self, name: str, *, subscribed: bool) -> list[str]:
        found = [] if name in self.mailboxes else ["\\NonExistent", "\\Noselect"]  # the second for IMAP4rev1 clients
        found.append("\\HasChildren" if name in self.with_children else "\\HasNoChildren")
        if subscribed and name in self.subscribed:
            found.append("\\Subscribed")
        if special_use := self.special_use(name):
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
    selected_names = [name for name in told if name in hits]  # a parent that only stands for others has no more told
    more = await _more(s, c, names, selected_names)
    for place, name in enumerate(told):
        if place % CHUNK == 0:
            await s.drain()
        attributes = names.attributes(name, subscribed=tell_subscribed)
        children = _child_info(c.selection) if name in parents_of else b""
        s.untagged(_line(s, b"LIST", attributes, name) + children)
        for lines in more:
            if name in lines:
                s.untagged(lines[name])
    return b"LIST completed"


async def _more(s: Session, c: ListRequest, names: Names, told: list[str]) -> list[dict[str, bytes]]:
    """Lines by name that follow that of LIST: RFC 5819, RFC 8440, RFC 9590."""
    lines: list[dict[str, bytes]] = []
    if c.status:
        lines.append(await statuses(s, names.readable(told), c.status))
    if ListReturn.MYRIGHTS in c.returns:
        mine = {name: names.mailboxes[name].rights for name in told if name in names.mailboxes}
        lines.append({name: myrights(s, name, rights) for name, rights in mine.items()})
    if c.metadata:
        found = await s.mailboxes.annotations.list(s.user_id, [n for n in told if n in names.mailboxes], c.metadata)
        lines.append({name: metadata(s, name, values) for name, values in found.items()})
    return lines


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
    all_names, wanted = [*names], Patterns(patterns)
    chunk = max(1, CHUNK // (1 + wanted.length // FEW_CHARACTERS))
    for start in range(0, len(all_names), chunk):
        hits.update(filter(wanted.matches, all_names[start : start + chunk]))
        await asyncio.sleep(0)
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


ROWS = {"LIST": Row(parse_list, list_, AUTHENTICATED), "LSUB": Row(parse_lsub, lsub, AUTHENTICATED, obsolete=True)}
