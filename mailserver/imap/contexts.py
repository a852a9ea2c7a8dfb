"""Search results that are kept up to date for the client: RETURN (UPDATE). RFC 5267 §4.3.

What leaves the mailbox is told before its EXPUNGE; what changed or arrived is searched after EXISTS was told, and
only that: a change costs its own messages, not the mailbox.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailserver.imap.esearch import search_view
from mailserver.imap.search_context import Context
from mailserver.imap.view import View
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import BadSyntax
from mailserver.imap.wire.search_keys import Program
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.mail.search import And, SearchKey, Uids, Within, leaves
from mailserver.mail.sequence import SequenceSet, ranges_of
from mailserver.mail.sorting import SortKey
from mailserver.mailboxes.values import Found

if TYPE_CHECKING:
    from mailserver.imap.session import Session

MAX_CONTEXTS = 16  # of one session
MAX_KEPT = 250_000  # messages in all of them, some 100 octets each


def require_free_tag(s: "Session", returns: Returns | None) -> None:
    """A tag names one result at a time, RFC 5267 §4.3."""
    if returns is not None and SearchReturn.UPDATE in returns and s.tag in s.selected.contexts:
        raise BadSyntax("This tag names a result that is kept up to date: cancel it first")


def begin(
    s: "Session",
    program: Program,
    returns: Returns,
    uids: list[int],
    since: int,
    *,
    by_uid: bool,
    keys: tuple[SortKey, ...] = (),
) -> None:
    """Keep a result up to date, or say that it will not be. `since`: what the client was told before the search."""
    if SearchReturn.UPDATE not in returns:
        return
    contexts = s.selected.contexts
    if len(contexts) >= MAX_CONTEXTS:
        refuse(s, f"At most {MAX_CONTEXTS} results are kept up to date at once")
    elif sum(len(context.uids) for context in contexts.values()) + len(uids) > MAX_KEPT:
        refuse(s, f"At most {MAX_KEPT} messages in results that are kept up to date")
    elif not _lasts(program):
        refuse(s, "Numbers, ages and fuzzy keys mean something else tomorrow")
    else:
        contexts[s.tag] = Context(s.tag, program.key, keys, by_uid, since, uids)


def refuse(s: "Session", why: str) -> None:
    """RFC 5267 §4.3.1: the search itself is answered all the same."""
    s.untagged(b"NO [NOUPDATE %b] %b" % (writer.string(s.tag), why.encode("ascii")))


def _lasts(program: Program) -> bool:
    """Whether a message that did not change can not begin or cease to match."""
    volatile = any(isinstance(key, Within) for key in leaves(program.key))
    return not (program.numbers or program.fuzzy or volatile)


def departures(view: View) -> list[bytes]:
    """REMOVEFROM of messages that are gone, for the moment before EXPUNGE tells so. RFC 5267 §4.3.4."""
    lines: list[bytes] = []
    if view.current or view.gone:
        return lines
    present = set(view.index.uids) if view.contexts else set()
    for context in view.contexts.values():
        gone = context.members - present
        if gone:
            lines.append(_removal(view, context, gone))
    return lines


async def tell(s: "Session") -> None:
    """ADDTO and REMOVEFROM of messages that changed or arrived, and that the client knows."""
    view = s.view
    if view is None or not view.contexts or view.gone:
        return
    now = view.index.highestmodseq
    for context in [*view.contexts.values()]:
        if context.modseq < now:
            await _refresh(s, view, context, now)


async def _refresh(s: "Session", view: View, context: Context, now: int) -> None:
    news = view.index.changed_since(context.modseq)
    changed = [uid for uid in news if view.number(uid) is not None]
    if len(changed) == len(news):  # else the client has not been told of all of them: they come again
        context.modseq = now
    if not changed:
        return
    key: SearchKey = And((Uids(SequenceSet(ranges_of(changed))), context.key))
    matching = set(await s.mailboxes.search(view.index, key, search_view(s, view)))
    ceased = context.members.intersection(changed) - matching
    if ceased:
        s.write(_removal(view, context, ceased))
    if matching - context.members:
        after = sorted(context.members | matching)
        if context.keys:
            after = await s.mailboxes.sort(view.index, context.keys, Found(after))
        s.write(context.line(b"ADDTO", _named(view, context, context.added(after))))
        context.take(after)


def _removal(view: View, context: Context, gone: set[int]) -> bytes:
    line = context.line(b"REMOVEFROM", _named(view, context, context.removed(gone)))
    context.take([uid for uid in context.uids if uid not in gone])
    return line


def _named(view: View, context: Context, changes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The UIDs as the client is told them."""
    if context.by_uid:
        return [*changes]
    return [(position, number) for position, uid in changes if (number := view.number(uid)) is not None]
