"""An iTIP message for a user of this server: his calendar follows it, and his scheduling inbox has it. RFC 6638 §4.

Everything happens in the transaction of whoever brings the message. What is written here invites nobody anew, so no
message ever causes another one, but for the automatic answer of a user who wants one.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from mailserver.errors import Refusal
from mailserver.groupware.scheduling.calendar_users import CalendarUsers, Where
from mailserver.groupware.scheduling.copies import Copies, Copy, component_of
from mailserver.ical import itip_attendee, itip_incoming
from mailserver.ical.itip_incoming import Known, Result, Verdict
from mailserver.ical.itip_messages import Message, Method
from mailserver.ical.itip_parties import PartStat, Status, attendees, is_by_server, organizer
from mailserver.ical.itip_tree import Part
from mailserver.ical.itip_views import is_cancelled, is_changed, organizer_address, whole
from mailserver.store import scheduling_answers, scheduling_attendees, scheduling_inbox, scheduling_settings
from mailserver.store.database import Rx, Tx
from mailserver.store.scheduling_settings import AutoReply

MAX_AT_ONCE = 20  # copies that are written in the transaction of who brings the message


class Occupied(Protocol):
    """Free-busy of a user, as automatic answers see it."""

    def is_busy(self, rx: Rx, user_id: int, calendar: Part, now_ms: int) -> bool:
        """Whether anything else of his overlaps a coming instance of the event."""
        ...


class NeverBusy:
    def is_busy(self, rx: Rx, user_id: int, calendar: Part, now_ms: int) -> bool:
        del rx, user_id, calendar, now_ms
        return False


@dataclass(frozen=True, slots=True)
class Delivered:
    status: str  # SCHEDULE-STATUS
    verdict: Verdict
    answer: Message | None = None  # that the user gives by himself
    calendar: Part | None = None  # of a REPLY: the organizer's object as it is now


class Deliveries:
    def __init__(self, users: CalendarUsers, copies: Copies, occupied: Occupied) -> None:
        self.users = users
        self.copies = copies
        self._occupied = occupied
        self._verbs: dict[Method, Callable[[Tx, int, Message, bool], Delivered]] = {
            Method.REQUEST: self._request,
            Method.CANCEL: self._cancel,
            Method.REPLY: self._reply,
        }

    def deliver(self, tx: Tx, user_id: int, message: Message, *, is_complete: bool = True) -> Delivered:
        """`is_complete`: a REQUEST that says all there is, as ours do. Never raises for what is in the message."""
        verb = self._verbs.get(message.method)
        if verb is None:
            return Delivered(Status.NO_SCHEDULING, Verdict.UNKNOWN)
        try:
            delivered = verb(tx, user_id, message, is_complete)
        except Refusal:  # his calendar is full, or can not hold such a thing
            return Delivered(Status.FAILED, Verdict.UNKNOWN)
        if delivered.verdict is Verdict.DONE:
            name = self.copies.new_name()
            component = component_of(message.calendar)
            scheduling_inbox.add(tx, user_id, name, message.method, message.uid, component, message.data)
        return delivered

    # ---- for attendees ----

    def _request(self, tx: Tx, user_id: int, message: Message, is_complete: bool) -> Delivered:
        found = self.copies.find(tx, user_id, message.uid, message.sender)
        if found is None and self.copies.is_taken(tx, user_id, message.uid):
            return Delivered(Status.NOT_PERMITTED, Verdict.UNKNOWN)  # the UID of somebody else's event
        own = self.users.own(tx, user_id, [message.calendar])
        if organizer_address(message.calendar) in own:
            return Delivered(Status.NOT_PERMITTED, Verdict.UNKNOWN)  # he is the organizer: his own object counts
        if found is not None and _is_left_to_client(found):
            return Delivered(Status.DELIVERED, Verdict.DONE)
        known = None if found is None else found.calendar
        result = itip_incoming.request(known, message.calendar, own, is_complete=is_complete)
        if result.calendar is None:
            return Delivered(Status.DELIVERED, result.verdict)
        target = found.collection if found is not None else None
        target = target or self.copies.target(tx, user_id, component_of(message.calendar))
        if target is None:
            return Delivered(Status.NO_SCHEDULING, Verdict.UNKNOWN)
        calendar, answer = self._answered(tx, user_id, message, result.calendar, own)
        if known is not None and calendar.render() == known.render():
            return Delivered(Status.DELIVERED, Verdict.UNCHANGED)
        self.copies.write(tx, found, target, calendar, self._tag(found, calendar))
        return Delivered(Status.DELIVERED, Verdict.DONE, answer)

    def _tag(self, found: Copy | None, calendar: Part) -> str:
        """The same where only others' answers are new. RFC 6638 §3.2.10"""
        if found is not None and found.member.schedule_tag and not _is_new(found.calendar, calendar):
            return found.member.schedule_tag
        return self.copies.new_tag(calendar)

    def _answered(
        self, tx: Tx, user_id: int, message: Message, calendar: Part, own: frozenset[str]
    ) -> tuple[Part, Message | None]:
        wish = scheduling_settings.get(tx, user_id).auto_reply
        if wish is AutoReply.OFF or all(map(is_cancelled, whole(calendar).instances.values())):
            return calendar, None
        is_busy = self._occupied.is_busy(tx, user_id, calendar, tx.now_ms)
        if is_busy and wish is AutoReply.ACCEPT:
            return calendar, None
        answer = PartStat.DECLINED if is_busy else PartStat.ACCEPTED
        answered = itip_incoming.with_answer(calendar, own, answer)
        replies = itip_attendee.messages(message.calendar, answered, own, now(tx))
        return answered, replies[0] if replies else None

    def _cancel(self, tx: Tx, user_id: int, message: Message, _is_complete: bool) -> Delivered:
        found = self.copies.find(tx, user_id, message.uid, message.sender)
        if found is not None and _is_left_to_client(found):
            return Delivered(Status.DELIVERED, Verdict.DONE)
        result = itip_incoming.cancel(None if found is None else found.calendar, message.calendar)
        if found is not None and result.calendar is not None:
            tag = self.copies.new_tag(result.calendar)
            self.copies.write(tx, found, found.collection, result.calendar, tag)
        return Delivered(Status.DELIVERED, result.verdict)

    # ---- for organizers ----

    def _reply(self, tx: Tx, user_id: int, message: Message, _is_complete: bool) -> Delivered:
        found = self.copies.find(tx, user_id, message.uid, message.recipient)
        if found is None:
            return Delivered(Status.FAILED, Verdict.UNKNOWN)
        result = self.reply_to(tx, user_id, found.calendar, message)
        if result.calendar is None:
            return Delivered(Status.DELIVERED, result.verdict)
        if result.calendar.render() != found.calendar.render():
            self.copies.write(tx, found, found.collection, result.calendar, found.member.schedule_tag)
        self.tell_others(tx, user_id, result, message)
        return Delivered(Status.DELIVERED, Verdict.DONE, None, result.calendar)

    def reply_to(self, tx: Tx, user_id: int, calendar: Part, message: Message) -> Result:
        """The organizer's object with the answer, nothing written but when he gave it."""
        who = {message.sender, *self._same_person(tx, calendar, message.sender)}
        name = next((each for each in attendees(calendar) if each in who), message.sender)
        known = Known(
            scheduling_attendees.sent_sequence(tx, user_id, message.uid, name),
            scheduling_attendees.stamps(tx, user_id, message.uid, name),
        )
        result = itip_incoming.reply(calendar, message.calendar, who, known)
        stamps = [(instance, stamp) for instance, _, stamp in result.answered]
        scheduling_attendees.set_stamps(tx, user_id, message.uid, name, stamps)
        return result

    def tell_others(self, tx: Tx, user_id: int, result: Result, message: Message) -> None:
        """Copies of the others here show the answer; it is no message to them, and nobody elsewhere gets mail.

        Where they are many, the copies follow later: groupware.scheduling.pieces.
        """
        if result.calendar is None:
            return
        organizer = organizer_address(result.calendar)
        guests = attendees(result.calendar)
        if len(guests) > MAX_AT_ONCE:
            scheduling_answers.mark(tx, user_id, message.uid, organizer)
            return
        for who in guests:
            other = self.users.whose(tx, who)
            if isinstance(other, Where) or who in {message.sender, organizer}:
                continue
            found = self.copies.find(tx, other, message.uid, organizer)
            if found is None:
                continue
            changed = itip_incoming.with_answers(found.calendar, message.sender, result.answered)
            if changed is None:
                continue
            with contextlib.suppress(Refusal):  # a full calendar of a third person keeps nobody from answering
                self.copies.write(tx, found, found.collection, changed, found.member.schedule_tag)

    def _same_person(self, tx: Tx, calendar: Part, sender: str) -> set[str]:
        """A user of ours answers by any of his addresses."""
        user_id = self.users.whose(tx, sender)
        if isinstance(user_id, Where):
            return set()
        return {each for each in attendees(calendar) if each and self.users.whose(tx, each) == user_id}


def _is_left_to_client(copy: Copy) -> bool:
    """SCHEDULE-AGENT=CLIENT or NONE: he finds the message in his inbox, and the copy is his own. RFC 6638 §3.2.2.2"""
    leader = organizer(copy.calendar)
    return leader is not None and not is_by_server(leader)


def _is_new(before: Part, after: Part) -> bool:
    was, becomes = whole(before), whole(after)
    return is_changed(was, becomes) or was.excluded.keys() != becomes.excluded.keys()


def now(tx: Tx) -> datetime:
    return datetime.fromtimestamp(tx.now_ms / 1000, UTC)
