"""Implicit scheduling: storing or removing an object tells those it concerns, in the same transaction. RFC 6638 §3.2.

Whose calendar it lies in counts, not who writes: somebody who may write in it acts for its owner.

    organizer of it       people here have it in their calendars at once, people elsewhere get mail
    invited to it         the organizer hears the answer; everything else in it is his
    neither               stored as it is: an event somebody imported is nobody's message
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailserver.config.tree import SchedulingConfig
from mailserver.errors import (
    AttendeeChange,
    OrganizerChange,
    SameOrganizerNeeded,
    TooManyAttendees,
    UniqueSchedulingObject,
)
from mailserver.groupware.scheduled import Change, Settled
from mailserver.groupware.scheduling.calendar_users import Where
from mailserver.groupware.scheduling.deliveries import MAX_AT_ONCE, Deliveries, now
from mailserver.ical import itip_attendee, itip_organizer, itip_tree
from mailserver.ical.itip_answers import keep_answers, keep_status
from mailserver.ical.itip_incoming import Result
from mailserver.ical.itip_messages import Message, Method, with_status, without_force
from mailserver.ical.itip_parties import Status, attendee, components, is_by_server, organizer, organizers
from mailserver.ical.itip_tree import Part
from mailserver.ical.itip_views import organizer_address
from mailserver.store import scheduling_attendees, scheduling_copies, scheduling_deliveries, scheduling_mail
from mailserver.store.database import Tx


class ImplicitScheduling:
    """As groupware.scheduled.Scheduling."""

    def __init__(self, deliveries: Deliveries, config: SchedulingConfig) -> None:
        self.deliveries = deliveries
        self.configure(config)

    def configure(self, config: SchedulingConfig) -> None:
        self._config = config

    def stored(self, tx: Tx, change: Change) -> Settled:
        if change.data is None or change.accepted is None:
            raise LookupError("a removal is not stored")
        owner = change.seen.collection.user_id
        before = None if change.before is None else itip_tree.parse(change.before[1])
        after = itip_tree.parse(change.data)
        self._require_one_organizer(after)
        own = self.deliveries.users.own(tx, owner, [before, after])
        was, becomes = organizer_address(before), organizer_address(after)
        if was and becomes and was != becomes:
            raise OrganizerChange if was in own else AttendeeChange("Only the organizer can make another one")
        if (was or becomes) in own:
            self._require_only_copy(tx, change, owner)
            settled = self._by_organizer(tx, owner, before, after, own)
        elif not (_is_left_to_client(before) and _is_left_to_client(after)) and _takes_part_in_any(before, after, own):
            self._require_only_copy(tx, change, owner)
            settled = self._by_attendee(tx, owner, before, after, own)
        else:
            return Settled(change.data, change.accepted, None)
        data = settled.render()
        tag = self.deliveries.copies.new_tag(settled) if becomes else None
        return Settled(data, change.accepted, tag)

    def removed(self, tx: Tx, change: Change) -> None:
        if change.before is None:
            return
        owner = change.seen.collection.user_id
        before = itip_tree.parse(change.before[1])
        own = self.deliveries.users.own(tx, owner, [before])
        if organizer_address(before) in own:
            self._send_all(tx, owner, itip_organizer.messages(before, None, own, now(tx)))
            scheduling_attendees.forget(tx, owner, change.before[0].uid)
        elif _takes_part(before, own):
            found = itip_attendee.messages(before, None, own, now(tx), wants_reply=change.options.reply)
            for message in found:
                self.send(tx, owner, message)

    # ---- the organizer ----

    def _by_organizer(self, tx: Tx, owner: int, before: Part | None, after: Part, own: frozenset[str]) -> Part:
        limit = self.deliveries.copies.config.max_attendees
        if max(len(each.lines("ATTENDEE")) for each in components(after)) > limit:
            raise TooManyAttendees(f"An event invites at most {limit} people")
        if before is not None:
            after = keep_status(before, keep_answers(before, after, own))
        told = after if organizer_address(after) else None  # without an organizer nobody is invited any more
        messages = itip_organizer.messages(before, told, own, now(tx))
        for message in messages:
            if message.method is Method.REQUEST:
                scheduling_attendees.set_sent(tx, owner, message.uid, message.recipient, message.sequence)
        statuses, answers = self._send_all(tx, owner, messages)
        return self.with_answers(tx, owner, with_status(without_force(after), statuses), answers)

    def _send_all(self, tx: Tx, owner: int, messages: Sequence[Message]) -> tuple[dict[str, str], list[Message]]:
        """SCHEDULE-STATUS of each recipient, and what some answer by themselves.

        Where more people here are told than one transaction should hold up the others for, it goes on after it.
        """
        users = self.deliveries.users
        here = [each for each in messages if not isinstance(users.whose(tx, each.recipient), Where)]
        if not self._must_wait(tx, owner, here):
            here = []
        _put_off(tx, owner, here)
        statuses, answers = {each.recipient: str(Status.PENDING) for each in here}, list[Message]()
        later = frozenset(statuses)
        for message in (each for each in messages if each.recipient not in later):
            statuses[message.recipient], answer = self.send(tx, owner, message)
            answers += [] if answer is None else [answer]
        return statuses, answers

    def _must_wait(self, tx: Tx, owner: int, here: Sequence[Message]) -> bool:
        """Too many of them, or something about the event waits already: messages keep their order."""
        return len(here) > MAX_AT_ONCE or any(scheduling_deliveries.is_any(tx, owner, each.uid) for each in here[:1])

    def with_answers(self, tx: Tx, owner: int, calendar: Part, answers: Iterable[Message]) -> Part:
        """Of those who answer by themselves, as they are invited."""
        results: list[tuple[Result, Message]] = []
        for answer in answers:
            result = self.deliveries.reply_to(tx, owner, calendar, answer)
            if result.calendar is not None:
                calendar = result.calendar
                results.append((result, answer))
        for result, answer in results:
            self.deliveries.tell_others(tx, owner, replace(result, calendar=calendar), answer)
        return calendar

    # ---- whoever is invited ----

    def _by_attendee(self, tx: Tx, owner: int, before: Part | None, after: Part, own: frozenset[str]) -> Part:
        if before is not None and organizer_address(before):
            if not _takes_part(after, own) and _takes_part(before, own):
                raise AttendeeChange("Who does not come declines; only the organizer takes you off the list")
            if (forbidden := itip_attendee.forbidden_change(before, after, own)) is not None:
                raise AttendeeChange(
                    f"Only the organizer may change {forbidden}; your answer, alarms and notes are yours"
                )
            after = keep_answers(before, after, own, all_of_them=True)
        statuses: dict[str, str] = {}
        for message in itip_attendee.messages(before, after, own, now(tx)):
            statuses[message.recipient], _ = self.send(tx, owner, message)
        return with_status(without_force(after), statuses)

    # ---- both ----

    def send(self, tx: Tx, owner: int, message: Message, *, is_automatic: bool = False) -> tuple[str, Message | None]:
        """SCHEDULE-STATUS, and what a recipient answers by himself. `is_automatic`: nobody asked for this message."""
        to = self.deliveries.users.whose(tx, message.recipient)
        if to is Where.NOBODY:
            return Status.INVALID_USER, None
        if to is Where.ELSEWHERE:
            return self._mail(tx, owner, message, is_automatic), None
        delivered = self.deliveries.deliver(tx, to, message)
        return delivered.status, delivered.answer

    def _mail(self, tx: Tx, owner: int, message: Message, is_automatic: bool) -> str:
        if not self._config.mail:
            return Status.NO_SCHEDULING
        scheduling_mail.add(
            tx,
            owner,
            message.method,
            message.sender,
            message.recipient,
            message.uid,
            message.data,
            is_automatic=is_automatic,
        )
        return Status.PENDING

    def _require_one_organizer(self, after: Part) -> None:
        """RFC 6638 §3.2.4.2"""
        if len(organizers(after)) > 1:
            raise SameOrganizerNeeded

    def _require_only_copy(self, tx: Tx, change: Change, owner: int) -> None:
        """RFC 6638 §3.2.4.1; a member that is only changed was judged when it came."""
        if change.before is not None or change.accepted is None:
            return
        for collection, member in scheduling_copies.list_by_uid(tx, owner, change.accepted.uid):
            if (collection.id, member.href) != (change.seen.collection.id, change.href):
                raise UniqueSchedulingObject(collection.slug, member.href)


def _put_off(tx: Tx, owner: int, messages: Iterable[Message]) -> None:
    """For groupware.scheduling.pieces."""
    ids: dict[int, int] = {}  # what is the same for many is kept once
    for each in messages:
        if id(each.calendar) not in ids:
            ids[id(each.calendar)] = scheduling_deliveries.add_message(tx, owner, each.data)
        message_id = ids[id(each.calendar)]
        scheduling_deliveries.add(tx, owner, message_id, each.method, each.sender, each.recipient, each.uid)


def _takes_part_in_any(before: Part | None, after: Part, own: frozenset[str]) -> bool:
    return _takes_part(before, own) or _takes_part(after, own)


def _is_left_to_client(calendar: Part | None) -> bool:
    """An attendee's copy that the server has nothing to do with. RFC 6638 §3.2.2.2"""
    leader = None if calendar is None else organizer(calendar)
    return leader is None or not is_by_server(leader)


def _takes_part(calendar: Part | None, own: frozenset[str]) -> bool:
    return calendar is not None and any(attendee(each, own) is not None for each in components(calendar))
