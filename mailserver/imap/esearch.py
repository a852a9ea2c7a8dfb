"""The answer to a search that names what it wants returned. RFC 4731, RFC 5267, RFC 6203, RFC 7377, RFC 9394."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailserver.imap.view import View
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import BadSyntax
from mailserver.imap.wire.search_keys import Program
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.mail.sequence import wire
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.values import LEAST, SearchView

if TYPE_CHECKING:
    from mailserver.imap.session import Session

# what an option belongs to; where all of it is switched off the option is unknown
_CAPABILITIES: dict[SearchReturn, tuple[bytes, ...]] = {
    SearchReturn.SAVE: (b"SEARCHRES",),
    SearchReturn.PARTIAL: (b"PARTIAL", b"CONTEXT=SEARCH", b"CONTEXT=SORT"),
    SearchReturn.RELEVANCY: (b"SEARCH=FUZZY",),
    SearchReturn.CONTEXT: (b"CONTEXT=SEARCH", b"CONTEXT=SORT"),
    SearchReturn.UPDATE: (b"CONTEXT=SEARCH", b"CONTEXT=SORT"),
}


@dataclass(frozen=True, slots=True)
class Results:
    """What was found in one mailbox."""

    index: MailboxIndex
    uids: Sequence[int]  # ascending, or sorted
    named: Sequence[int]  # the same as the client is told them: UIDs or message numbers
    scores: Mapping[int, int]  # by UID


def require_options(s: "Session", returns: Returns | None) -> None:
    for option in returns.options if returns is not None else ():
        if option in _CAPABILITIES and not any(map(s.can, _CAPABILITIES[option])):
            raise BadSyntax("Unknown return option")


def search_view(s: "Session", view: View) -> SearchView:
    """What the session sees in its selected mailbox."""
    now = int(s.around.clock.now().timestamp())
    return SearchView(view.uids[: view.length], view.is_recent, view.saved, now, s.attendance.at)


def correlator(s: "Session", tag: bytes, *, by_uid: bool, mailbox: str = "", uidvalidity: int = 0) -> bytes:
    """ESEARCH (TAG "a" [MAILBOX … UIDVALIDITY …]) [UID]"""
    place = b" MAILBOX %b UIDVALIDITY %d" % (s.name(mailbox), uidvalidity) if mailbox else b""
    return b"ESEARCH (TAG %b%b)" % (writer.string(tag), place) + (b" UID" if by_uid else b"")


def return_data(returns: Returns, program: Program, results: Results) -> bytes:
    """What follows the correlator. Nothing found: COUNT and PARTIAL alone have something to say, RFC 4731 §3.1."""
    named = results.named
    line = b""
    if named and SearchReturn.MIN in returns:
        line += b" MIN %d" % named[0]
    if named and SearchReturn.MAX in returns:
        line += b" MAX %d" % named[-1]
    if SearchReturn.COUNT in returns:
        line += b" COUNT %d" % len(named)
    if named and SearchReturn.ALL in returns:
        line += b" ALL " + wire(named)
    if returns.partial is not None:
        line += b" PARTIAL (%b %b)" % (returns.partial.wire, wire(returns.partial.of(named)) or b"NIL")
    if results.uids and program.modseq:
        line += b" MODSEQ %d" % highest_modseq(results.index, returns.concerned(results.uids))
    if results.uids and SearchReturn.RELEVANCY in returns:
        line += b" RELEVANCY (%b)" % _scores(returns, results)
    return line


def highest_modseq(index: MailboxIndex, uids: Sequence[int]) -> int:
    """0 where all of them are gone again."""
    positions = map(index.position, uids)
    return max((index.modseqs[position] for position in positions if position is not None), default=0)


def _scores(returns: Returns, results: Results) -> bytes:
    """In the order of the messages, RFC 6203 §4; of a page, those of the page."""
    uids = returns.partial.of(results.uids) if returns.partial is not None else results.uids
    return b" ".join(b"%d" % results.scores.get(uid, LEAST) for uid in uids)
