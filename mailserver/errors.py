"""Refusals: one family, worded for every protocol.

A service raises what went wrong; each face prints its own column:

    imap   response code of a tagged NO, without brackets (RFC 9051 §7.1, RFC 5530); None for a bare NO
    smtp   reply code and enhanced status (RFC 5321 §4.2, RFC 3463); the first digit says whether to try again
    http   status
    exit   exit code of the command line, sysexits.h
    text   one line for a person; instances may carry a more exact one
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    imap: str | None = None
    smtp: ClassVar[str] = "550 5.0.0"
    http: ClassVar[int] = 400
    exit: ClassVar[int] = 65  # EX_DATAERR
    text: str = "Refused"

    def __init__(self, text: str | None = None) -> None:
        if text is not None:
            self.text = text
        super().__init__(self.text)


# --- names -------------------------------------------------------------------------------------------------


class NoSuchMailbox(Refusal):
    imap, smtp, http, text = "NONEXISTENT", "550 5.1.1", 404, "No such mailbox"


class NoSuchTarget(NoSuchMailbox):
    imap = "TRYCREATE"  # the client may create it and try again, RFC 9051 §6.4.7


class MailboxExists(Refusal):
    imap, http, text = "ALREADYEXISTS", 409, "A mailbox of this name exists"


class MailboxHasChildren(Refusal):
    imap, http, text = "HASCHILDREN", 409, "The mailbox has mailboxes below it"


class CannotMailbox(Refusal):
    imap, text = "CANNOT", "This can not be done with that mailbox name"


class UseAttribute(Refusal):
    imap, http, text = "USEATTR", 409, "That special use can not be given to this mailbox"


class NoSuchDomain(Refusal):
    smtp, http, exit, text = "550 5.1.2", 404, 67, "No such domain"


class NoSuchUser(Refusal):
    smtp, http, exit, text = "550 5.1.1", 404, 67, "No such user here"


class NoSuchAlias(Refusal):
    smtp, http, exit, text = "550 5.1.1", 404, 67, "No such alias"


class NoSuchToken(Refusal):
    http, exit, text = 404, 65, "No such token"


class NoSuchKey(Refusal):
    http, exit, text = 404, 65, "No such key"


class NoSuchQueueEntry(Refusal):
    http, exit, text = 404, 65, "No such queue entry"


class NoSuchRelay(Refusal):
    http, exit, text = 404, 65, "No such relay"


class NoSuchReport(Refusal):
    http, exit, text = 404, 65, "No such report"


class WrongState(Refusal):
    """What is asked for is not possible in the state a thing is in; the text names both."""

    http, exit, text = 409, 65, "Not possible in this state"


class NoSuchSuppression(Refusal):
    http, exit, text = 404, 65, "This address is not suppressed"


class AlreadyThere(Refusal):
    http, exit, text = 409, 73, "It exists already"


class BadValue(Refusal):
    """Input that can not be right; the text names the field, the value and what is allowed."""

    smtp, http, exit, text = "501 5.5.4", 422, 65, "Bad value"


class BadAddress(BadValue):
    smtp, text = "501 5.1.3", "Not an address"


# --- requests over HTTP --------------------------------------------------------------------------------------


class BadRequest(Refusal):
    """A header or body that no standard allows; the text names it and says what is allowed."""

    http, text = 400, "Bad request"


class MethodNotAllowed(Refusal):
    http, text = 405, "This can not be done here"

    def __init__(self, allowed: tuple[str, ...], text: str | None = None) -> None:
        """`allowed`: methods that can be used on the resource. RFC 9110 §15.5.6."""
        self.allowed = allowed
        super().__init__(text)


class BodyTooBig(Refusal):
    http, text = 413, "The request's body is too big"


class UnsupportedMediaType(Refusal):
    http, text = 415, "This kind of content is not taken here"


# --- recipients and senders --------------------------------------------------------------------------------


class MailboxDisabled(Refusal):
    smtp, http, text = "550 5.2.1", 403, "This account is disabled"


class RelayDenied(Refusal):
    smtp, http, text = "550 5.7.1", 403, "Relaying denied: log in to send to other servers"


class RecipientSuppressed(Refusal):
    smtp, http, text = "550 5.7.1", 403, "Mail to this address came back too often: it is not sent to for a while"


class BadReturnAddress(Refusal):
    """A return address of ours (SRS, or a marked reverse-path) that is not valid, or that people write to."""

    smtp, http, text = "550 5.7.1", 403, "This return address is not valid"


class SenderNotOwned(Refusal):
    smtp, http, text = "553 5.7.1", 403, "This sender address does not belong to the account"


class MailLoop(Refusal):
    smtp, text = "554 5.4.6", "Mail loop: too many hops or aliases that point at each other"


class BadContent(Refusal):
    """Message octets that no standard allows: bare CR or LF, NUL in a header."""

    smtp, text = "554 5.6.0", "The message is not valid"


class BadUrl(Refusal):
    """A URL of CATENATE that leads nowhere; the code names it. RFC 4469 §4.1."""

    http = 422

    def __init__(self, url: str, text: str) -> None:
        """`url`: what may stand in a response code, no "]" and no control character."""
        self.imap = f"BADURL {url}"
        super().__init__(text)


class UnknownEncoding(Refusal):
    imap, http, text = "UNKNOWN-CTE", 422, "The part's transfer encoding is not known"  # RFC 3516 §4.3


# --- room ----------------------------------------------------------------------------------------------------


class OverQuota(Refusal):
    imap, smtp, http, exit, text = "OVERQUOTA", "452 4.2.2", 507, 75, "The mailbox is full"


class TooBig(Refusal):
    imap, smtp, http, text = "TOOBIG", "552 5.3.4", 413, "The message is too big"


class LimitReached(Refusal):
    imap, smtp, http, exit, text = "LIMIT", "452 4.5.3", 429, 75, "A limit of the server was reached"


class SendingLimit(LimitReached):
    """An account or its domain has sent enough for an hour; the text says whose limit it is and when there is room."""

    smtp, text = "450 4.7.1", "Too many recipients within an hour"


class InsufficientStorage(Refusal):
    imap, smtp, http, exit, text = "OVERQUOTA", "452 4.3.1", 507, 75, "The server's disk is full; try again later"


class Unavailable(Refusal):
    imap, smtp, http, exit, text = "UNAVAILABLE", "451 4.3.0", 503, 75, "Temporary server failure; try again later"


class DnsUnavailable(Refusal):
    smtp, http, exit, text = "451 4.4.3", 503, 75, "The domain name system does not answer"


class InUse(Refusal):
    imap, smtp, http, exit, text = "INUSE", "451 4.3.0", 503, 75, "In use by another process; try again"


# --- trust -----------------------------------------------------------------------------------------------------


class AuthenticationFailed(Refusal):
    """One text for every reason, so that nobody learns which accounts exist."""

    imap, smtp, http, exit, text = "AUTHENTICATIONFAILED", "535 5.7.8", 401, 77, "Authentication failed"


class AuthenticationDelayed(Refusal):
    imap, smtp, http, exit = "UNAVAILABLE", "454 4.7.0", 429, 75
    text = "Too many failed logins; try again later"

    def __init__(self, seconds: float | None = None) -> None:
        """`seconds`: how long this client has to wait; None where nobody can say."""
        self.seconds = seconds
        super().__init__()


class PrivacyRequired(Refusal):
    imap, smtp, http, text = "PRIVACYREQUIRED", "538 5.7.11", 403, "Encryption required: use TLS"


class NotPermitted(Refusal):
    imap, smtp, http, exit, text = "NOPERM", "550 5.7.1", 403, 77, "Not permitted"


# --- database and files ------------------------------------------------------------------------------------------


class DatabaseUnusable(Refusal):
    """The file is not ours to use: drifted migrations, a newer schema, damage. Nothing was changed."""

    imap, smtp, http, exit, text = "UNAVAILABLE", "451 4.3.0", 503, 78, "The database can not be used"


class SealBroken(Refusal):
    """A secret of ours can not be opened: the key file is missing, readable by others, or another one."""

    imap, smtp, http, exit, text = "UNAVAILABLE", "451 4.3.0", 503, 78, "A sealed secret can not be opened"


class BadKey(Refusal):
    """A private key of ours can not be used: missing, damaged, readable by others, or two copies that differ."""

    smtp, http, exit, text = "451 4.3.0", 503, 78, "A private key can not be used"


# --- calendars and contacts --------------------------------------------------------------------------------------
# The preconditions of RFC 4791, 6352, 6578 and 4918 that go with them are a column of the DAV face.


class NoSuchCollection(Refusal):
    http, exit, text = 404, 65, "No such calendar or address book"


class NoSuchMember(Refusal):
    http, exit, text = 404, 65, "No such object in this calendar or address book"


class CollectionExists(AlreadyThere):
    http, text = 405, "A calendar or address book of this name exists"


class MemberExists(AlreadyThere):
    http, text = 412, "An object of this name exists"


class DefaultNeeded(Refusal):
    """RFC 6638 §4.2 default-calendar-needed, and the same for address books."""

    http, text = 403, "This is the default one: make another the default before it is removed"


class NoUidConflict(Refusal):
    """An object of the same UID is at another href, or the object at this href has another UID."""

    http, text = 409, "The UID belongs to another object of this collection"
    slug: str | None = None  # of the collection in the user's home; None: the one that the request is about

    def __init__(self, href: str, text: str | None = None) -> None:
        """`href`: of the member that has the UID, in the same collection; decoded."""
        self.href = href
        super().__init__(text)


class InvalidCalendarData(BadValue):
    """Text that is no calendar object resource; says what rule it breaks and where."""

    http, text = 403, "Not a calendar object"


class InvalidAddressData(BadValue):
    http, text = 403, "Not a vCard"


class UnsupportedComponent(Refusal):
    http, text = 403, "This calendar does not take components of that type"


class ObjectTooLarge(TooBig):
    text = "The object is larger than this server keeps"


class TooManyInstances(Refusal):
    http, text = 403, "The object recurs more often than this server can count"


class TooManyCollections(LimitReached):
    http, text = 507, "There is no place for one more"  # not 429: trying again makes no place


class TooManyMembers(LimitReached):
    http, text = 507, "The collection is full"


class TooManyProperties(LimitReached):
    http, text = 507, "Too many properties, or too large ones, on one resource"


class BadSyncToken(Refusal):
    http, text = 403, "The sync token is not valid (any more): start anew without one"


class PreconditionFailed(Refusal):
    http, text = 412, "The object is not as the request expects it"


class Locked(Refusal):
    """Somebody holds a write lock, RFC 4918 §7; `href` of the locked member, None for the collection."""

    http, text = 423, "Locked by another client"
    slug: str | None = None  # of the collection in the user's home; None: the one that the request is about

    def __init__(self, href: str | None = None, text: str | None = None) -> None:
        self.href = href
        super().__init__(text)


class NoSuchLock(Refusal):
    http, text = 409, "No such lock here"


class NoSuchLink(Refusal):
    http, exit, text = 404, 65, "No such link"


class NotASubscription(Refusal):
    http, exit, text = 403, 65, "This calendar shows no outside feed"


# --- scheduling ----------------------------------------------------------------------------------------------
# Preconditions of RFC 6638 §3.2.4 and RFC 4791 §5.3.2.1.


class UniqueSchedulingObject(Refusal):
    """unique-scheduling-object-resource: the same event is in another calendar of the user."""

    http, text = 403, "This event is in another of your calendars already"

    def __init__(self, slug: str, href: str) -> None:
        """Where it is, in the home of the calendar's owner; both decoded."""
        self.slug, self.href = slug, href
        super().__init__(f"This event is in another of your calendars already: {slug}/{href}")


class SameOrganizerNeeded(Refusal):
    """same-organizer-in-all-components"""

    http, text = 403, "All components of an event have the same organizer"


class OrganizerChange(Refusal):
    """allowed-organizer-scheduling-object-change"""

    http, text = 403, "The organizer of an event can not be made another person"


class AttendeeChange(Refusal):
    """allowed-attendee-scheduling-object-change"""

    http, text = 403, "Only the organizer may change this; your answer, alarms and notes are yours"


class TooManyAttendees(LimitReached):
    """max-attendees-per-instance"""

    http, text = 403, "The event invites more people than this server writes to"


class BadSchedulingMessage(BadValue):
    """valid-calendar-data of a POST to the outbox, valid-scheduling-message."""

    """valid-calendar-data and valid-scheduling-message of a POST to the outbox, RFC 6638 §5."""

    http, text = 403, "Not a scheduling message this server takes"
