"""Notifications of other servers, read: who was not reached, why, and which message of ours it was about.

Standard reports (RFC 3464) are read by their fields, in whatever type they are wrapped. Without them the habits of
known senders are tried, in this order:

    X-Failed-Recipients          Exim
    "<address>:" paragraphs      qmail, and what imitates it
    an address and a code        old Exchange, gateways and forms that providers wrote themselves

Nothing here says that a report is true: whoever acts on it looks first whether such a message was sent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mailserver.mail import charsets, transfer
from mailserver.mail.headers import Header, unfolded
from mailserver.mail.message_ids import message_id, message_ids
from mailserver.mail.reports import Action
from mailserver.mail.scanner import Entity, scan
from mailserver.mail.strangers import plain, plain_address
from mailserver.mail.xtext import decode_utf8_address

MAX_OCTETS = 262_144  # of a message that are looked at
MAX_TEXT_OCTETS = 65_536  # of each part that is read
MAX_RECIPIENTS = 200  # of one report; later ones are not read
MAX_LINE = 2000  # characters; what is longer is no line of a report

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
RETURNED_TYPES = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?=[\s#\-_]|$)")
_ADDRESS = re.compile(r"[^\s<>\"'(),:;@\[\]]{1,64}@[^\s<>\"'(),:;@\[\]]{1,253}")
_QMAIL = re.compile(r"\s*<([^<>\s]{1,320})>:\s*$")
_BELOW = ("original message", "copy of the message", "message header", "returned mail", "returned message")
_MESSAGE_ID = re.compile(r"^[ \t>]{0,8}Message-ID:[ \t]{0,8}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_SENDERS = ("mailer-daemon@", "postmaster@", "mailer-daemon ", "mail delivery s", "mailerdaemon", "postmaster ")
_SUBJECTS = (
    "undeliver", "not delivered", "delivery status", "delivery fail", "failure notice", "returned mail",
    "mail delivery failed", "mail delivery system", "delivery notification", "could not be delivered",
    "unzustellbar", "non remis",
)  # fmt: skip
_WAITING = ("delayed", "warning", "will continue", "still trying", "will be retried", "not yet", "verzögert")
_ACTIONS = {action.value: action for action in Action}


@dataclass(frozen=True, slots=True)
class Bounced:
    """What a report says of one recipient."""

    address: str  # as the reporting server tried it
    original: str | None  # as the sender wrote it, where the report says so
    action: Action
    status: str  # "5.1.1"; "5.0.0" where only the class is known
    diagnostic: str  # one line, "" where there is none
    says_why: bool = True  # False: no code stands anywhere, and nobody may be judged by it

    @property
    def is_hard(self) -> bool:
        """It failed for good, and would for any message."""
        return self.action is Action.FAILED and self.says_why and is_about_address(self.status)


# There is none, it is switched off, or the class alone is known. Not those about the sender's address (5.1.7, 5.1.8),
# the message, the way, or the rules of the other side: another message may get through.
_ABOUT_ADDRESS = re.compile(r"5\.(?:1\.(?!7$|8$)\d+|2\.1|0\.0)")


def is_about_address(status: str) -> bool:
    """Whether an enhanced status code says that the address is not worth writing to."""
    return _ABOUT_ADDRESS.fullmatch(status) is not None


@dataclass(frozen=True, slots=True)
class Bounce:
    recipients: tuple[Bounced, ...]  # at least one
    envid: str | None  # of the original envelope, decoded
    message_ids: tuple[str, ...]  # of the original message, the likeliest first, without angle brackets


def parse(message: bytes) -> Bounce | None:
    """None where it is no notification, or names nobody. Never raises, linear in its input."""
    message = message[:MAX_OCTETS]
    entities = scan(message)
    status = next((each for each in entities if each.content.name in STATUS_TYPES), None)
    if status is not None:
        envid, recipients = _read_status(_content(message, status))
    else:
        envid, recipients = None, _read_text(message, entities)
    if not recipients:
        return None
    return Bounce(tuple(recipients), envid, _original_ids(message, entities))


def about_one(message: bytes) -> Bounced | None:
    """The same where the reverse-path says whom it is about, so that the report need not; None: no notification.

    `address`: as the report names it, "" where it does not. Never raises, linear in its input.
    """
    message = message[:MAX_OCTETS]
    named = parse(message)
    if named is not None:
        failed = [each for each in named.recipients if each.action is Action.FAILED]
        return [*failed, *named.recipients][0]
    entities = scan(message)
    status = next((each for each in entities if each.content.name in STATUS_TYPES), None)
    if status is None and not _looks_like_one(entities[0].header):
        return None
    subject = entities[0].header.get(b"subject").decode("utf-8", "replace")
    said = _above_the_copy(next((_content(message, each) for each in entities if each.content.is_text), ""))
    reported = _content(message, status) if status is not None else ""
    return _unnamed(_reason(f"{reported}\n{said}" if reported else said), subject, said)


def _looks_like_one(top: Header) -> bool:
    subject = top.get(b"subject").decode("utf-8", "replace").lower()
    is_report = top.get(b"content-type").strip().lower().startswith(b"multipart/report")
    return is_report or _claims_to_be_one(top) or any(word in subject for word in _SUBJECTS)


def _unnamed(reason: "_Reason", subject: str, said: str) -> Bounced:
    text = f"{subject}\n{said[:MAX_LINE]}".lower()
    waits = reason.status.startswith("4") or (not reason.status and any(words in text for words in _WAITING))
    status = reason.status or ("4.0.0" if waits else "5.0.0")
    return Bounced(
        "", None, Action.DELAYED if waits else Action.FAILED, status, reason.line, says_why=bool(reason.status)
    )


# ---- RFC 3464 ----


def _read_status(text: str) -> tuple[str | None, list[Bounced]]:
    """Blocks of fields between empty lines: the message's, then one for each recipient."""
    blocks = [Header(block.encode("utf-8", "replace")) for block in _blocks(text)]
    envid = next((value for block in blocks if (value := _field(block, b"original-envelope-id"))), None)
    found = [bounced for block in blocks if (bounced := _read_recipient(block)) is not None]
    return envid, found


def _blocks(text: str) -> Iterator[str]:
    return islice((block for block in re.split(r"\r?\n[ \t]*\r?\n", text.strip()) if block), MAX_RECIPIENTS + 1)


def _read_recipient(block: Header) -> Bounced | None:
    address = _typed_address(_field(block, b"final-recipient")) or _typed_address(_field(block, b"x-actual-recipient"))
    original = _typed_address(_field(block, b"original-recipient"))
    if not (address or original):
        return None
    diagnostic = plain(_field(block, b"diagnostic-code").partition(";")[2] or _field(block, b"diagnostic-code"))
    status = _status_in(_field(block, b"status")) or _status_in(diagnostic)
    words = _field(block, b"action").lower().split()
    action = _ACTIONS.get(words[0].strip("();,")) if words else None
    if action is None:
        action = Action.DELAYED if status.startswith("4") else Action.FAILED
    return Bounced(address or original, original or None, action, status or _CLASS[action], diagnostic)


_CLASS = {action: "5.0.0" if action is Action.FAILED else "2.0.0" for action in Action} | {Action.DELAYED: "4.0.0"}


def _field(block: Header, name: bytes) -> str:
    return block.get(name)[:MAX_LINE].decode("utf-8", "replace")


def _typed_address(value: str) -> str:
    """The address of `rfc822; ann@example.org`, also without a type or in angle brackets."""
    kind, semicolon, address = value.partition(";")
    if not semicolon:
        kind, address = "", value
    if kind.strip().lower() == "utf-8":
        address = decode_utf8_address(address)
    return plain_address(address.strip().strip("<>")) if "@" in address else ""


def _status_in(text: str) -> str:
    """The first enhanced status code, or the class of a reply code; "" where there is neither."""
    if found := _STATUS.search(text[:MAX_LINE]):
        return f"{found[1]}.{int(found[2])}.{int(found[3])}"
    reply = _REPLY.search(text[:MAX_LINE])
    return f"{reply[1]}.0.0" if reply else ""


# ---- other habits ----


def _read_text(message: bytes, entities: list[Entity]) -> list[Bounced]:
    top = entities[0].header
    if not _claims_to_be_one(top):
        return []
    text = next((_content(message, each) for each in entities if each.content.name == "text/plain"), "")
    said = _above_the_copy(text)
    named = _ADDRESS.findall(top.listed(b"x-failed-recipients").decode("utf-8", "replace"))
    if named:
        reason = _reason(said)
        return [_failed(address, reason) for address in dict.fromkeys(named[:MAX_RECIPIENTS])]
    return _paragraphs(said) or _nearby(said)


def _above_the_copy(text: str) -> str:
    """Up to the line of dashes that announces the message itself."""
    said: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("---") and any(words in line.lower() for words in _BELOW):
            break
        said.append(line)
    return "\n".join(said)


def _claims_to_be_one(top: Header) -> bool:
    sender = top.get(b"from").decode("utf-8", "replace").lower().lstrip('<" ')
    subject = top.get(b"subject").decode("utf-8", "replace").lower()
    is_from_server = any(word in sender for word in _SENDERS)
    is_about_it = any(word in subject for word in _SUBJECTS)
    return bool(top.get(b"x-failed-recipients")) or is_from_server or (is_about_it and top.get(b"return-path") == b"<>")


def _paragraphs(text: str) -> list[Bounced]:
    """`<address>:` on a line of its own, the reason on the lines after it up to an empty one."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        heading = _QMAIL.match(line[:MAX_LINE])
        if heading is not None and len(found) < MAX_RECIPIENTS:
            current = found.setdefault(heading[1], [])
        elif not line.strip():
            current = None
        elif current is not None:
            current.append(line)
    return [_failed(address, _reason("\n".join(lines))) for address, lines in found.items() if "@" in address]


def _nearby(text: str) -> list[Bounced]:
    """The first address, if a status or reply code stands anywhere: more would be guessing."""
    reason = _reason(text)
    address = _ADDRESS.search(text)
    return [_failed(address[0].strip("."), reason)] if reason.status and address else []


@dataclass(frozen=True, slots=True)
class _Reason:
    status: str  # "" where none is written
    line: str  # that has it, else the first one


def _reason(text: str) -> _Reason:
    for line in text.splitlines():
        if (status := _status_in(line)) and status[0] in "45":
            return _Reason(status, plain(line))
    return _Reason("", plain(text.strip().partition("\n")[0]))


def _failed(address: str, reason: _Reason) -> Bounced:
    status = reason.status or "5.0.0"
    action = Action.DELAYED if status.startswith("4") else Action.FAILED
    return Bounced(plain_address(address), None, action, status, reason.line)


# ---- which message ----


def _original_ids(message: bytes, entities: list[Entity]) -> tuple[str, ...]:
    """From what was given back, from the text below the report, and from the thread it stands in."""
    found: list[str] = []
    for each in entities[1:]:
        if each.parent is not None and each.parent.content.name in RETURNED_TYPES:
            found.append(message_id(each.header.get(b"message-id")))
        elif each.content.name in RETURNED_TYPES:
            text = _content(message, each).encode("utf-8", "replace")
            found.append(message_id(unfolded(Header(text).get(b"message-id"))))
    for each in entities:
        if each.content.name == "text/plain":
            found += [message_id(match.encode()) for match in _MESSAGE_ID.findall(_content(message, each))[:1]]
    top = entities[0].header
    found += message_ids(top.get(b"in-reply-to"))[:1]
    found += reversed(message_ids(top.get(b"references"))[-2:])
    return tuple(dict.fromkeys(each for each in found if each))


def _content(message: bytes, entity: Entity) -> str:
    octets = message[entity.body_start : min(entity.end, entity.body_start + MAX_TEXT_OCTETS)]
    octets = transfer.decode(octets, entity.encoding.name)
    charset = entity.content.charset if entity.content.is_text else "utf-8"
    return charsets.decode(octets, charset) if charset else charsets.guess(octets)
