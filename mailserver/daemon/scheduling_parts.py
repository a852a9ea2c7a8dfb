"""Scheduling put together: what the calendars, the mail that comes in and the mail that goes out need of it."""

import secrets
from dataclasses import dataclass

from mailserver.daemon.correspondence import Correspondence
from mailserver.daemon.house import House
from mailserver.daemon.invitation_stage import InvitationStage
from mailserver.daemon.scheduling_post import SchedulingPost
from mailserver.dkim.sign import Signer
from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.contacts.suggestions import is_known
from mailserver.groupware.scheduling.busy import ByCalendars
from mailserver.groupware.scheduling.calendar_users import CalendarUsers
from mailserver.groupware.scheduling.copies import Copies
from mailserver.groupware.scheduling.deliveries import Deliveries
from mailserver.groupware.scheduling.implicit import ImplicitScheduling
from mailserver.groupware.scheduling.inbox import Inbox
from mailserver.groupware.scheduling.mail_in import MailIn
from mailserver.groupware.scheduling.outbox import Outbox
from mailserver.groupware.scheduling.pieces import Pieces
from mailserver.groupware.scheduling.posting import Posting


@dataclass(frozen=True, slots=True)
class SchedulingParts:
    implicit: ImplicitScheduling
    arriving: InvitationStage  # for mail of other servers
    submitted: InvitationStage  # for mail of our users: programs that know no CalDAV answer by mail
    inbox: Inbox
    outbox: Outbox


def build(house: House, signer: Signer, letters: Correspondence) -> SchedulingParts | None:
    """None where the configuration leaves scheduling to the clients. Messages that wait are sent all the same."""
    config, store, clock = house.config, house.store, house.clock
    hostname = config.server.hostname
    post = SchedulingPost(store, clock, signer, config, secrets.token_bytes)
    posting = Posting(store, clock, hostname, post, secrets.token_bytes)
    posting.start()
    house.closing.push_async_callback(posting.stop)
    house.take_up.append(post.reconfigure)
    if not config.scheduling.enabled:
        return None
    users = CalendarUsers(hostname, config.delivery.max_alias_depth)
    copies = Copies(accept, secrets.token_bytes, config.dav)
    implicit = ImplicitScheduling(Deliveries(users, copies, ByCalendars(users)), config.scheduling)
    pieces = Pieces(store, clock, implicit)
    pieces.start()
    house.closing.push_async_callback(pieces.stop)
    mail_in = MailIn(store, implicit, is_known, config.scheduling)
    house.take_up.extend(
        [
            lambda new: users.configure(new.delivery.max_alias_depth),
            lambda new: copies.configure(new.dav),
            lambda new: implicit.configure(new.scheduling),
            lambda new: mail_in.configure(new.scheduling),
        ]
    )
    arriving = InvitationStage(store, mail_in, letters.examiner)
    submitted = InvitationStage(store, mail_in, None)
    return SchedulingParts(implicit, arriving, submitted, Inbox(store), Outbox(store, users))
