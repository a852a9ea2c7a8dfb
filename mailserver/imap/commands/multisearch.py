"""ESEARCH: one search in several mailboxes, without selecting them. RFC 7377.

Each mailbox in which something was found has an answer of its own, with its name and UIDVALIDITY.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.errors import NoSuchMailbox
from mailserver.imap import contexts, esearch
from mailserver.imap.commands.search import found_or_forgotten
from mailserver.imap.esearch import Results
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import search_keys, search_returns, search_sources
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_keys import SearchRequest
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.imap.wire.search_sources import SELECTED_ALONE, Filter, Source
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.names import INBOX, SEPARATOR, canonical
from mailserver.mailboxes.values import Found, SearchView
from mailserver.store.mailboxes import Mailbox


@dataclass(frozen=True, slots=True)
class MultiSearch:
    sources: tuple[Source, ...]
    request: SearchRequest
    returns: Returns


def parse(r: Reader) -> MultiSearch:
    """esearch = "ESEARCH" [SP source-opts] [SP "RETURN" SP "(" … ")"] SP search-program"""
    r.sp()
    sources = search_sources.parse(r)
    request = search_keys.parse_request(r)
    return MultiSearch(sources, request, request.returns or search_returns.ALL)


async def run(s: Session, c: MultiSearch) -> bytes:
    _require_sense(s, c)
    for mailbox in await _mailboxes(s, c.sources):
        if s.view is not None and mailbox.id == s.view.index.mailbox.id:
            await _in_selected(s, c)
        else:
            await _elsewhere(s, c, mailbox)
        await s.drain()
    if SearchReturn.UPDATE in c.returns:
        contexts.refuse(s, "Results of ESEARCH are not kept up to date")
    return b"ESEARCH completed"


def _require_sense(s: Session, c: MultiSearch) -> None:
    """Some things mean something in the selected mailbox alone, RFC 7377 §2.2."""
    esearch.require_options(s, c.returns)
    alone = c.sources == SELECTED_ALONE
    if s.view is None and any(source.filter is Filter.SELECTED for source in c.sources):
        raise BadSyntax("No mailbox is selected")
    if not alone and SearchReturn.SAVE in c.returns:
        raise BadSyntax("SAVE is for the selected mailbox alone")
    if not alone and c.request.program.numbers:
        raise BadSyntax("Message numbers are for the selected mailbox alone")
    if c.request.program.charset and "UTF8=ACCEPT" in s.enabled:
        raise BadSyntax("No CHARSET once UTF8=ACCEPT is enabled: RFC 6855 §3")
    if c.request.program.modseq:
        s.enabled.add("CONDSTORE")


async def _mailboxes(s: Session, sources: Sequence[Source]) -> list[Mailbox]:
    """Each once; names that do not exist are passed over, RFC 7377 §2.1."""
    if sources == SELECTED_ALONE:
        return [s.selected.index.mailbox]
    subscribed = frozenset(await s.mailboxes.subscriptions(s.user_id))
    tests = [_TESTS[source.filter](s, source, subscribed) for source in sources]
    return [mailbox for mailbox in await s.mailboxes.list(s.user_id) if any(test(mailbox.name) for test in tests)]


Test = Callable[[str], bool]


def _selected(s: Session, _source: Source, _subscribed: frozenset[str]) -> Test:
    return s.selected.index.mailbox.name.__eq__


def _named(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    return frozenset(map(canonical, source.names)).__contains__


def _subtree(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    names = tuple(map(canonical, source.names))
    below = tuple(name + SEPARATOR if name else "" for name in names)
    return lambda name: name in names or name.startswith(below)


def _subtree_one(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    names = frozenset(map(canonical, source.names))
    return lambda name: name in names or name.rpartition(SEPARATOR)[0] in names


_TESTS: dict[Filter, Callable[[Session, Source, frozenset[str]], Test]] = {
    Filter.SELECTED: _selected,
    Filter.INBOXES: lambda *_: INBOX.__eq__,
    Filter.PERSONAL: lambda *_: lambda _name: True,
    Filter.SUBSCRIBED: lambda _s, _source, subscribed: subscribed.__contains__,
    Filter.SUBTREE: _subtree,
    Filter.SUBTREE_ONE: _subtree_one,
    Filter.MAILBOXES: _named,
}


async def _in_selected(s: Session, c: MultiSearch) -> None:
    found = await found_or_forgotten(s, c.request, c.returns)
    if SearchReturn.SAVE in c.returns:
        s.selected.saved = c.returns.concerned(found.uids)
    _answer(s, c, s.selected.index, found)


async def _elsewhere(s: Session, c: MultiSearch, mailbox: Mailbox) -> None:
    try:
        async with s.mailboxes.look_into(mailbox) as index:
            first_recent = index.recent_uid
            view = SearchView(index.uids[:], lambda uid: uid >= first_recent, now=int(s.around.clock.now().timestamp()))
            found = await s.mailboxes.search_scored(index, c.request.program.key, view)
            _answer(s, c, index, found)
    except NoSuchMailbox:  # deleted meanwhile: then nothing is in it
        return


def _answer(s: Session, c: MultiSearch, index: MailboxIndex, found: Found) -> None:
    """Nothing where nothing was found, whatever was to be returned. RFC 7377 §2.1."""
    if not found.uids or c.returns.silent:
        return
    mailbox = index.mailbox
    line = esearch.correlator(s, s.tag, by_uid=True, mailbox=mailbox.name, uidvalidity=mailbox.uidvalidity)
    s.untagged(
        line + esearch.return_data(c.returns, c.request.program, Results(index, found.uids, found.uids, found.scores))
    )


ROWS = {"ESEARCH": Row(parse, run, AUTHENTICATED, capability=b"MULTISEARCH")}
