"""MAIL, RCPT, RSET: from whom and to whom. RFC 5321 §3.3, RFC 6409 §6, RFC 6531 §3.4, RFC 4865, RFC 8689."""

import re

from mailserver.errors import BadAddress, BadValue, LimitReached, Refusal, TooBig
from mailserver.mail.transaction import EnvelopeRecipient
from mailserver.smtp.session import Session, Transaction
from mailserver.smtp.wire import paths
from mailserver.smtp.wire.future_release import release_time
from mailserver.smtp.wire.parameters import mail_parameters, rcpt_parameters

# "FROM: <…>" with a space is not in the grammar, but in the habits of many clients.
_FROM = re.compile(rb"FROM: *", re.IGNORECASE)
_TO = re.compile(rb"TO: *", re.IGNORECASE)

SENDER_OK = b"250 2.1.0 Ok\r\n"
RECIPIENT_OK = b"250 2.1.5 Ok\r\n"
RESET_OK = b"250 2.0.0 Ok\r\n"
MAIL_TWICE = b"503 5.5.1 A transaction is open; RSET or finish it first\r\n"
MAIL_FIRST = b"503 5.5.1 MAIL comes first\r\n"
IN_CONTENT = b"503 5.5.1 The message has begun; send the rest of it, or RSET\r\n"
BAD_RESET = b"501 5.5.4 RSET takes no argument\r\n"
TOO_MANY_MESSAGES = b"421 4.7.0 Too many messages on one connection; open a new one\r\n"


class NeedsSmtputf8(BadAddress):
    smtp, text = "553 5.6.7", "Only under SMTPUTF8 may an address hold more than ASCII"


class NotExtended(BadValue):
    smtp, text = "555 5.5.4", "Parameters need EHLO"


class RequireTlsNeedsTls(BadValue):
    smtp, text = "530 5.7.10", "REQUIRETLS only inside TLS: say STARTTLS first"


class TooManyRecipients(LimitReached):
    text = "Too many recipients; send the message again to the others"


async def mail(s: Session, argument: bytes) -> bytes:
    if s.transaction is not None:
        return MAIL_TWICE if s.transaction.content is None else IN_CONTENT
    if s.messages >= s.config.max_messages:
        s.hang_up(TOO_MANY_MESSAGES)
        return b""
    path, rest = paths.reverse_path(_after(_FROM, argument, paths.BadReversePath))
    _check_extended(s, rest)
    parameters = mail_parameters(rest)
    if path.needs_utf8 and not parameters.smtputf8:
        raise NeedsSmtputf8
    if parameters.require_tls and s.tls is None:
        raise RequireTlsNeedsTls
    hold_until = release_time(parameters, s.clock.now(), s.face.max_hold_seconds)
    try:
        if parameters.size is not None and parameters.size > s.config.max_message_octets:
            raise TooBig
        await s.face.check_sender(s.account, str(path), s.peer)
    except Refusal as refusal:
        s.note_refused(str(path), [""], refusal)
        raise
    s.transaction = Transaction(str(path), parameters, hold_until)
    return SENDER_OK


async def rcpt(s: Session, argument: bytes) -> bytes:
    """Whoever guesses names is made to wait: RFC 5321 §7.3, and the error ceiling of the session."""
    transaction = s.transaction
    if transaction is None:
        return MAIL_FIRST
    if transaction.content is not None:
        return IN_CONTENT
    if len(transaction.recipients) >= s.config.max_recipients:
        raise TooManyRecipients  # temporary: the client sends to the others afterwards, RFC 5321 §4.5.3.1.10
    path, rest = paths.forward_path(_after(_TO, argument, paths.BadForwardPath))
    _check_extended(s, rest)
    parameters = rcpt_parameters(rest)
    if path.needs_utf8 and not transaction.parameters.smtputf8:
        raise NeedsSmtputf8
    address = str(path) if path.domain else f"{path}@{s.around.hostname}"
    try:
        resolved = await s.face.resolve(s.account, address, transaction.parameters.size, transaction.reverse_path)
    except Refusal as refusal:
        s.note_refused(transaction.reverse_path, [address], refusal)
        await _tarpit(s, refusal)
        raise
    transaction.recipients.append(EnvelopeRecipient(address, resolved, parameters.notify, parameters.orcpt))
    return RECIPIENT_OK


async def rset(s: Session, argument: bytes) -> bytes:
    if argument:
        return BAD_RESET
    await s.forget_transaction()
    return RESET_OK


def _after(word: re.Pattern[bytes], argument: bytes, bad: type[BadAddress]) -> bytes:
    found = word.match(argument)
    if found is None:
        raise bad
    return argument[found.end() :]


def _check_extended(s: Session, rest: bytes) -> None:
    if rest and not s.session.extended_smtp:
        raise NotExtended


async def _tarpit(s: Session, refusal: Refusal) -> None:
    if s.account is None and refusal.smtp.startswith("5"):
        await s.clock.sleep(s.config.tarpit_seconds)
