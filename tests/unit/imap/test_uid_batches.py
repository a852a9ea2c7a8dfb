"""Batches of UIDs: every message is in exactly one, and every UID between them too."""

from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.commands.uid_batches import batches
from tests.unit.imap.test_view import index_of, view_of


def test_a_mailbox_of_six_in_pairs() -> None:
    view = view_of(index_of(3, 5, 6, 9, 20, 21))
    assert batches(view, 2, 1, None) == [(21, 20), (19, 6), (5, 1)]
    assert batches(view, 2, 2, 2) == [(19, 6)]
    assert batches(view, 4, 1, None) == [(21, 6), (5, 1)]
    assert batches(view, 100, 1, None) == [(21, 1)]
    assert batches(view_of(index_of()), 2, 1, None) == []


@given(st.sets(st.integers(1, 300)), st.integers(1, 20))
def test_batches_touch_and_hold_their_number(uids: set[int], size: int) -> None:
    found = batches(view_of(index_of(*sorted(uids))), size, 1, None)
    counts = [sum(low <= uid <= high for uid in uids) for high, low in found]
    assert counts == [size] * (len(uids) // size) + ([len(uids) % size] if len(uids) % size else [])
    edges = [high for high, _ in found[1:]] + ([0] if found else [])
    assert [low - 1 for _, low in found] == edges
