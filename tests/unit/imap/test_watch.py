"""What a watch keeps of what happens: no more than which mailboxes are to be looked at again."""

from dataclasses import dataclass

import pytest

from mailserver.imap.watch import Renaming, Watch
from mailserver.imap.wire.notify_items import Event, EventGroup, NotifyRequest, Which
from mailserver.mail.flags import EMPTY
from mailserver.mailboxes.access import Listed
from mailserver.store.events import (
    AnnotationsChanged,
    FlagsChanged,
    ForeignCommit,
    MailboxesChanged,
    MessagesRemoved,
    SubscriptionsChanged,
)
from mailserver.store.mailboxes import Mailbox

ALL = frozenset(Event)


@dataclass(frozen=True)
class Seen:
    mailboxes: dict[str, Listed]
    subscribed: frozenset[str] = frozenset()
    with_children: frozenset[str] = frozenset()


def mailbox(mailbox_id: int, name: str, highestmodseq: int = 1) -> Mailbox:
    return Mailbox(
        id=mailbox_id, user_id=1, name=name, uidvalidity=1, uidnext=1, highestmodseq=highestmodseq,
        special_use=None, directory="", recent_uid=1, maildir="x",
    )  # fmt: skip


def listed(mailbox: Mailbox, name: str = "", rights: str = "lr") -> Listed:
    return Listed(name or mailbox.name, mailbox, frozenset(rights), own=not name)


def seen(**names: int) -> Seen:
    return Seen({name: listed(mailbox(mailbox_id, name)) for name, mailbox_id in names.items()})


def watch(*groups: EventGroup, at: Seen | None = None, max_untold: int = 10) -> Watch:
    return Watch(NotifyRequest(groups), 1, at or seen(a=1, b=2), lambda: None, max_untold)


EVERYTHING = EventGroup(Which.PERSONAL, (), ALL)


def removed(mailbox_id: int, user_id: int = 1) -> MessagesRemoved:
    return MessagesRemoved(user_id, mailbox_id, 5, (1,))


def test_many_changes_of_one_mailbox_are_told_once() -> None:
    watching = watch(EVERYTHING)
    for _ in range(1000):
        watching.hear(removed(1))
        watching.hear(FlagsChanged(1, 1, ((1, EMPTY, 5),)))
    assert watching.take_changed(selected_id=0) == ["a"]
    assert not watching.has_news


def test_what_nobody_asked_for_is_not_kept() -> None:
    only_a = EventGroup(Which.MAILBOXES, ("a",), frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE}))
    watching = watch(only_a)
    watching.hear(removed(2))
    watching.hear(removed(77, user_id=7))
    watching.hear(FlagsChanged(1, 1, ((1, EMPTY, 5),)))
    assert not watching.has_news


def test_more_mailboxes_with_news_than_are_kept_are_an_overflow() -> None:
    watching = watch(EVERYTHING, at=seen(**{f"m{number}": number for number in range(1, 9)}), max_untold=3)
    for mailbox_id in (1, 2, 3):
        watching.hear(removed(mailbox_id))
    assert not watching.overflowed
    watching.hear(removed(4))
    assert watching.overflowed
    assert watching.take_changed(selected_id=0) == []


def test_the_selected_mailbox_is_told_of_otherwise() -> None:
    watching = watch(EVERYTHING)
    watching.hear(removed(1))
    watching.hear(removed(2))
    assert watching.take_changed(selected_id=1) == ["b"]


def test_mail_in_a_mailbox_made_just_now_is_told_once_its_name_is_known() -> None:
    watching = watch(EVERYTHING)
    watching.hear(MailboxesChanged(1))
    watching.hear(removed(3))
    assert watching.take_names(seen(a=1, b=2, c=3), heard=1) == [Renaming("c")]
    assert watching.take_changed(selected_id=0) == ["c"]


def test_mail_in_a_mailbox_subscribed_just_now_is_told_once_that_is_known() -> None:
    watching = watch(EventGroup(Which.SUBSCRIBED, (), ALL))
    watching.hear(removed(1))
    assert not watching.has_news
    watching.hear(SubscriptionsChanged(1))
    watching.hear(removed(1))
    watching.hear(removed(2))
    watching.hear(AnnotationsChanged(1, 1, ("/shared/comment",), (), by=1))
    watching.hear(AnnotationsChanged(1, 2, ("/shared/comment",), (), by=1))
    now = Seen(seen(a=1, b=2).mailboxes, frozenset({"a"}))
    assert watching.take_names(now, heard=1) == [Renaming("a")]
    assert watching.take_changed(selected_id=0) == ["a"]
    assert watching.take_entries() == [("a", ["/shared/comment"])]
    assert not watching.has_news


def test_names_that_change_while_they_are_read_are_read_again() -> None:
    watching = watch(EVERYTHING)
    watching.hear(ForeignCommit())
    watching.hear(MailboxesChanged(1))
    assert watching.take_names(seen(a=1, b=2), heard=1) == []
    assert watching.names_changed
    now = Seen({**seen(a=1, c=3).mailboxes, "b": listed(mailbox(2, "b", 9))})
    assert watching.take_names(now, heard=2) == [Renaming("c")]
    assert watching.take_changed(selected_id=0) == ["b"]
    assert not watching.has_news


def test_another_process_is_told_of_by_the_numbers_that_moved() -> None:
    watching = watch(EVERYTHING)
    watching.hear(ForeignCommit())
    assert watching.has_news
    now = Seen({"a": listed(mailbox(1, "a", 9)), "b": listed(mailbox(2, "b"))})
    assert watching.take_names(now, heard=1) == []
    assert watching.take_changed(selected_id=0) == ["a"]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (seen(a=1), seen(a=1, b=2), [Renaming("b")]),
        (seen(a=1, b=2), seen(a=1), [Renaming("b")]),
        (seen(a=1), seen(b=1), [Renaming("b", "a")]),
        (seen(a=1), seen(a=2), [Renaming("a")]),  # removed and made again
        (seen(a=1, b=2), seen(a=2, b=1), [Renaming("a", "b"), Renaming("b", "a")]),
    ],
)
def test_names_are_compared_by_mailbox(before: Seen, now: Seen, told: list[Renaming]) -> None:
    watching = watch(EVERYTHING, at=before)
    watching.hear(MailboxesChanged(1))
    assert watching.take_names(now, heard=1) == told


@pytest.mark.parametrize(
    ("group", "held"),
    [
        (EventGroup(Which.PERSONAL, (), ALL), {"INBOX", "Work", "Work/Old", "Workshop"}),
        (EventGroup(Which.INBOXES, (), ALL), {"INBOX", "Work", "Work/Old", "Workshop"}),
        (EventGroup(Which.SUBSCRIBED, (), ALL), {"Work"}),
        (EventGroup(Which.SUBTREE, ("Work",), ALL), {"Work", "Work/Old"}),
        (EventGroup(Which.MAILBOXES, ("inbox", "Work*"), ALL), {"INBOX"}),
        (EventGroup(Which.SELECTED, (), ALL), set()),
    ],
)
def test_which_mailboxes_a_group_holds(group: EventGroup, held: set[str]) -> None:
    watching = watch(group)
    names = {"INBOX", "Work", "Work/Old", "Workshop"}
    assert {name for name in names if watching.group_of(name, {"Work"})} == held


SHARED = "Other Users/bob@example.test/Plans"


def test_what_others_share_is_watched_by_who_may_read_it_and_is_nobodys_personal_mailbox() -> None:
    for rights, told in (("lr", [SHARED]), ("l", [])):
        at = Seen({SHARED: listed(mailbox(9, "Plans"), SHARED, rights)}, frozenset({SHARED}))
        watching = watch(EventGroup(Which.SUBSCRIBED, (), ALL), at=at)
        watching.hear(removed(9, user_id=2))
        assert watching.take_changed(selected_id=0) == told
        personal = watch(EVERYTHING, at=at)
        personal.hear(removed(9, user_id=2))
        assert not personal.has_news


def test_notes_are_told_by_their_names_and_private_ones_to_their_owner() -> None:
    watching = watch(EVERYTHING)
    watching.hear(AnnotationsChanged(1, 2, ("/shared/comment",), ("/private/comment",), by=1))
    watching.hear(AnnotationsChanged(1, 1, (), ("/private/comment",), by=7))
    watching.hear(AnnotationsChanged(None, None, ("/shared/comment",), (), by=7))
    assert watching.take_entries() == [("", ["/shared/comment"]), ("b", ["/private/comment", "/shared/comment"])]
    assert not watching.has_news


def test_the_first_group_a_mailbox_belongs_to_counts() -> None:
    first = EventGroup(Which.SUBTREE, ("b",), frozenset({Event.MAILBOX_NAME}))
    second = EventGroup(Which.MAILBOXES, ("inbox", "b/c"), ALL)
    third = EventGroup(Which.SUBSCRIBED, (), frozenset({Event.SUBSCRIPTION_CHANGE}))
    last = EventGroup(Which.PERSONAL, (), frozenset())
    watching = watch(first, second, third, last)
    assert watching.group_of("b/c", ()) is first
    assert watching.group_of("INBOX", ("INBOX",)) is second
    assert watching.group_of("a", ("a",)) is third
    assert watching.group_of("bc", ()) is last
    assert watching.group_of("Other Users/ann@example.test/b", ()) is None
    assert watching.group_of("Other Users/ann@example.test/b", ("Other Users/ann@example.test/b",)) is third


def test_names_that_a_client_asks_for_are_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [EventGroup(Which.MAILBOXES, tuple(f"g{group}n{n}" for n in range(200)), ALL) for group in range(20)]
    watching = watch(*groups, EVERYTHING, at=seen(**{f"m{number}": number for number in range(1, 200)}))

    def again(name: str) -> str:
        raise AssertionError(f"{name} is looked at again")

    monkeypatch.setattr("mailserver.imap.watch.names.canonical", again)
    assert len(watching.with_messages(selected_id=0)) == 199
    watching.hear(removed(7))
    assert watching.take_changed(selected_id=0) == ["m7"]


@pytest.mark.parametrize(("rights", "told"), [("l", False), ("lr", True), ("li", True)])
def test_of_entries_hears_who_may_ask_for_them(rights: str, told: bool) -> None:
    theirs = listed(mailbox(9, "x"), "Other Users/ann@example.test/x", rights)
    group = EventGroup(Which.SUBTREE, ("Other Users",), ALL)
    watching = watch(group, at=Seen({theirs.name: theirs}))
    watching.hear(AnnotationsChanged(2, 9, ("/shared/comment",), (), 2))
    assert watching.has_news is told
