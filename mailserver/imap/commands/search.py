"""SEARCH, answered with SEARCH or ESEARCH. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5."""

from dataclasses import dataclass

import msgspec

from mailserver.errors import Refusal
from mailserver.imap import contexts, esearch, message_limit
from mailserver.imap.esearch import Results
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.wire import search_keys, search_returns
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_keys import SearchRequest
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.mail.search import SearchKey
from mailserver.mailboxes.values import Found

_json = msgspec.json.Encoder()  # four times as fast as %d


@dataclass(frozen=True, slots=True)
class Search:
    request: SearchRequest
    by_uid: bool


def parse(r: Reader) -> Search:
    return Search(search_keys.parse(r), r.uid)


async def run(s: Session, c: Search) -> bytes:
    view, program = s.selected, c.request.program
    returns = c.request.returns or (search_returns.ALL if s.rev2 else None)
    esearch.require_options(s, returns)
    if program.charset and "UTF8=ACCEPT" in s.enabled:
        raise BadSyntax("No CHARSET once UTF8=ACCEPT is enabled: RFC 6855 §3")
    contexts.require_free_tag(s, returns)
    if program.modseq:
        s.need_condstore()
    since = view.told_modseq
    key, limited = message_limit.searched(s, program.key)
    found = await found_or_forgotten(s, c.request, returns, key)
    named = found.uids if c.by_uid else view.numbers(found.uids)
    if returns is None:
        s.untagged(b"SEARCH" + plain(s, c.request, found.uids, named))
    else:
        results = Results(view.index, found.uids, named, found.scores)
        answer(s, c.request, returns, results, by_uid=c.by_uid)
        contexts.begin(s, c.request.program, returns, found.uids, since, by_uid=c.by_uid)
    return limited + b"SEARCH completed"


async def found_or_forgotten(
    s: Session, request: SearchRequest, returns: Returns | None, key: SearchKey | None = None
) -> Found:
    """A SAVE that fails leaves an empty result behind, RFC 5182 §2.1. `key`: instead of the program's."""
    view = s.selected
    try:
        if request.refusal is not None:
            raise request.refusal
        return await s.mailboxes.search_scored(view.index, key or request.program.key, esearch.search_view(s, view))
    except Refusal:
        if returns is not None and SearchReturn.SAVE in returns:
            view.saved = ()
        raise


def plain(s: Session, request: SearchRequest, uids: list[int], named: list[int]) -> bytes:
    """The numbers of a SEARCH or SORT response."""
    numbers = b" " + _json.encode(named)[1:-1].replace(b",", b" ") if named else b""
    if not request.program.modseq or not uids:
        return numbers
    return numbers + b" (MODSEQ %d)" % esearch.highest_modseq(s.selected.index, uids)


def answer(s: Session, request: SearchRequest, returns: Returns, results: Results, *, by_uid: bool) -> None:
    if SearchReturn.SAVE in returns:
        s.selected.saved = sorted(returns.concerned(results.uids))
    if not returns.silent:
        line = esearch.correlator(s, s.tag, by_uid=by_uid)
        s.untagged(line + esearch.return_data(returns, request.program, results))


ROWS = {"SEARCH": Row(parse, run, SELECTED, uid=True, holds_expunge=True, reports=True)}
