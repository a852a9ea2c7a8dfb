"""SORT: a search whose results come in order. RFC 5256 §3, RFC 5957, ESORT of RFC 5267 §3, RFC 7162 §3.1.6."""

import itertools
from dataclasses import dataclass

from mailserver.imap import contexts, esearch, message_limit
from mailserver.imap.commands.search import answer, found_or_forgotten, plain
from mailserver.imap.esearch import Results
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import SCAN_SHARE, View
from mailserver.imap.wire import search_keys, search_returns, sort_keys
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_keys import SearchRequest
from mailserver.mail.sorting import Criterion, SortKey


@dataclass(frozen=True, slots=True)
class Sort:
    keys: tuple[SortKey, ...]
    request: SearchRequest
    by_uid: bool


def parse(r: Reader) -> Sort:
    """sort = "SORT" [SP "RETURN" SP "(" … ")"] SP sort-criteria SP charset SP search-key *(SP search-key)"""
    r.sp()
    returns = search_returns.parse(r)
    keys = sort_keys.parse_criteria(r)
    r.sp()
    request = search_keys.request_of(returns, lambda: search_keys.parse_keys(r, search_keys.parse_charset(r)))
    by_relevancy = any(key.criterion is Criterion.RELEVANCY for key in keys)
    if by_relevancy and not request.program.fuzzy and request.refusal is None:
        raise BadSyntax("RELEVANCY needs a FUZZY key")  # RFC 6203 §6
    return Sort(keys, request, r.uid)


async def run(s: Session, c: Sort) -> bytes:
    view, returns = s.selected, c.request.returns
    esearch.require_options(s, returns)
    contexts.require_free_tag(s, returns)
    if c.request.program.modseq:
        s.need_condstore()
    message_limit.require_all(s, c.request.program.key)
    since = view.told_modseq
    found = await found_or_forgotten(s, c.request, returns)
    uids = await s.mailboxes.sort(view.index, c.keys, found)
    named = uids if c.by_uid else numbers_in_order(view, uids)
    if returns is None:
        s.untagged(b"SORT" + plain(s, c.request, uids, named))
    else:
        answer(s, c.request, returns, Results(view.index, uids, named, found.scores), by_uid=c.by_uid)
        contexts.begin(s, c.request.program, returns, uids, since, by_uid=c.by_uid, keys=c.keys)
    return b"SORT completed"


def numbers_in_order(view: View, uids: list[int]) -> list[int]:
    """As view.numbers, which goes by number, but in the order of `uids`, all of which the client knows."""
    if len(uids) * SCAN_SHARE < view.length:
        found = map(view.number, uids)
        return [number for number in found if number is not None]
    numbers = dict(zip(view.uids[: view.length], itertools.count(1), strict=False))
    return [numbers[uid] for uid in uids]


ROWS = {"SORT": Row(parse, run, SELECTED, uid=True, holds_expunge=True, reports=True, capability=b"SORT")}
