"""MESSAGELIMIT: how many messages one command works on, and what is said where there are more. RFC 9738.

The newest are worked on, and the answer names the last UID that was: the client goes on below it.
"""

from collections.abc import Sequence

from mailserver.errors import Refusal
from mailserver.imap.session import Session
from mailserver.mail.search import And, Numbers, SearchKey, Uids
from mailserver.mail.sequence import SequenceSet, within


class TooManyMessages(Refusal):
    """Nothing was done: half a COPY or a sorted part would be of no use. RFC 9738 §3.1, §3.3."""

    def __init__(self, limit: int) -> None:
        self.imap = f"MESSAGELIMIT {limit}"
        super().__init__(f"At most {limit} messages at once: take fewer")


def of(s: Session) -> int:
    """0: none; a limit that is not told is none."""
    return s.around.config.message_limit if s.can(b"MESSAGELIMIT") else 0


def require_within(s: Session, count: int) -> None:
    """For commands that do all or nothing. Raises TooManyMessages."""
    limit = of(s)
    if limit and count > limit:
        raise TooManyMessages(limit)


def newest(s: Session, uids: Sequence[int]) -> tuple[Sequence[int], bytes]:
    """The UIDs to work on, ascending as they are, and the response code that says what was left out."""
    limit = of(s)
    if not limit or len(uids) <= limit:
        return uids, b""
    chosen = uids[len(uids) - limit :]
    return chosen, _code(limit, chosen[0])


def newest_numbers(s: Session, numbers: Sequence[int]) -> tuple[Sequence[int], bytes]:
    """The same for message numbers."""
    limit = of(s)
    if not limit or len(numbers) <= limit:
        return numbers, b""
    chosen = numbers[len(numbers) - limit :]
    return chosen, _code(limit, s.selected.uids[chosen[0] - 1])


def _code(limit: int, lowest_uid: int) -> bytes:
    return b"[MESSAGELIMIT %d %d] " % (limit, lowest_uid)


def searched(s: Session, key: SearchKey) -> tuple[SearchKey, bytes]:
    """The key with what keeps it to the newest messages; those it leaves out from the start do not count."""
    limit, view = of(s), s.selected
    if not limit or view.length <= limit:
        return key, b""
    uids: Sequence[int] = view.uids[: view.length]
    for each in key.keys if isinstance(key, And) else (key,):
        if isinstance(each, Uids | Numbers):
            uids = within(uids, _uid_ranges(s, each))
    chosen, code = newest(s, uids)
    if not code:
        return key, b""
    return And((Uids(SequenceSet(((chosen[0], chosen[-1]),))), key)), code


def require_all(s: Session, key: SearchKey) -> None:
    """For SORT and THREAD: an order of a part says nothing of the whole. Raises TooManyMessages. RFC 9738 §3.3."""
    _key, code = searched(s, key)
    if code:
        raise TooManyMessages(of(s))


def _uid_ranges(s: Session, key: "Uids | Numbers") -> tuple[tuple[int, int], ...]:
    view = s.selected
    if isinstance(key, Uids):
        return key.uids.resolve(view.uids[view.length - 1])
    spans = view.spans(key.numbers, by_uid=False)
    return tuple((view.uids[first - 1], view.uids[last - 1]) for first, last in spans)


def told(s: Session, limited: bytes, code: bytes) -> bytes:
    """One code fits the tagged answer: the limit is told before it where there is another. RFC 9738 §3.1."""
    if limited and code:
        s.untagged(b"NO " + limited + b"Only the newest messages were worked on")
        return code
    return limited or code
