"""One message over one session: MAIL, RCPT for each recipient, DATA; and again for those there was no room for, and
for each that has a reverse-path of its own.

Each recipient has its own answer. One whom the server refused is never part of what the others are told, and one that
is asked to wait is nobody's failure. After the end of data an answer that does not come leaves those recipients in
doubt: the message may have arrived, or not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice

from mailserver.remote import opening
from mailserver.remote.answers import Answer, Answers
from mailserver.remote.content import CannotConvert
from mailserver.remote.envelope import Mail, Plan, Recipient, Unsendable, mail_command, plan, rcpt_command
from mailserver.remote.replies import Meaning, Stage
from mailserver.remote.session import Session
from mailserver.remote.spooled import Content, Sign
from mailserver.remote.wire import Unpaired

MAX_RECIPIENTS = 100  # of one transaction; RFC 5321 §4.5.3.1.8 makes every server take so many
IN_DOUBT = "The connection was lost after the whole message was sent: it may have arrived and will be sent again"


def nothing() -> None:
    """Nobody wants to know."""


async def hand_over(
    session: Session,
    mail: Mail,
    recipients: Mapping[int, Recipient],
    content: Content,
    sign: Sign,
    answers: Answers,
    ended: Callable[[], None] = nothing,
) -> None:
    """Put an answer for each recipient into `answers`. `ended`: called after each transaction but the last.

    Raises Unsendable before anything was sent; WireFailed and Refused (the server hung up) leave those out who have
    no answer yet.
    """
    way = plan(mail, [*recipients.values()], content.facts, session.offered)
    commands = dict(_commands(session, recipients, way, answers))
    if not commands:
        return
    senders = {entry_id: recipients[entry_id].reverse_path for entry_id in commands}
    if not way.converts:
        await _send_to_all(session, mail, way, commands, senders, content, answers, ended)
        return
    try:
        converted = await content.seven_bit(sign, mail.sender)
    except CannotConvert as fault:
        text = f"The server does not take 8-bit mail and this can not be converted: {fault}"
        raise Unsendable(554, "5.6.3", text) from None
    async with converted:
        await _send_to_all(session, mail, way, commands, senders, converted, answers, ended)


def _commands(
    session: Session, recipients: Mapping[int, Recipient], way: Plan, answers: Answers
) -> Iterable[tuple[int, bytes]]:
    for entry_id, recipient in recipients.items():
        try:
            yield entry_id, rcpt_command(recipient, way, session.offered)
        except Unsendable as fault:
            answers[entry_id] = Answer(Meaning.FAIL, fault.code, fault.status, fault.text)


async def _send_to_all(
    session: Session,
    mail: Mail,
    way: Plan,
    commands: dict[int, bytes],
    senders: Mapping[int, str | None],
    content: Content,
    answers: Answers,
    ended: Callable[[], None],
) -> None:
    """`senders`: reverse-paths of their own; those without one share the sender's."""
    offered, facts = session.offered, content.facts
    most = min(MAX_RECIPIENTS, offered.max_recipients or MAX_RECIPIENTS)
    while commands:
        first = next(iter(commands))
        some = dict(islice(((each, said) for each, said in commands.items() if senders[each] == senders[first]), most))
        own = replace(mail, sender=senders[first] or mail.sender)
        start = mail_command(own, way, facts.octets, facts.is_ascii, offered)
        await _transact(session, start, some, content, answers)
        if first in answers and answers[first].stage is Stage.MAIL:  # the next one would hear the same
            answers.update(dict.fromkeys(commands, answers[first]))
        commands = {entry_id: command for entry_id, command in commands.items() if entry_id not in answers}
        if commands:
            ended()


async def _transact(
    session: Session, start: bytes, commands: dict[int, bytes], content: Content, answers: Answers
) -> None:
    """Answers at least one of them."""
    wire, deadlines = session.wire, session.deadlines
    session.messages += 1
    accepted = await opening.begin(session, start, commands, answers)
    if not accepted:
        return
    try:
        reply = await wire.send(content.pieces(), deadlines.block, deadlines.end)
    except BaseException:
        if wire.sent_end:
            answers.update(dict.fromkeys(accepted, Answer(Meaning.DEFER, None, None, IN_DOUBT)))
        raise
    answers.update(dict.fromkeys(accepted, Answer.of(reply, Stage.CONTENT, is_ours=session.is_ours)))
    wire.leave_if_told(reply)
    if not reply.is_ok:  # what ended well leaves nothing behind, RFC 5321 §4.1.1.4; of the rest be sure
        try:
            await opening.clear(session)
        except Unpaired:
            wire.abort()
