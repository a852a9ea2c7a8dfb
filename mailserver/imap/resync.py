"""What a client that was away is told: VANISHED (EARLIER), of exactly the difference. RFC 7162 §3.2.5, §3.2.6."""

import asyncio
from collections.abc import Iterator, Sequence

from mailserver.imap.session import Session
from mailserver.imap.view import View
from mailserver.imap.wire.select_items import KnownState
from mailserver.mail.sequence import Ranges, ranges_of, ranges_wire, within
from mailserver.mailboxes.values import Changes

LINE_RANGES = 1000  # in one VANISHED response: clients read lines into buffers
TURN_MESSAGES = 10_000  # gone through in one turn of the loop


async def tell_vanished(s: Session, changes: Changes, known: Ranges) -> None:
    """Of the UIDs the client knows, those that are gone; more than these where removals are forgotten, never less."""
    view = s.selected
    if changes.vanished is None:
        gone = await missing(view, known)
    else:
        held = set(view.held_removals())  # the client still counts them and will be told by VANISHED alone
        gone = ranges_of([uid for uid in within(changes.vanished, known) if uid not in held])
    for start in range(0, len(gone), LINE_RANGES):
        s.untagged(b"VANISHED (EARLIER) " + ranges_wire(gone[start : start + LINE_RANGES]))
        await s.drain()


def known_uids(view: View, state: KnownState) -> Ranges:
    """What is not said to be known is all there ever was."""
    if state.uids is not None:
        return state.uids
    return ((1, view.told_uidnext - 1),) if view.told_uidnext > 1 else ()


def beyond_match(view: View, state: KnownState, known: Ranges) -> Ranges:
    """`known` without the UIDs up to the client's last message number that still means the same message.

    So far nothing is missing on either side. RFC 7162 §3.2.5.2.
    """
    matched = 0
    for number, uid in zip(_each(state.numbers), _each(state.uids_of_numbers), strict=True):
        if number > view.length or view.uids[number - 1] != uid:
            break
        matched = uid
    return tuple((max(first, matched + 1), last) for first, last in known if last > matched)


def _each(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


async def missing(view: View, known: Ranges) -> Ranges:
    """The parts of the ranges in which no message is."""
    uids, length = view.uids, view.length
    gaps: list[tuple[int, int]] = []
    next_uid = 1
    for start in range(0, length, TURN_MESSAGES):
        for uid in uids[start : min(start + TURN_MESSAGES, length)]:
            if uid > next_uid:
                gaps.append((next_uid, uid - 1))
            next_uid = uid + 1
        await asyncio.sleep(0)
    if next_uid < view.told_uidnext:
        gaps.append((next_uid, view.told_uidnext - 1))
    return tuple(_common(gaps, known))


def _common(gaps: Sequence[tuple[int, int]], known: Ranges) -> Iterator[tuple[int, int]]:
    """The intersection of two ascending lists of ranges."""
    place = 0
    for first, last in gaps:
        while place < len(known) and known[place][1] < first:
            place += 1
        at = place
        while at < len(known) and known[at][0] <= last:
            yield max(first, known[at][0]), min(last, known[at][1])
            at += 1
