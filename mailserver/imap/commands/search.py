"""SEARCH, answered with SEARCH or ESEARCH. RFC 3501 §6.4.4, RFC 4731, RFC 7162 §3.1.5."""

from dataclasses import dataclass

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import View
from mailserver.imap.wire import search_keys, writer
from mailserver.imap.wire.reader import Reader
from mailserver.imap.wire.search_keys import SearchRequest, SearchReturn
from mailserver.mail.sequence import wire
from mailserver.mailboxes.values import SearchView


@dataclass(frozen=True, slots=True)
class Search:
    request: SearchRequest
    by_uid: bool


def parse(r: Reader) -> Search:
    return Search(search_keys.parse(r), r.uid)


async def run(s: Session, c: Search) -> bytes:
    view, request = s.selected, c.request
    if request.modseq:
        s.enabled.add("CONDSTORE")
    seen = SearchView(view.uids[: view.length], view.is_recent)
    found = await s.mailboxes.search(view.index, request.key, seen)
    named = found if c.by_uid else view.numbers(found)
    if request.returns is None:
        modseq = b" (MODSEQ %d)" % _highest(view, found) if request.modseq and found else b""
        s.untagged(b" ".join([b"SEARCH", *(b"%d" % number for number in named)]) + modseq)
    else:
        s.untagged(_esearch(s.tag, c, request.returns, named, found, view))
    return b"SEARCH completed"


def _esearch(
    tag: bytes, c: Search, returns: frozenset[SearchReturn], named: list[int], found: list[int], view: View
) -> bytes:
    """Nothing found: COUNT alone has something to say. RFC 4731 §3.1."""
    line = b"ESEARCH (TAG %b)" % writer.string(tag) + (b" UID" if c.by_uid else b"")
    if named and SearchReturn.MIN in returns:
        line += b" MIN %d" % named[0]
    if named and SearchReturn.MAX in returns:
        line += b" MAX %d" % named[-1]
    if SearchReturn.COUNT in returns:
        line += b" COUNT %d" % len(named)
    if named and SearchReturn.ALL in returns:
        line += b" ALL " + wire(named)
    if found and c.request.modseq:
        line += b" MODSEQ %d" % _highest(view, _told(returns, found))
    return line


def _told(returns: frozenset[SearchReturn], found: list[int]) -> list[int]:
    """Whose modseq counts: of MIN and MAX alone only theirs, else of everything found. RFC 4731 §3.2."""
    if not returns <= {SearchReturn.MIN, SearchReturn.MAX}:
        return found
    ends = {SearchReturn.MIN: found[0], SearchReturn.MAX: found[-1]}
    return [ends[option] for option in returns]


def _highest(view: View, uids: list[int]) -> int:
    """0 where all of them are gone again."""
    index = view.index
    positions = map(index.position, uids)
    return max((index.modseqs[position] for position in positions if position is not None), default=0)


ROWS = {"SEARCH": Row(parse, run, SELECTED, uid=True, holds_expunge=True)}
