"""THREAD: a search whose results come as conversations. RFC 5256 §3, draft-ietf-morg-inthread §4."""

from dataclasses import dataclass

from mailserver.imap import message_limit
from mailserver.imap.commands.sort import numbers_in_order
from mailserver.imap.esearch import search_view
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.wire import search_keys, sort_keys
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_keys import Program
from mailserver.mail.threading import Algorithm


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: Algorithm
    program: Program
    by_uid: bool


def parse(r: Reader) -> Thread:
    """thread = "THREAD" SP thread-alg SP charset SP search-key *(SP search-key)"""
    r.sp()
    algorithm = sort_keys.parse_algorithm(r)
    r.sp()
    return Thread(algorithm, search_keys.parse_keys(r, search_keys.parse_charset(r)), r.uid)


async def run(s: Session, c: Thread) -> bytes:
    view = s.selected
    if not s.can(b"THREAD=" + c.algorithm.value.encode("ascii")):
        raise BadSyntax("Unknown threading algorithm")
    if c.program.modseq:
        s.need_condstore()
    message_limit.require_all(s, c.program.key)
    uids = await s.mailboxes.search(view.index, c.program.key, search_view(s, view))
    threads = await s.mailboxes.thread(view.index, c.algorithm, uids)
    named = threads.uids if c.by_uid else tuple(numbers_in_order(view, [*threads.uids]))
    s.untagged(b"THREAD " + threads.template % named if named else b"THREAD")
    return b"THREAD completed"


ROWS = {"THREAD": Row(parse, run, SELECTED, uid=True, holds_expunge=True, reports=True)}
