"""Which UIDs a client that was away is told about, by what it says it knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap import resync
from mailserver.imap.wire.select_items import KnownState
from mailserver.mail.sequence import Ranges
from tests.unit.imap.test_view import index_of, view_of

UIDS = st.sets(st.integers(1, 60))


def state(
    *, uids: Ranges | None = None, numbers: Ranges = (), uids_of_numbers: Ranges = (), modseq: int = 1
) -> KnownState:
    return KnownState(1, modseq, uids, numbers, uids_of_numbers)


def members(ranges: Ranges) -> set[int]:
    return {uid for first, last in ranges for uid in range(first, last + 1)}


@pytest.mark.parametrize(
    ("known", "beyond"),
    [
        (state(), ((1, 40),)),  # nothing said: all there ever were
        (state(uids=((5, 12), (35, 50))), ((5, 12), (35, 50))),
        (state(numbers=((1, 1), (3, 3)), uids_of_numbers=((10, 10), (30, 30))), ((31, 40),)),
        (state(numbers=((1, 2),), uids_of_numbers=((10, 11),)), ((11, 40),)),  # the second means another message
        (state(numbers=((2, 2),), uids_of_numbers=((10, 10),)), ((1, 40),)),
        (state(numbers=((9, 9),), uids_of_numbers=((40, 40),)), ((1, 40),)),  # there are four
        (state(uids=((1, 9), (25, 40)), numbers=((3, 3),), uids_of_numbers=((30, 30),)), ((31, 40),)),
    ],
)
def test_message_numbers_that_still_hold_leave_nothing_to_tell_below(known: KnownState, beyond: Ranges) -> None:
    view = view_of(index_of(10, 20, 30, 40))
    assert resync.beyond_match(view, known, resync.known_uids(view, known)) == beyond


def test_an_empty_mailbox_that_never_had_mail_has_nothing_to_know() -> None:
    assert resync.known_uids(view_of(index_of()), state()) == ()


@given(UIDS, st.lists(st.tuples(st.integers(1, 70), st.integers(0, 12)), max_size=5))
async def test_what_is_missing_is_what_was_and_is_not(there: set[int], spans: list[tuple[int, int]]) -> None:
    view = view_of(index_of(*sorted(there)))
    edge = 0
    known: list[tuple[int, int]] = []
    for start, width in sorted(spans):
        if start > edge:
            known.append((start, start + width))
            edge = start + width + 1
    missing = await resync.missing(view, tuple(known))
    assert members(missing) == (members(tuple(known)) & set(range(1, view.told_uidnext))) - there
    assert all(first <= last for first, last in missing)


@given(st.lists(st.integers(1, 200), unique=True, min_size=1), st.data())
def test_removals_are_found_however_many(uids: list[int], data: st.DataObject) -> None:
    uids.sort()
    gone = data.draw(st.sets(st.sampled_from(uids)))
    index = index_of(*uids)
    view = view_of(index)
    index.remove(gone, 11)
    assert view.held_removals() == sorted(gone)
