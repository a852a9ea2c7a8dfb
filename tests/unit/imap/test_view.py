"""What one client believes stays true whatever others do to the mailbox, and it is told exactly the difference."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.view import ALL_NEWS, Manner, News, View
from mailserver.imap.wire.reader import BadSyntax
from mailserver.mail.flags import EMPTY, FlagSet
from mailserver.mail.sequence import SequenceSet
from mailserver.mailboxes.index import MailboxIndex
from mailserver.store.events import AddedMessage
from mailserver.store.mailbox_columns import Columns
from mailserver.store.mailboxes import Mailbox

SEEN = FlagSet.of(["\\Seen"])


def index_of(*uids: int) -> MailboxIndex:
    uidnext = max(uids, default=0) + 1
    mailbox = Mailbox(
        id=1, user_id=1, name="INBOX", uidvalidity=1, uidnext=uidnext, highestmodseq=10,
        special_use=None, directory="", recent_uid=uidnext, maildir="x",
    )  # fmt: skip
    count = len(uids)
    columns = Columns(
        uids=array("L", uids), flags=[EMPTY] * count, modseqs=array("Q", [10] * count), sizes=array("Q", [1] * count),
        internal_dates=array("q", [0] * count), content_ids=array("Q", [1] * count),
        thread_ids=array("q", [1] * count), save_dates=array("q", [0] * count),
    )  # fmt: skip
    return MailboxIndex(mailbox, columns, ())


def view_of(index: MailboxIndex) -> View:
    return View(index, index.uidnext, claim=MailboxIndex.claim_recent)


def add(index: MailboxIndex, uid: int, modseq: int) -> None:
    index.add([AddedMessage(uid, 1, 0, EMPTY, modseq, 1, 1, 0)])


def sync(view: View, *, expunge: bool = True) -> list[bytes]:
    news = ALL_NEWS if expunge else ALL_NEWS & ~News.REMOVALS
    return [line.removeprefix(b"* ").removesuffix(b"\r\n") for line in view.sync(news)]


@pytest.mark.parametrize(
    ("text", "by_uid", "uids"),
    [
        (((1, 2),), False, [10, 20]),
        (((0, 2),), False, [20, 30]),  # "*:2"
        (((3, 99),), False, [30]),  # a range that reaches beyond is cut
        (((15, 4_294_967_295),), True, [20, 30]),
        (((0, 99),), True, [30]),  # "*:99" always holds the largest
        (((11, 19),), True, []),
        (((30, 10), (20, 20)), True, [10, 20, 30]),
    ],
)
def test_sets_mean_messages(text: tuple[tuple[int, int], ...], by_uid: bool, uids: list[int]) -> None:
    assert view_of(index_of(10, 20, 30)).select(SequenceSet(text), by_uid=by_uid) == uids


@pytest.mark.parametrize("ranges", [((4, 4),), ((1, 1), (4, 9))])
def test_numbers_that_do_not_exist_are_bad(ranges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(BadSyntax):
        view_of(index_of(10, 20, 30)).select(SequenceSet(ranges), by_uid=False)


@given(st.sets(st.integers(1, 40)), st.booleans(), st.sets(st.integers(1, 45)))
def test_numbers_are_the_places_of_those_that_the_client_knows(
    present: set[int], without_holes: bool, asked: set[int]
) -> None:
    uids = list(range(1, len(present) + 1)) if without_holes else sorted(present)
    index = index_of(*uids)
    view = view_of(index)
    add(index, 41, 11)  # not told yet
    assert view.numbers(sorted(asked)) == [place for place, uid in enumerate(uids, 1) if uid in asked]


def test_expunge_waits_and_numbers_hold_meanwhile() -> None:
    index = index_of(1, 2, 3, 4)
    view = view_of(index)
    index.remove([1, 3], 11)
    add(index, 5, 12)
    assert sync(view, expunge=False) == [b"5 EXISTS", b"1 RECENT"]
    assert [view.number(uid) for uid in (1, 2, 3, 4, 5)] == [1, 2, 3, 4, 5]
    assert sync(view) == [b"1 EXPUNGE", b"2 EXPUNGE"]
    assert [view.number(uid) for uid in (1, 2, 3, 4, 5)] == [None, 1, None, 2, 3]
    assert view.current
    assert sync(view) == []


def test_a_change_is_told_once_and_not_to_who_made_it() -> None:
    index = index_of(1, 2)
    view, other = view_of(index), view_of(index)
    index.set_flags([(2, SEEN, 11)])
    view.told(2, 11)
    assert sync(view) == []
    assert sync(other) == [b"2 FETCH (FLAGS (\\Seen))"]
    index.set_flags([(2, EMPTY, 12)])
    assert sync(view) == [b"2 FETCH (FLAGS ())"]


def test_a_message_that_came_and_went_is_never_told() -> None:
    index = index_of(1)
    view = view_of(index)
    add(index, 2, 11)
    index.remove([2], 12)
    assert sync(view) == []


def test_recent_goes_to_one_view() -> None:
    index = index_of(1)
    view, other = view_of(index), view_of(index)
    add(index, 2, 11)
    assert sync(view) == [b"2 EXISTS", b"1 RECENT"]
    assert sync(other) == [b"2 EXISTS", b"0 RECENT"]
    assert view.is_recent(2)
    assert not other.is_recent(2)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "flag", "hold", "tell"]), st.integers(0, 99)), max_size=60))
def test_a_client_that_follows_what_it_is_told_is_right(steps: list[tuple[str, int]]) -> None:
    index = index_of(1, 2, 3)
    view, believed, modseq = view_of(index), [1, 2, 3], 10
    for what, number in [*steps, ("tell", 0)]:
        modseq += 1
        uids = list(index.uids)
        if what == "add":
            add(index, index.uidnext, modseq)
        elif what == "remove" and uids:
            index.remove([uids[number % len(uids)]], modseq)
        elif what == "flag" and uids:
            index.set_flags([(uids[number % len(uids)], SEEN, modseq)])
        else:
            known = list(view.uids)  # the client asks for the UIDs of what EXISTS announced
            for line in sync(view, expunge=what == "tell"):
                _hear(believed, line)
            believed += list(view.uids[len(believed) : view.length])
            assert believed == list(view.uids[: view.length]), known
            assert view.numbers(believed) == list(range(1, len(believed) + 1))
    assert believed == list(index.uids)


def _hear(believed: list[int], line: bytes) -> None:
    number, word, *_ = line.split()
    if word == b"EXPUNGE":
        del believed[int(number) - 1]
    elif word == b"EXISTS":
        assert int(number) >= len(believed)
    elif word == b"FETCH":
        assert 1 <= int(number) <= len(believed)


VANISHING = Manner(modseq=True, vanished=True, recent=False)
BY_UID = Manner(vanished=True, uid_only=True)


def in_manner(manner: Manner, *uids: int) -> tuple[MailboxIndex, View]:
    index = index_of(*uids)
    view = view_of(index)
    view.manner = manner
    return index, view


def test_vanished_names_uids_in_one_line_and_moves_numbers_as_expunge_does() -> None:
    index, view = in_manner(VANISHING, 1, 2, 3, 5, 9)
    index.remove([1, 2, 3, 9], 11)
    add(index, 12, 12)
    assert sync(view) == [b"VANISHED 1:3,9", b"2 EXISTS"]
    assert [view.number(uid) for uid in (5, 12)] == [1, 2]
    index.set_flags([(5, SEEN, 13)])
    assert sync(view) == [b"1 FETCH (FLAGS (\\Seen) UID 5 MODSEQ (13))"]


def test_without_message_numbers_changes_are_named_by_uid() -> None:
    index, view = in_manner(BY_UID, 4, 8)
    index.set_flags([(8, SEEN, 11)])
    index.remove([4], 12)
    assert sync(view) == [b"VANISHED 4", b"8 UIDFETCH (FLAGS (\\Seen))"]


def test_the_number_to_go_on_from_waits_for_what_is_held_back() -> None:
    index, view = in_manner(VANISHING, 1, 2)
    assert (view.complete_modseq, view.holds_back) == (10, False)
    index.remove([1], 11)
    index.set_flags([(2, SEEN, 12)])
    assert sync(view, expunge=False) == [b"2 FETCH (FLAGS (\\Seen) UID 2 MODSEQ (12))"]
    assert (view.complete_modseq, view.holds_back) == (10, True)
    assert sync(view) == [b"VANISHED 1"]
    assert (view.complete_modseq, view.holds_back) == (12, False)


@pytest.mark.parametrize("news", [News.ARRIVALS, News.REMOVALS, News.FLAGS])
def test_only_what_a_client_is_interested_in_is_told_and_the_rest_waits(news: News) -> None:
    index = index_of(1, 2)
    view = view_of(index)
    index.remove([1], 11)
    add(index, 3, 12)
    index.set_flags([(2, SEEN, 13)])
    told = view.sync(news)
    rest = view.sync(ALL_NEWS)
    kinds = {News.ARRIVALS: b"EXISTS", News.REMOVALS: b"EXPUNGE", News.FLAGS: b"FETCH"}
    for kind, word in kinds.items():
        assert any(word in line for line in told) == (kind is news)
        assert any(word in line for line in rest) == (kind is not news)
    assert [view.number(uid) for uid in (1, 2, 3)] == [None, 1, 2]


@pytest.mark.parametrize("manner", [Manner(), VANISHING, BY_UID], ids=["EXPUNGE", "VANISHED", "UIDONLY"])
def test_a_saved_search_result_loses_what_is_gone(manner: Manner) -> None:
    index, view = in_manner(manner, 1, 2, 3)
    view.saved = [1, 2, 3]
    index.remove([2], 11)
    view.sync(ALL_NEWS)
    add(index, 4, 12)
    view.sync(ALL_NEWS)
    saved = SequenceSet((), saved=True)
    assert view.select(saved, by_uid=True) == view.select(saved, by_uid=False) == [1, 3]
