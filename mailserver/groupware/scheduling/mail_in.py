"""iTIP messages that come by mail: invitations go into the calendar, answers to the organizer's event. RFC 6047.

Who is believed:

    REQUEST, CANCEL    From is the ORGANIZER, or his SENT-BY; the user is invited and is not the organizer
    REPLY, REFRESH     From is the ATTENDEE, or his SENT-BY, and stands in the user's own event
    all                the one in From has not been shown to be forged (daemon/invitation_stage.py)

COUNTER and the rest stay what they are: mail that a person reads.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailserver.config.tree import Invitations, SchedulingConfig
from mailserver.groupware.scheduling.deliveries import now
from mailserver.groupware.scheduling.implicit import ImplicitScheduling
from mailserver.groupware.scheduling.mail_parts import Found, find
from mailserver.ical import itip_organizer
from mailserver.ical.itip_incoming import Verdict, without_notes
from mailserver.ical.itip_messages import Message, Method
from mailserver.ical.itip_parties import address, components, highest_sequence, organizer
from mailserver.ical.itip_tree import Line, Part
from mailserver.store import scheduling_attendees, scheduling_settings
from mailserver.store.database import Rx, Tx
from mailserver.store.store import Store

MAX_USERS = 50  # of one mail whose calendars follow it
REFRESH_SECONDS = 3_600  # an attendee is sent an event once an hour, however often he asks: it is the organizer's mail

Knows = Callable[[Rx, int, str], bool]
"""Whether the user has written to the address, or has it in an address book."""


@dataclass(frozen=True, slots=True)
class Taken:
    method: Method
    uid: str
    verdicts: tuple[Verdict, ...]  # one for each user


class MailIn:
    def __init__(self, store: Store, scheduling: ImplicitScheduling, knows: Knows, config: SchedulingConfig) -> None:
        self._store = store
        self._scheduling = scheduling
        self._deliveries = scheduling.deliveries
        self._knows = knows
        self.configure(config)
        self._verbs: dict[Method, Callable[[Tx, int, str, Found], Verdict]] = {
            Method.REQUEST: self._from_organizer,
            Method.CANCEL: self._from_organizer,
            Method.REPLY: self._reply,
            Method.REFRESH: self._refresh,
        }

    def configure(self, config: SchedulingConfig) -> None:
        self._config = config

    async def find(self, message: bytes) -> Found | None:
        return await self._store.in_thread(find, message, self._config.max_message_octets)

    async def take(self, found: Found, author: str, user_ids: Iterable[int]) -> Taken:
        """`author`: the address in From, in lower case. What can not be used changes nothing. Raises Refusal."""
        ids = list(dict.fromkeys(user_ids))[:MAX_USERS]
        return Taken(found.method, found.uid, await self._store.write(self._take, found, author, ids))

    def _take(self, tx: Tx, found: Found, author: str, user_ids: list[int]) -> tuple[Verdict, ...]:
        verb = self._verbs.get(found.method)
        if verb is None:
            return tuple(Verdict.UNKNOWN for _ in user_ids)
        clean = Found(found.method, found.uid, without_notes(found.calendar))
        return tuple(verb(tx, user_id, author, clean) for user_id in user_ids)

    # ---- for who is invited ----

    def _from_organizer(self, tx: Tx, user_id: int, author: str, found: Found) -> Verdict:
        leader = organizer(found.calendar)
        own = self._deliveries.users.own(tx, user_id, [found.calendar])
        if leader is None or not _speaks_for(leader, author) or address(leader) in own:
            return Verdict.UNKNOWN
        is_request = found.method is Method.REQUEST
        if is_request and not (_invites(found.calendar, own) and self._is_wanted(tx, user_id, leader, found)):
            return Verdict.UNKNOWN
        invited = next(iter(own), "")
        message = _message(found, address(leader), invited)
        delivered = self._deliveries.deliver(tx, user_id, message, is_complete=False)
        if delivered.answer is not None:
            self._scheduling.send(tx, user_id, delivered.answer, is_automatic=True)
        return delivered.verdict

    def _is_wanted(self, tx: Tx, user_id: int, leader: Line, found: Found) -> bool:
        wish = scheduling_settings.get(tx, user_id).invitations or self._config.invitations
        if wish is Invitations.ALL:
            return True
        has_it = self._deliveries.copies.find(tx, user_id, found.uid, address(leader)) is not None
        return has_it or (wish is Invitations.KNOWN and self._knows(tx, user_id, address(leader)))

    # ---- for organizers ----

    def _reply(self, tx: Tx, user_id: int, author: str, found: Found) -> Verdict:
        leader, who = organizer(found.calendar), _author_line(found.calendar, author)
        own = self._deliveries.users.own(tx, user_id, [found.calendar])
        if leader is None or address(leader) not in own or who is None:
            return Verdict.UNKNOWN
        return self._deliveries.deliver(tx, user_id, _message(found, address(who), address(leader))).verdict

    def _refresh(self, tx: Tx, user_id: int, author: str, found: Found) -> Verdict:
        leader, who = organizer(found.calendar), _author_line(found.calendar, author)
        own = self._deliveries.users.own(tx, user_id, [found.calendar])
        copy = self._deliveries.copies.find(tx, user_id, found.uid, address(leader))
        if who is None or address(leader) not in own or copy is None:
            return Verdict.UNKNOWN
        asked = itip_organizer.request(copy.calendar, address(who), now(tx))
        if asked is None:
            return Verdict.UNKNOWN
        if not scheduling_attendees.claim_refresh(tx, user_id, found.uid, address(who), REFRESH_SECONDS):
            return Verdict.UNCHANGED
        self._scheduling.send(tx, user_id, asked, is_automatic=True)
        return Verdict.DONE


def _message(found: Found, sender: str, recipient: str) -> Message:
    return Message(found.method, found.uid, sender, recipient, highest_sequence(found.calendar), found.calendar)


def _speaks_for(party: Line, author: str) -> bool:
    sent_by = party.param("SENT-BY").lower().removeprefix("mailto:")
    return author in {address(party), sent_by}


def _invites(calendar: Part, own: frozenset[str]) -> bool:
    return any(address(line) in own for each in components(calendar) for line in each.lines("ATTENDEE"))


def _author_line(calendar: Part, author: str) -> Line | None:
    """The attendee who wrote it."""
    lines = (line for each in components(calendar) for line in each.lines("ATTENDEE"))
    return next((line for line in lines if _speaks_for(line, author)), None)
