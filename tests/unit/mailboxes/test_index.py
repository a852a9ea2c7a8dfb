"""The index alone: changes come twice or not at all, arrays stay parallel, old arrays stay whole."""

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.flags import EMPTY, FlagSet
from mailserver.mailboxes import index as index_module
from mailserver.mailboxes.index import MailboxIndex
from mailserver.store.events import AddedMessage
from mailserver.store.mailbox_columns import Columns
from mailserver.store.mailboxes import Mailbox

SEEN = FlagSet.of(["\\Seen"])


def columns(uids: Sequence[int], modseqs: Sequence[int] | None = None) -> Columns:
    return Columns(
        array("q", uids),
        [EMPTY] * len(uids),
        array("q", modseqs if modseqs is not None else [1] * len(uids)),
        array("q", [uid * 10 for uid in uids]),
        array("q", [uid * 100 for uid in uids]),
        array("q", [uid * 1000 for uid in uids]),
        array("q", uids),
        array("q", [uid * 100 for uid in uids]),
    )


def mailbox(uidnext: int, highestmodseq: int = 1) -> Mailbox:
    return Mailbox(7, 1, "INBOX", 42, uidnext, highestmodseq, None, "", 1, "example.test/ann")


def an_index(*uids: int) -> MailboxIndex:
    return MailboxIndex(mailbox(max(uids, default=0) + 1), columns(uids), [])


def added(uid: int, modseq: int) -> AddedMessage:
    return AddedMessage(uid, uid * 10, uid * 100, EMPTY, modseq, uid * 1000, uid, uid * 100)


def assert_parallel(index: MailboxIndex) -> None:
    uids = [*index.uids]
    assert uids == sorted(set(uids))
    assert [*index.sizes] == [uid * 10 for uid in uids]
    assert [*index.internal_dates] == [uid * 100 for uid in uids]
    assert [*index.content_ids] == [uid * 1000 for uid in uids]
    assert [*index.thread_ids] == uids
    assert [*index.save_dates] == [*index.internal_dates]
    assert len(index.flags) == len(index.modseqs) == len(uids)


def test_a_message_heard_of_twice_is_there_once() -> None:
    index = an_index(1, 2)
    assert index.add([added(3, 5)])
    assert not index.add([added(3, 5)])
    assert [*index.uids] == [1, 2, 3]
    assert (index.uidnext, index.highestmodseq) == (4, 5)


def test_older_flags_do_not_undo_newer_ones() -> None:
    index = an_index(1)
    assert index.set_flags([(1, SEEN, 9)])
    assert not index.set_flags([(1, EMPTY, 8)])
    assert index.flags == [SEEN]


def test_flags_of_a_missing_message_are_passed_over() -> None:
    index = an_index(1)
    assert not index.set_flags([(2, SEEN, 9)])


def test_removal_leaves_the_old_array_to_whoever_holds_it() -> None:
    index = an_index(1, 2, 3)
    held = index.uids
    assert index.remove([2], 4)
    assert [*held] == [1, 2, 3]
    assert [*index.uids] == [1, 3]
    index.add([added(4, 5)])
    assert [*held] == [1, 2, 3]
    assert not index.remove([2], 4)


def test_a_slice_costs_its_hits() -> None:
    index = an_index(2, 4, 6, 4_000_000_000)
    assert index.slice(((1, 4), (6, 4_294_967_295))) == [2, 4, 6, 4_000_000_000]
    assert index.slice(((7, 100),)) == []
    assert index.position(4) == 1
    assert index.position(5) is None
    assert index.position(4_294_967_295) is None


def test_changes_are_found_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "LOG_LENGTH", 2)
    index = an_index(1, 2, 3)
    for modseq, uid in ((5, 3), (6, 1), (7, 3), (8, 2)):
        index.set_flags([(uid, FlagSet.of([f"k{modseq}"]), modseq)])
    assert index.changed_since(8) == []
    assert index.changed_since(7) == [2]
    assert index.changed_since(6) == [2, 3]  # the log reaches to here
    assert index.changed_since(5) == [1, 2, 3]
    assert index.changed_since(0) == [1, 2, 3]
    index.remove([2], 9)
    assert index.changed_since(7) == []


@pytest.mark.parametrize(
    ("uids", "modseqs"),
    [
        ((), (5,)),  # all, by one command
        ((), (5, 6, 7)),  # all, by several
        ((3, 4), (5,)),  # some are not here: as many UIDs, others than ours
        ((), (1, 5)),  # some were known
    ],
)
def test_flags_of_all_messages_at_once_are_those_set_one_by_one(
    uids: tuple[int, ...], modseqs: tuple[int, ...]
) -> None:
    count = index_module.LOG_LENGTH + 2
    changes = [
        (uid + (2 * count if uid in uids else 0), FlagSet.of([f"k{uid % 3}"]), modseqs[uid % len(modseqs)])
        for uid in range(1, count + 1)
    ]
    changes.sort(key=lambda change: change[0])
    whole, steps = an_index(*range(1, count + 1)), an_index(*range(1, count + 1))
    known = whole.highestmodseq
    assert whole.set_flags(changes)
    for change in changes:
        steps.set_flags([change])
    assert (whole.flags, whole.modseqs, whole.highestmodseq) == (steps.flags, steps.modseqs, steps.highestmodseq)
    assert whole.changed_since(known) == steps.changed_since(known)
    assert sorted(whole.keywords) == sorted(steps.keywords)
    assert not whole.set_flags(changes)


def test_a_change_of_everything_is_found_too() -> None:
    index = an_index(*range(1, index_module.LOG_LENGTH + 3))
    known = index.highestmodseq
    index.set_flags([(uid, SEEN, 5) for uid in index.uids])
    index.set_flags([(7, EMPTY, 6)])
    assert index.changed_since(known) == [*index.uids]
    assert index.changed_since(5) == [7]


def test_keywords_stay_known_in_their_first_spelling() -> None:
    index = an_index(1)
    index.set_flags([(1, FlagSet.of(["$Work"]), 2)])
    index.set_flags([(1, FlagSet.of(["$WORK", "other"]), 3)])
    assert index.keywords == ("$Work", "other")


def test_recent_is_claimed_once() -> None:
    index = an_index(1, 2)
    assert index.claim_recent() == 1
    assert index.claim_recent() == 3
    index.add([added(3, 5)])
    assert index.claim_recent() == 3
    assert index.claim_recent() == 4


def test_one_listeners_fault_does_not_keep_the_news_from_others() -> None:
    index, heard = an_index(1), []

    def broken() -> None:
        raise RuntimeError("a session's own trouble")

    index.listen(broken)
    stop = index.listen(lambda: heard.append(1))
    index.tell()
    stop()
    index.tell()
    assert heard == [1]


def test_a_later_snapshot_brings_all_three_kinds_of_change() -> None:
    index = an_index(1, 2, 3)
    later = Columns(
        array("q", [2, 5]), [SEEN, EMPTY], array("q", [8, 9]), array("q", [20, 50]), array("q", [200, 500]),
        array("q", [2000, 5000]), array("q", [2, 5]), array("q", [200, 500]),
    )  # fmt: skip
    assert index.catch_up(mailbox(6, 9), later, [2, 3, 5])
    assert [*index.uids] == [2, 3, 5]
    assert index.flags == [SEEN, EMPTY, EMPTY]
    assert (index.uidnext, index.highestmodseq) == (6, 9)
    assert index.changed_since(7) == [2, 5]
    assert_parallel(index)
    assert not index.catch_up(mailbox(6, 9), later, [2, 3, 5])


@given(st.lists(st.tuples(st.sampled_from("aafr"), st.integers(0, 30)), max_size=40), st.integers(0, 40))
def test_a_snapshot_and_the_events_around_it_agree_with_the_events_alone(
    steps: list[tuple[str, int]], cut: int
) -> None:
    """Whatever part of the history the snapshot holds, hearing all of it again changes nothing."""
    whole, snapshot = an_index(), an_index()
    history = []
    for number, (kind, choice) in enumerate(steps, start=2):
        uids = whole.uids
        if kind == "a":
            change = ("add", [added(whole.uidnext, number)])
        elif not uids:
            continue
        elif kind == "f":
            change = ("set_flags", [(uids[choice % len(uids)], FlagSet.of([f"k{number}"]), number)])
        else:
            change = ("remove", [uids[choice % len(uids)]])
        history.append((change, number))
        for index, wanted in ((whole, True), (snapshot, len(history) <= cut)):
            if wanted:
                play(index, change, number)
    for change, number in history:
        play(snapshot, change, number)
    assert [*snapshot.uids] == [*whole.uids]
    assert snapshot.flags == whole.flags
    assert snapshot.modseqs == whole.modseqs
    assert (snapshot.uidnext, snapshot.highestmodseq) == (whole.uidnext, whole.highestmodseq)
    assert_parallel(snapshot)


def play(index: MailboxIndex, change: tuple[str, list], modseq: int) -> None:
    kind, values = change
    index.remove(values, modseq) if kind == "remove" else getattr(index, kind)(values)
