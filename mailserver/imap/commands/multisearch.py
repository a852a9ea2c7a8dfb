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
from mailserver.mailboxes.access import Listed
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.names import INBOX, SEPARATOR, canonical, parents
from mailserver.mailboxes.values import Found, SearchView


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
    mailboxes = await _mailboxes(s, c.sources)
    for place, listed in enumerate(mailboxes):
        s.attendance.at(place, len(mailboxes))
        if s.view is not None and listed.mailbox.id == s.view.index.mailbox.id:
            await _in_selected(s, c, listed)
        else:
            await _elsewhere(s, c, listed)
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
        s.need_condstore()


async def _mailboxes(s: Session, sources: Sequence[Source]) -> list[Listed]:
    """Each once; names that do not exist or may not be read are passed over, RFC 7377 §2.1."""
    if sources == SELECTED_ALONE and s.selected.index.mailbox.user_id == s.user_id:
        mailbox = s.selected.index.mailbox
        return [Listed(mailbox.name, mailbox, s.selected.rights, own=True)]
    subscribed = frozenset(await s.mailboxes.subscriptions(s.user_id))
    tests = [_TESTS[source.filter](s, source, subscribed) for source in sources]
    readable = [listed for listed in await s.mailboxes.visible(s.user_id) if "r" in listed.rights]
    return [listed for listed in readable if any(test(listed) for test in tests)]


Test = Callable[[Listed], bool]


def _selected(s: Session, _source: Source, _subscribed: frozenset[str]) -> Test:
    mailbox_id = s.selected.index.mailbox.id
    return lambda listed: listed.mailbox.id == mailbox_id


def _named(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    names = frozenset(map(canonical, source.names))
    return lambda listed: listed.name in names


def _subtree(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    """ "" is above all."""
    roots = frozenset(map(canonical, source.names))
    if "" in roots:
        return lambda _listed: True
    return lambda listed: not roots.isdisjoint((listed.name, *parents(listed.name)))


def _subtree_one(_s: Session, source: Source, _subscribed: frozenset[str]) -> Test:
    names = frozenset(map(canonical, source.names))
    return lambda listed: listed.name in names or listed.name.rpartition(SEPARATOR)[0] in names


_TESTS: dict[Filter, Callable[[Session, Source, frozenset[str]], Test]] = {
    Filter.SELECTED: _selected,
    Filter.INBOXES: lambda *_: lambda listed: listed.name == INBOX,
    Filter.PERSONAL: lambda *_: lambda listed: listed.own,
    Filter.SUBSCRIBED: lambda _s, _source, subscribed: lambda listed: listed.name in subscribed,
    Filter.SUBTREE: _subtree,
    Filter.SUBTREE_ONE: _subtree_one,
    Filter.MAILBOXES: _named,
}


async def _in_selected(s: Session, c: MultiSearch, listed: Listed) -> None:
    found = await found_or_forgotten(s, c.request, c.returns)
    if SearchReturn.SAVE in c.returns:
        s.selected.saved = c.returns.concerned(found.uids)
    _answer(s, c, s.selected.index, listed.name, found)


async def _elsewhere(s: Session, c: MultiSearch, listed: Listed) -> None:
    try:
        async with s.mailboxes.look_into(listed.mailbox) as index:
            if "r" not in index.mailbox.rights(s.user_id):  # any more: the mailboxes before may have taken minutes
                return
            first_recent, now = index.recent_uid, int(s.around.clock.now().timestamp())
            view = SearchView(index.uids[:], lambda uid: uid >= first_recent, now=now)
            found = await s.mailboxes.search_scored(index, c.request.program.key, view)
            _answer(s, c, index, listed.name, found)
    except NoSuchMailbox:  # deleted meanwhile: then nothing is in it
        return


def _answer(s: Session, c: MultiSearch, index: MailboxIndex, name: str, found: Found) -> None:
    """Nothing where nothing was found, whatever was to be returned. RFC 7377 §2.1."""
    if not found.uids or c.returns.silent:
        return
    line = esearch.correlator(s, s.tag, by_uid=True, mailbox=name, uidvalidity=index.mailbox.uidvalidity)
    s.untagged(
        line + esearch.return_data(c.returns, c.request.program, Results(index, found.uids, found.uids, found.scores))
    )


ROWS = {"ESEARCH": Row(parse, run, AUTHENTICATED, reports=True, capability=b"MULTISEARCH")}
