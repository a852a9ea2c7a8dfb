"""DATA and BDAT: the message itself. RFC 5321 §4.1.1.4, RFC 3030 §2."""

import re

from mailserver.errors import Refusal, TooBig
from mailserver.smtp.content import ENDLESS_FACTOR, BareLineEnd, Content, EndlessMessage
from mailserver.smtp.session import Session, Transaction
from mailserver.smtp.wire.line_ends import DataReader
from mailserver.smtp.wire.replies import refused

# A message may take config.data_seconds and what it needs at this rate, octets a second: a phone on a bad line gets
# its 25 MiB through, a peer that feeds one octet a minute does not hold its connection for a day.
MINIMUM_RATE = 8192

# chunk-size of 1*20DIGIT, RFC 3030 §2; after anything else nobody knows where the next command begins.
_CHUNK = re.compile(rb"([0-9]{1,20})( +LAST)?", re.IGNORECASE)

GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
NO_ARGUMENT = b"501 5.5.4 DATA takes no argument\r\n"
MAIL_FIRST = b"503 5.5.1 MAIL and RCPT come first\r\n"
NO_RECIPIENTS = b"554 5.5.1 No valid recipients\r\n"
IN_CHUNKS = b"503 5.5.1 A message that began with BDAT ends with BDAT\r\n"
TOO_EARLY = b"554 5.5.0 Data before 354; closing connection\r\n"
BAD_CHUNK = b"501 5.5.4 Syntax: BDAT octets [LAST]; closing connection\r\n"
LOGIN_FIRST = b"530 5.7.0 Authentication required\r\n"

# After these nobody knows, or wants to, where the client's next command begins.
LAST_WORDS = (EndlessMessage, BareLineEnd)


async def data(s: Session, argument: bytes) -> bytes:
    transaction = s.transaction
    if argument:
        return NO_ARGUMENT
    if transaction is None:
        return MAIL_FIRST
    if transaction.content is not None:
        return IN_CHUNKS
    if not transaction.recipients:
        return NO_RECIPIENTS
    if s.has_input and s.account is None:
        # RFC 2920 §3.1: DATA is the last of its group. What follows was made to be read by somebody else.
        s.hang_up(TOO_EARLY)
        return b""
    try:
        content = _begin(s, transaction)
        s.send(GO_AHEAD)
        await _read_data(s, content)
        await content.finish()
        return await s.accept(transaction, content)
    except Refusal as refusal:
        return _refuse(s, transaction, refusal)
    finally:
        await s.forget_transaction()


async def bdat(s: Session, argument: bytes) -> bytes:
    """One chunk. Its octets are taken whatever the answer is: they are never commands."""
    found = _CHUNK.fullmatch(argument)
    if found is None:
        s.hang_up(BAD_CHUNK)
        return b""
    size, last = int(found[1]), found[2] is not None
    if size > ENDLESS_FACTOR * s.config.max_message_octets:
        s.hang_up(refused(TooBig()))
        return b""
    transaction = s.transaction
    if transaction is None or not transaction.recipients:
        await _drop(s, size)
        return _why_not(s, transaction)
    keep = False
    try:
        content = transaction.content or _begin(s, transaction)
        await _read_chunk(s, content, size)
        if last:
            await content.finish()
            return await s.accept(transaction, content)
        content.check()
        keep = True
        return b"250 2.0.0 %d octets received\r\n" % size
    except Refusal as refusal:
        return _refuse(s, transaction, refusal)
    finally:
        if not keep:
            await s.forget_transaction()


def _begin(s: Session, transaction: Transaction) -> Content:
    content = Content(s.around.store.incoming(), s.config.max_message_octets, s.face.normalises)
    transaction.content = content
    return content


def _refuse(s: Session, transaction: Transaction, refusal: Refusal) -> bytes:
    s.note_refused(transaction.reverse_path, [rcpt.address for rcpt in transaction.recipients], refusal)
    if isinstance(refusal, LAST_WORDS):
        s.hang_up(refused(refusal))
        return b""
    return refused(refusal)


async def _read_data(s: Session, content: Content) -> None:
    reader = DataReader()
    started = s.clock.monotonic()
    while reader.rest is None:
        await content.write(reader.feed(await s.piece(_deadline(s, started, content.octets))))
    s.put_back(reader.rest)


async def _read_chunk(s: Session, content: Content, size: int) -> None:
    started = s.clock.monotonic()
    while size:
        piece = await s.piece(_deadline(s, started, content.octets), size)
        size -= len(piece)
        await content.write(piece)


async def _drop(s: Session, size: int) -> None:
    started = s.clock.monotonic()
    while size:
        size -= len(await s.piece(_deadline(s, started, 0), size))


def _deadline(s: Session, started: float, octets: int) -> float:
    return started + s.config.data_seconds + octets / MINIMUM_RATE


def _why_not(s: Session, transaction: Transaction | None) -> bytes:
    if s.face.logs_in and s.account is None:
        return LOGIN_FIRST
    return MAIL_FIRST if transaction is None else NO_RECIPIENTS
